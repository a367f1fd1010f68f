package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const proxyRightMissingName = "proxy-right-missing"

// withheld are the resources of the core group that the user may not use.
var withheld = []string{"nodes/proxy", "pods/proxy", "services/proxy"}

// actedAs are what one can be impersonated as; discovery does not tell of them.
var actedAs = []string{"groups", "serviceaccounts", "users"}

var proxyRightMissing = Fault{
	Name: proxyRightMissingName, Hop: catalog.HopAuthz, Scope: Cluster,
	Inject: func(ctx context.Context, s *Site) error {
		rules, err := allBut(s.Client.Discovery(), withheld)
		if err != nil {
			return err
		}
		namespace, err := s.newCaller(ctx, proxyRightMissingName)
		if err != nil {
			return err
		}
		if err := s.allowCaller(ctx, namespace, rules); err != nil {
			return err
		}
		token, err := tokenOfAccount(ctx, s, namespace)
		if err != nil {
			return err
		}
		return s.callWith(token)
	},
	Took: whole,
	Heal: func(ctx context.Context, s *Site) error {
		return errors.Join(s.removeRights(ctx), removeNamespaces(proxyRightMissingName)(ctx, s))
	},
	Healed: func(ctx context.Context, s *Site) error {
		return errors.Join(s.rightsGone(ctx), namespacesGone(proxyRightMissingName)(ctx, s))
	},
}

// allowCaller gives the caller in the namespace the rights. Role and binding have
// the namespace's name, which is the cluster's only one of it.
func (s *Site) allowCaller(ctx context.Context, namespace string, rules []rbacv1.PolicyRule) error {
	meta := metav1.ObjectMeta{Name: namespace, Labels: madeBy(proxyRightMissingName)}
	_, err := s.Client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating a ClusterRole of all rights but %s: %w", strings.Join(withheld, ", "), err)
	}
	_, err = s.Client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: callerName}},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating a ClusterRoleBinding: %w", err)
	}
	return nil
}

func (s *Site) removeRights(ctx context.Context) error {
	roles, bindings, err := s.rights(ctx)
	if err != nil {
		return err
	}
	for _, b := range bindings {
		if err := s.Client.RbacV1().ClusterRoleBindings().Delete(ctx, b.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting ClusterRoleBinding %q: %w", b.Name, err)
		}
	}
	for _, r := range roles {
		if err := s.Client.RbacV1().ClusterRoles().Delete(ctx, r.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting ClusterRole %q: %w", r.Name, err)
		}
	}
	return nil
}

func (s *Site) rightsGone(ctx context.Context) error {
	roles, bindings, err := s.rights(ctx)
	if err == nil && len(roles)+len(bindings) > 0 {
		err = errors.New("a ClusterRole or a ClusterRoleBinding is still there")
	}
	return err
}

func (s *Site) rights(ctx context.Context) ([]rbacv1.ClusterRole, []rbacv1.ClusterRoleBinding, error) {
	roles, err := s.Client.RbacV1().ClusterRoles().List(ctx, ownedBy(proxyRightMissingName))
	if err != nil {
		return nil, nil, fmt.Errorf("listing ClusterRoles: %w", err)
	}
	bindings, err := s.Client.RbacV1().ClusterRoleBindings().List(ctx, ownedBy(proxyRightMissingName))
	if err != nil {
		return nil, nil, fmt.Errorf("listing ClusterRoleBindings: %w", err)
	}
	return roles.Items, bindings.Items, nil
}

// allBut returns the right to do everything to everything that the API serves,
// but for some resources of the core group. RBAC knows no exception, so all
// others are named.
func allBut(d discovery.DiscoveryInterface, but []string) ([]rbacv1.PolicyRule, error) {
	_, lists, err := d.ServerGroupsAndResources()
	if err != nil {
		return nil, fmt.Errorf("listing the resources of the API: %w", err)
	}
	byGroup := map[string][]string{"": slices.Clone(actedAs)}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("listing the resources of the API: %w", err)
		}
		for _, r := range list.APIResources {
			if gv.Group == "" && slices.Contains(but, r.Name) {
				continue
			}
			byGroup[gv.Group] = append(byGroup[gv.Group], r.Name)
		}
	}
	rules := []rbacv1.PolicyRule{{Verbs: []string{rbacv1.VerbAll}, NonResourceURLs: []string{rbacv1.NonResourceAll}}}
	for group, resources := range byGroup {
		slices.Sort(resources)
		rules = append(rules, rbacv1.PolicyRule{Verbs: []string{rbacv1.VerbAll}, APIGroups: []string{group}, Resources: slices.Compact(resources)})
	}
	slices.SortFunc(rules, func(a, b rbacv1.PolicyRule) int { return slices.Compare(a.APIGroups, b.APIGroups) })
	return rules, nil
}
