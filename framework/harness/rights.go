package harness

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Rights returns the rights that the run's user needs for the claims, each once,
// sorted. They are those of the catalogue, unless specs share a namespace: then
// what a spec creates is deleted by itself, and where the namespace is the user's
// own, none is created and all is asked for in that one alone.
func (o Options) Rights(claims ...catalog.Claim) []catalog.Right {
	var all []catalog.Right
	for _, c := range claims {
		all = append(all, o.rightsOf(c)...)
	}
	slices.SortFunc(all, catalog.Right.Compare)
	return slices.Compact(all)
}

// Explaining returns the rights that none of the claims needs, and without which a run
// may blame the cluster for what a NetworkPolicy drops.
func (o Options) Explaining(claims ...catalog.Claim) []catalog.Right {
	if !slices.ContainsFunc(claims, func(c catalog.Claim) bool { return slices.Contains(c.Needs, catalog.Pods) }) {
		return nil
	}
	return []catalog.Right{{Verb: "list", Group: networkingv1.GroupName, Resource: "networkpolicies", Namespaced: true, Namespace: o.Namespace}}
}

func (o Options) rightsOf(c catalog.Claim) []catalog.Right {
	all := o.specRights(c)
	if slices.Contains(c.Needs, catalog.Pods) {
		return slices.Concat(all, o.pullRights())
	}
	return all
}

func (o Options) specRights(c catalog.Claim) []catalog.Right {
	if !o.shared() || slices.Contains(c.Needs, catalog.ClusterScoped) {
		return c.Rights
	}
	var all []catalog.Right
	for _, r := range c.Rights {
		ofRun := r.Namespaced && r.Namespace == ""
		switch {
		case isNamespaces(r) && o.Namespace != "":
			continue
		case ofRun:
			r.Namespace = o.Namespace
		}
		all = append(all, r)
		if ofRun && r.Verb == "create" && r.Subresource == "" {
			r.Verb = "delete"
			all = append(all, r)
		}
	}
	return all
}

// isNamespaces is whether the right is to make namespaces, or to remove them.
func isNamespaces(r catalog.Right) bool {
	return r.Group == "" && r.Resource == "namespaces" && (r.Verb == "create" || r.Verb == "delete")
}

// shared is whether the specs take turns in one namespace: on a cluster of
// somebody else's, unless the user has allowed cluster-scoped objects and named no
// namespace.
func (o Options) shared() bool {
	return o.Namespace != "" || o.Existing() && !o.ClusterScoped
}

// takesTurns is whether the spec of the claim works in the namespace that all
// share.
func (o Options) takesTurns(c catalog.Claim) bool {
	return o.shared() && !slices.Contains(c.Needs, catalog.ClusterScoped) && slices.ContainsFunc(c.Rights, isNamespaces)
}
