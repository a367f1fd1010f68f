package catalog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func faults(names ...string) (out []catalog.Fault) {
	for _, n := range names {
		out = append(out, catalog.Fault{Name: n})
	}
	return out
}

func TestMostTelling(t *testing.T) {
	claims := []catalog.Claim{
		{ID: "a/disruptive", Level: catalog.Core, Faults: faults("1", "2", "3", "4", "5", "6"), Disruptive: true},
		{ID: "b/one", Level: catalog.Core, Faults: faults("1")},
		{ID: "c/two", Level: catalog.Core, Faults: faults("1", "2")},
		{ID: "d/other", Level: catalog.Linked, Faults: faults("3")},
		{ID: "e/other", Level: catalog.Core, Faults: faults("4")},
		{ID: "f/quick", Level: catalog.Core, Faults: faults("5"), Timeout: time.Second},
		{ID: "g/repeats", Level: catalog.Core, Faults: faults("1", "2"), Timeout: 2 * time.Second},
	}
	// g tells more than c in less time; then those that add one fault each, and
	// what only repeats after them, in a round of its own.
	want := []catalog.ID{"g/repeats", "f/quick", "e/other", "d/other", "c/two", "b/one", "a/disruptive"}
	var got []catalog.ID
	for _, c := range catalog.MostTelling(claims) {
		got = append(got, c.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if claims[0].ID != "a/disruptive" || claims[6].ID != "g/repeats" {
		t.Error("the claims that were given are changed")
	}
	// Whatever the order that they are given in.
	slices.Reverse(claims)
	for i, c := range catalog.MostTelling(claims) {
		if c.ID != want[i] {
			t.Errorf("given in another order: %s at %d", c.ID, i)
		}
	}
	if got := catalog.MostTelling([]catalog.Claim{{ID: "x/y"}, {ID: "x/z"}}); len(got) != 2 {
		t.Errorf("claims without a fault: %d of 2", len(got))
	}
}

// TestMostTellingOfAll proves that a short beginning of the order notices most
// faults, which no order by id does.
func TestMostTellingOfAll(t *testing.T) {
	all := slices.DeleteFunc(catalog.Claims(), func(c catalog.Claim) bool { return c.Disruptive })
	of := func(claims []catalog.Claim) int {
		seen := map[string]bool{}
		for _, c := range claims {
			for _, f := range c.Faults {
				seen[f.Name] = true
			}
		}
		return len(seen)
	}
	order := catalog.MostTelling(all)
	if len(order) != len(all) {
		t.Fatalf("%d of %d claims", len(order), len(all))
	}
	third := len(all) / 3
	ours, byID, every := of(order[:third]), of(all[:third]), of(all)
	t.Logf("the first %d of %d claims notice %d of %d faults, %d in the order of their ids", third, len(all), ours, every, byID)
	if ours < byID*5/4 || ours < every*3/4 {
		t.Errorf("the first %d claims notice %d of %d faults, %d in the order of their ids", third, ours, every, byID)
	}
}

func TestLabels(t *testing.T) {
	c := catalog.Claim{ID: "aap/dns-name", Path: catalog.PathInPod, Level: catalog.Core, Needs: []catalog.Feature{catalog.Pods}, Topologies: []catalog.Topology{catalog.TopologyHA}, Disruptive: true}
	want := []string{"area:aap", "level:core", "path:pod", "needs:pods", "topology:ha", "run:disruptive"}
	if got := c.Labels(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
