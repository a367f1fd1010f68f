package fault

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// TestCatalogueAndFaultsAgree holds the claims' faults and those that there are
// against each other, both ways.
func TestCatalogueAndFaultsAgree(t *testing.T) {
	for _, c := range catalog.Claims() {
		for _, named := range c.Faults {
			f, err := Lookup(named.Name)
			if err != nil {
				t.Errorf("claim %s: %v", c.ID, err)
				continue
			}
			if f.Way && f.Hop != named.Hop {
				t.Errorf("claim %s blames %s for fault %s, which breaks the way at %s", c.ID, named.Hop, f.Name, f.Hop)
			}
			if d, ok := probe.Lookup(named.Code); !ok || d.Hop != named.Hop {
				t.Errorf("claim %s under fault %s: code %q is of hop %q, not %q", c.ID, f.Name, named.Code, d.Hop, named.Hop)
			}
		}
	}
	for _, f := range All() {
		if len(f.Claims()) == 0 {
			t.Errorf("no claim names fault %s", f.Name)
		}
	}
}

func TestFaultsAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		switch {
		case seen[f.Name]:
			t.Errorf("there are two faults of the name %s", f.Name)
		case f.Inject == nil:
			t.Errorf("fault %s breaks nothing", f.Name)
		case f.Scope == Cluster && (f.Heal == nil || f.Healed == nil):
			t.Errorf("fault %s breaks a cluster and does not say how that is healed, or when it is", f.Name)
		case f.Scope == Cluster && len(f.Spares) == 0 && !f.Way:
			t.Errorf("fault %s breaks a cluster beyond the way to it, and spares no claim", f.Name)
		}
		seen[f.Name] = true
		for _, id := range f.Spares {
			if _, err := catalog.Lookup(id); err != nil {
				t.Errorf("fault %s spares %v", f.Name, err)
			}
		}
	}
}
