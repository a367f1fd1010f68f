package fault

import (
	"context"
	"fmt"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	anonymousUser        = "system:anonymous"
	unauthenticatedGroup = "system:unauthenticated"
	authenticatedGroup   = "system:authenticated"
	accountsGroup        = "system:serviceaccounts"
	controllersGroup     = accountsGroup + ":" + metav1.NamespaceSystem
	// discoveryRole is the ClusterRole, and the ClusterRoleBinding, by which
	// everybody who is authenticated reads the root of the API.
	discoveryRole = "system:discovery"
	// stranger is a user whom no binding names.
	stranger = "inroads-nobody"
)

var rbacFaults = []Fault{
	byDefault(bindingFault("anonymous-let-in", "view", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: anonymousUser})),
	byDefault(bindingFault("anonymous-cluster-admin", "cluster-admin", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: unauthenticatedGroup})),
	bindingFault("serviceaccounts-may-view", "view", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: accountsGroup}),
	discoveryUnbound,
}

// byDefault is for faults about what anonymous requests may do, which says
// something only where the API server takes them.
func byDefault(f Fault) Fault {
	f.Needs = append(f.Needs, AnonymousByDefault)
	return f
}

// bindingFault lets a user or a group do what a ClusterRole allows, which is to
// list pods among other things.
func bindingFault(name, role string, to rbacv1.Subject) Fault {
	listPods := func(ctx context.Context, s *Site, want bool) error {
		return mayDo(ctx, s, to, want, authorizationv1.SubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods", Namespace: metav1.NamespaceDefault},
		})
	}
	return Fault{
		Name: name, Hop: catalog.HopAuthz, Scope: Cluster, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error { return bind(ctx, s, name, role, to) },
		Took:   func(ctx context.Context, s *Site) error { return listPods(ctx, s, true) },
		Heal:   func(ctx context.Context, s *Site) error { return unbind(ctx, s, name) },
		Healed: func(ctx context.Context, s *Site) error { return listPods(ctx, s, false) },
	}
}

// discoveryUnbound takes the group of everybody out of the binding of discovery.
// The controllers of the cluster, which would stop without, keep it.
var discoveryUnbound = Fault{
	Name: "discovery-unbound", Hop: catalog.HopAuthz, Scope: Cluster, Spares: throughout,
	Inject: func(ctx context.Context, s *Site) error {
		keep := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: controllersGroup}
		if err := bind(ctx, s, "discovery-unbound", discoveryRole, keep); err != nil {
			return err
		}
		return discoveryFor(ctx, s, false)
	},
	Took: func(ctx context.Context, s *Site) error { return discovers(ctx, s, false) },
	Heal: func(ctx context.Context, s *Site) error {
		if err := discoveryFor(ctx, s, true); err != nil {
			return err
		}
		return unbind(ctx, s, "discovery-unbound")
	},
	Healed: func(ctx context.Context, s *Site) error { return discovers(ctx, s, true) },
}

// discoveryFor puts the group of everybody into the binding of discovery, or
// takes it out.
func discoveryFor(ctx context.Context, s *Site, everybody bool) error {
	bindings := s.Client.RbacV1().ClusterRoleBindings()
	binding, err := bindings.Get(ctx, discoveryRole, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading ClusterRoleBinding %q: %w", discoveryRole, err)
	}
	group := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: authenticatedGroup}
	subjects := slices.DeleteFunc(slices.Clone(binding.Subjects), func(x rbacv1.Subject) bool { return x == group })
	if everybody {
		subjects = append(subjects, group)
	}
	if slices.Equal(subjects, binding.Subjects) {
		return nil
	}
	binding.Subjects = subjects
	if _, err := bindings.Update(ctx, binding, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("changing ClusterRoleBinding %q: %w", discoveryRole, err)
	}
	return nil
}

func discovers(ctx context.Context, s *Site, want bool) error {
	group := rbacv1.Subject{Kind: rbacv1.GroupKind, Name: authenticatedGroup}
	return mayDo(ctx, s, group, want, authorizationv1.SubjectAccessReviewSpec{
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/api"},
	})
}

// mayDo returns nil if the API server says of the user, or of a user of the
// group, that it may do it, or may not.
func mayDo(ctx context.Context, s *Site, who rbacv1.Subject, want bool, what authorizationv1.SubjectAccessReviewSpec) error {
	what.User = who.Name
	if who.Kind == rbacv1.GroupKind {
		what.User, what.Groups = stranger, []string{who.Name}
	}
	may, err := allowed(ctx, s, what)
	if err == nil && may != want {
		err = fmt.Errorf("whether %q is allowed it: %t", who.Name, may)
	}
	return err
}

// bind makes the fault's ClusterRoleBinding.
func bind(ctx context.Context, s *Site, fault, role string, to rbacv1.Subject) error {
	_, err := s.Client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: keptPrefix + fault, Labels: madeBy(fault)},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{to},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("binding ClusterRole %q to %q: %w", role, to.Name, err)
	}
	return nil
}

// unbind removes the fault's ClusterRoleBinding, if there is one.
func unbind(ctx context.Context, s *Site, fault string) error {
	err := s.Client.RbacV1().ClusterRoleBindings().Delete(ctx, keptPrefix+fault, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting ClusterRoleBinding %q: %w", keptPrefix+fault, err)
	}
	return nil
}
