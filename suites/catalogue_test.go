package suites_test

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// TestCatalogueAndSpecs holds the catalogue and the specs against each other:
// every claim has exactly one spec, and every spec proves a claim.
func TestCatalogueAndSpecs(t *testing.T) {
	if err := catalog.Validate(); err != nil {
		t.Fatal(err)
	}
	specs := map[catalog.ID]int{}
	for _, spec := range harness.Preview(harness.Options{Page: true}).SpecReports {
		id := harness.ClaimOf(spec)
		if id == "" {
			continue
		}
		if specs[id]++; specs[id] > 1 {
			t.Errorf("claim %q has %d specs", id, specs[id])
		}
		claim, err := catalog.Lookup(id)
		if err != nil {
			t.Errorf("spec %q at %s proves no claim of the catalogue", spec.LeafNodeText, spec.LeafNodeLocation)
			continue
		}
		if want := string(id) + ": " + claim.Sentence; spec.LeafNodeText != want {
			t.Errorf("spec of %q says %q, the catalogue %q", id, spec.LeafNodeText, want)
		}
	}
	for _, c := range catalog.Claims() {
		if specs[c.ID] == 0 {
			t.Errorf("claim %q has no spec", c.ID)
		}
	}
}
