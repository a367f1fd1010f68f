package harness

import (
	"fmt"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// granted returns what the roles grant, as rights, in an order that means nothing.
func granted(t *testing.T, objects []runtime.Object) []catalog.Right {
	t.Helper()
	var all []catalog.Right
	add := func(namespace string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			names := rule.ResourceNames
			if len(names) == 0 {
				names = []string{""}
			}
			for _, verb := range rule.Verbs {
				for _, path := range rule.NonResourceURLs {
					all = append(all, catalog.Right{Verb: verb, NonResourceURL: path})
				}
				for _, resource := range rule.Resources {
					for _, name := range names {
						all = append(all, catalog.Right{Verb: verb, Group: rule.APIGroups[0], Resource: resource, Name: name, Namespace: namespace})
					}
				}
			}
		}
	}
	for _, o := range objects {
		switch o := o.(type) {
		case *rbacv1.ClusterRole:
			add("", o.Rules)
		case *rbacv1.Role:
			add(o.Namespace, o.Rules)
		}
	}
	return all
}

// flat returns the right as granted has it.
func flat(r catalog.Right) catalog.Right {
	if r.Subresource != "" {
		r.Resource, r.Subresource = r.Resource+"/"+r.Subresource, ""
	}
	r.Namespaced = false
	return r
}

// covers is whether the grant is of the right, or of a wider one.
func covers(grant, right catalog.Right) bool {
	if grant.Namespace == "" {
		right.Namespace = ""
	}
	if grant.Name == "" {
		right.Name = ""
	}
	return grant == right
}

// TestRolesGrantTheRights proves that the roles grant each right, and nothing
// that no right asks for, whatever is selected.
func TestRolesGrantTheRights(t *testing.T) {
	for _, o := range []Options{
		{Page: true}, {Context: "c"}, {Context: "c", ClusterScoped: true}, {Context: "c", Namespace: "mine"},
		{Context: "c", Namespace: "mine", ClusterScoped: true}, {Context: "c", NoPods: true},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			sets := [][]catalog.Claim{o.Applicable()}
			for _, c := range o.Applicable() {
				sets = append(sets, []catalog.Claim{c})
			}
			for _, claims := range sets {
				rights := o.Rights(claims...)
				grants := granted(t, Roles(rights, rbacv1.Subject{}))
				for _, r := range rights {
					if !slices.ContainsFunc(grants, func(g catalog.Right) bool { return covers(g, flat(r)) }) {
						t.Errorf("the roles of %d claims do not grant: %s", len(claims), r)
					}
				}
				for i, g := range grants {
					if !slices.ContainsFunc(rights, func(r catalog.Right) bool { return g == flat(r) }) {
						t.Errorf("the roles of %d claims grant what no claim needs: %+v", len(claims), g)
					}
					for j, other := range grants {
						if i != j && covers(other, g) {
							t.Errorf("the roles of %d claims grant twice: %+v", len(claims), g)
						}
					}
				}
			}
		})
	}
}

// TestRightsInOneNamespace proves that a run in a namespace that is there asks for
// nothing in others that no claim names, and for no namespace.
func TestRightsInOneNamespace(t *testing.T) {
	o := Options{Context: "c", Namespace: "mine"}
	rights := o.Rights(o.Applicable()...)
	for _, r := range rights {
		if r.Namespaced && r.Namespace == "" {
			t.Errorf("it asks for a right in all namespaces: %s", r)
		}
		if r.Resource == "namespaces" && r.Verb != "list" {
			t.Errorf("it asks for the right to %s", r)
		}
	}
	for _, resource := range []string{"pods", "services", "secrets", "configmaps", "serviceaccounts", "roles", "rolebindings"} {
		if !slices.ContainsFunc(rights, func(r catalog.Right) bool {
			return r.Resource == resource && r.Verb == "delete" && r.Namespace == "mine"
		}) {
			t.Errorf("it creates %s, and does not ask for the right to delete them", resource)
		}
	}
	if slices.ContainsFunc(o.Applicable(), func(c catalog.Claim) bool { return slices.Contains(c.Needs, catalog.ClusterScoped) }) {
		t.Error("it takes claims for applicable that need cluster-scoped objects")
	}
}

func TestRolesOfNothing(t *testing.T) {
	if all := Roles(nil, rbacv1.Subject{}); len(all) != 0 {
		t.Errorf("no right gives %d objects", len(all))
	}
}

func TestRolesAreOfOneSubject(t *testing.T) {
	for want, subject := range map[string]rbacv1.Subject{
		"inroads:user:jane":              {APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "jane"},
		"inroads:group:jane":             {APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "jane"},
		"inroads:user:oidc:-a-100-b":     {APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "oidc:/a%100/b"},
		"inroads:serviceaccount:ci:bot":  {Kind: rbacv1.ServiceAccountKind, Namespace: "ci", Name: "bot"},
		"inroads:serviceaccount:ci2:bot": {Kind: rbacv1.ServiceAccountKind, Namespace: "ci2", Name: "bot"},
	} {
		for _, o := range Roles([]catalog.Right{{Verb: "list", Resource: "pods", Namespaced: true}}, subject) {
			if got := o.(metav1.Object).GetName(); got != want || len(content.IsPathSegmentName(got)) > 0 {
				t.Errorf("%T of %v is named %q, want %q", o, subject, got, want)
			}
		}
	}
}
