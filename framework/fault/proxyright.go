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
	Name: proxyRightMissingName, Hop: catalog.HopAuthz, Scope: Cluster, Spares: throughout,
	Inject: func(ctx context.Context, s *Site) error {
		rules, err := allBut(s.Client.Discovery(), withheld)
		if err != nil {
			return err
		}
		namespace, err := s.newCaller(ctx, proxyRightMissingName)
		if err != nil {
			return err
		}
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: keptPrefix + proxyRightMissingName, Labels: madeBy(proxyRightMissingName)}, Rules: rules}
		if _, err := s.Client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating a ClusterRole of all rights but %s: %w", strings.Join(withheld, ", "), err)
		}
		caller := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: callerName}
		if err := bind(ctx, s, proxyRightMissingName, role.Name, caller); err != nil {
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
		err := s.Client.RbacV1().ClusterRoles().Delete(ctx, keptPrefix+proxyRightMissingName, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			err = nil
		}
		return errors.Join(err, unbind(ctx, s, proxyRightMissingName), removeNamespaces(proxyRightMissingName)(ctx, s))
	},
	Healed: namespacesGone(proxyRightMissingName),
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
