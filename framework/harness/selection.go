package harness

import (
	"slices"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Selects is whether the options ask for the claim.
func (o Options) Selects(c catalog.Claim) bool {
	return in(o.Claims, c.ID) && in(o.Paths, c.Path) && in(o.Levels, c.Level) && (o.Topology == "" || c.IsOn(o.Topology))
}

// Selected returns the claims that the options ask for, sorted by id.
func (o Options) Selected() []catalog.Claim {
	return slices.DeleteFunc(catalog.Claims(), func(c catalog.Claim) bool { return !o.Selects(c) })
}

// in is whether the list is empty, which selects everything, or has the value.
func in[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }
