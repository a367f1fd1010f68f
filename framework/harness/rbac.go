package harness

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// roleName is the name of the roles that let the subject run inroads, and of their
// bindings: each subject has its own, so that those of one do not replace those of
// another.
func roleName(subject rbacv1.Subject) string {
	parts := []string{"inroads", strings.ToLower(subject.Kind), subject.Namespace, subject.Name}
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	// What a name of RBAC may not have, of what one of a user may.
	return strings.NewReplacer("/", "-", "%", "-").Replace(strings.Join(parts, ":"))
}

// Roles returns the roles by which the subject has the rights and no other, each
// followed by its binding: a ClusterRole for what is in no namespace, or in
// namespaces whose names are not known before the run, and a Role for each
// namespace that rights name. The same rights give the same objects.
func Roles(rights []catalog.Right, subject rbacv1.Subject) []runtime.Object {
	byNamespace := map[string][]catalog.Right{}
	for _, r := range rights {
		byNamespace[r.Namespace] = append(byNamespace[r.Namespace], r)
	}
	// What is granted everywhere need not be granted in one namespace again.
	everywhere := map[catalog.Right]bool{}
	for _, r := range byNamespace[""] {
		r.Namespaced = false
		everywhere[r] = true
	}
	var namespaces []string
	for ns := range byNamespace {
		namespaces = append(namespaces, ns)
	}
	slices.Sort(namespaces)
	var all []runtime.Object
	for _, ns := range namespaces {
		own := slices.DeleteFunc(byNamespace[ns], func(r catalog.Right) bool {
			anywhere := r
			anywhere.Namespaced, anywhere.Namespace = false, ""
			anyName := anywhere
			anyName.Name = ""
			return ns != "" && (everywhere[anywhere] || everywhere[anyName])
		})
		if len(own) > 0 {
			all = append(all, roleAndBinding(ns, mergeRules(own), subject)...)
		}
	}
	return all
}

func roleAndBinding(namespace string, rules []rbacv1.PolicyRule, subject rbacv1.Subject) []runtime.Object {
	meta := metav1.ObjectMeta{Name: roleName(subject), Namespace: namespace, Labels: map[string]string{LabelManagedBy: ManagedBy}}
	kind := func(name string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: name}
	}
	ref := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: name, Name: roleName(subject)}
	}
	subjects := []rbacv1.Subject{subject}
	if namespace == "" {
		return []runtime.Object{
			&rbacv1.ClusterRole{TypeMeta: kind("ClusterRole"), ObjectMeta: meta, Rules: rules},
			&rbacv1.ClusterRoleBinding{TypeMeta: kind("ClusterRoleBinding"), ObjectMeta: meta, RoleRef: ref("ClusterRole"), Subjects: subjects},
		}
	}
	return []runtime.Object{
		&rbacv1.Role{TypeMeta: kind("Role"), ObjectMeta: meta, Rules: rules},
		&rbacv1.RoleBinding{TypeMeta: kind("RoleBinding"), ObjectMeta: meta, RoleRef: ref("Role"), Subjects: subjects},
	}
}

// mergeRules returns rules that grant the rights and no other: first the
// resources of a group, or the paths, with the same verbs become one rule.
func mergeRules(rights []catalog.Right) []rbacv1.PolicyRule {
	type object struct{ group, resource, name, path string }
	verbs := map[object][]string{}
	var objects []object
	for _, r := range rights {
		o := object{r.Group, strings.TrimSuffix(r.Resource+"/"+r.Subresource, "/"), r.Name, r.NonResourceURL}
		if verbs[o] == nil {
			objects = append(objects, o)
		}
		verbs[o] = append(verbs[o], r.Verb)
	}
	// A verb on every object need not be granted on one again.
	for _, o := range objects {
		if o.name != "" {
			all := verbs[object{group: o.group, resource: o.resource}]
			verbs[o] = slices.DeleteFunc(verbs[o], func(v string) bool { return slices.Contains(all, v) })
		}
		slices.Sort(verbs[o])
		verbs[o] = slices.Compact(verbs[o])
	}
	slices.SortFunc(objects, func(a, b object) int {
		return slices.Compare([]string{a.path, a.group, a.name, a.resource}, []string{b.path, b.group, b.name, b.resource})
	})
	var rules []rbacv1.PolicyRule
	for _, o := range objects {
		if len(verbs[o]) == 0 {
			continue
		}
		rule := rbacv1.PolicyRule{Verbs: verbs[o]}
		if o.path != "" {
			rule.NonResourceURLs = []string{o.path}
		} else {
			rule.APIGroups, rule.Resources = []string{o.group}, []string{o.resource}
			if o.name != "" {
				rule.ResourceNames = []string{o.name}
			}
		}
		i := slices.IndexFunc(rules, func(r rbacv1.PolicyRule) bool {
			return slices.Equal(r.Verbs, rule.Verbs) && slices.Equal(r.APIGroups, rule.APIGroups) &&
				slices.Equal(r.ResourceNames, rule.ResourceNames) && (len(r.NonResourceURLs) > 0) == (len(rule.NonResourceURLs) > 0)
		})
		if i < 0 {
			rules = append(rules, rule)
			continue
		}
		rules[i].Resources = append(rules[i].Resources, rule.Resources...)
		rules[i].NonResourceURLs = append(rules[i].NonResourceURLs, rule.NonResourceURLs...)
	}
	return rules
}
