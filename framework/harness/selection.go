package harness

import (
	"slices"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

// Selects is whether the options ask for the claim.
func (o Options) Selects(c catalog.Claim) bool {
	return in(o.Claims, c.ID) && in(o.Paths, c.Path) && in(o.Levels, c.Level) && o.reaches(c) && !slices.Contains(o.Except, c.ID)
}

// reaches is whether the claim is proven on a topology of the run.
func (o Options) reaches(c catalog.Claim) bool {
	if o.Topology != "" {
		return c.IsOn(o.Topology)
	}
	given := c.IsOn(catalog.TopologyClientLibraries) && o.Images.Library != ""
	return o.Page || c.IsOn(catalog.TopologyMultiNode) || given || slices.Contains(o.Claims, c.ID)
}

// Topologies returns those of the clusters that the run makes, each of which has
// a selected claim. A cluster that is there, or of a configuration of the user's,
// has the one that it has: "".
func (o Options) Topologies() []catalog.Topology {
	if o.Topology != "" || o.Existing() || o.KindConfig != "" {
		return []catalog.Topology{o.Topology}
	}
	return slices.DeleteFunc(catalog.Topologies(), func(t catalog.Topology) bool {
		return !slices.ContainsFunc(o.Selected(), func(c catalog.Claim) bool {
			// A claim that most clusters will do for needs the others only for the page.
			return c.IsOn(t) && (o.Page || t == catalog.TopologyMultiNode || !c.IsOn(catalog.TopologyMultiNode))
		})
	})
}

// Selected returns the claims that the options ask for, sorted by id.
func (o Options) Selected() []catalog.Claim {
	return slices.DeleteFunc(catalog.Claims(), func(c catalog.Claim) bool { return !o.Selects(c) })
}

// Applicable returns the selected claims without those that are known, before any
// look at the cluster, not to be put to the test there.
func (o Options) Applicable() []catalog.Claim {
	return slices.DeleteFunc(o.Selected(), func(c catalog.Claim) bool {
		needs := func(f catalog.Feature) bool { return slices.Contains(c.Needs, f) }
		// As keepsOff has it: whoever gives the image of the libraries needs no topology.
		elsewhere := !c.IsOn(catalog.TopologyMultiNode) && (!o.hasLibrary() || !needs(catalog.LibraryImage))
		return o.Existing() && (c.Disruptive || needs(catalog.SetUpByTool) || elsewhere) ||
			o.NoPods && needs(catalog.Pods) || !o.mayClusterScoped() && needs(catalog.ClusterScoped)
	})
}

// hasLibrary is whether the run was given an image with client libraries, or a
// cluster that has one.
func (o Options) hasLibrary() bool {
	return o.Images.Library != "" || slices.ContainsFunc(o.Clusters, func(ref cluster.Ref) bool { return ref.Images.Library != "" })
}

// mayClusterScoped is whether specs may create cluster-scoped objects.
func (o Options) mayClusterScoped() bool { return o.ClusterScoped || !o.shared() }

// in is whether the list is empty, which selects everything, or has the value.
func in[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }
