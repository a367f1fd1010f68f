package harness

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestLimits(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if why := (Limits{}).Reached(now); why != "" || (Limits{}).Telling() {
		t.Errorf("no limits are reached: %q", why)
	}
	budget := Limits{Budget: time.Minute, Deadline: now}
	if why := budget.Reached(now.Add(-1)); why != "" {
		t.Errorf("a budget that is not over: %q", why)
	}
	if why := budget.Reached(now); !strings.Contains(why, "budget of 1m0s was over") || !budget.Telling() {
		t.Errorf("a budget that is over: %q", why)
	}
	halt := Limits{Halt: filepath.Join(t.TempDir(), "halt")}
	if why := halt.Reached(now); why != "" || !halt.Telling() {
		t.Errorf("nothing is disproven: %q", why)
	}
	for _, id := range []catalog.ID{"a/first", "b/second"} {
		if err := halt.halt(id); err != nil {
			t.Fatal(err)
		}
	}
	if why := halt.Reached(now); !strings.HasSuffix(why, "which was a/first") {
		t.Errorf("a claim is disproven: %q", why)
	}
	if err := (Limits{}).halt("a/b"); err != nil {
		t.Error(err)
	}
	ctx, stop := Limits{Budget: time.Nanosecond, Deadline: time.Now()}.bound(t.Context())
	defer stop()
	if <-ctx.Done(); !errors.Is(context.Cause(ctx), errBudget) {
		t.Errorf("a spec ends with %v", context.Cause(ctx))
	}
}

// TestOrder proves that Ginkgo is told the order of catalog.MostTelling where a run
// may end early.
func TestOrder(t *testing.T) {
	var suite types.SuiteConfig
	if arrange(&suite); !suite.RandomizeAllSpecs {
		t.Error("an order within containers alone")
	}
	o := Options{Limits: Limits{Budget: time.Minute}}
	all := catalog.MostTelling(o.Selected())
	given := o.priorities()
	for i, c := range all {
		if got, want := given[c.ID], ginkgo.SpecPriority(len(all)-i); got != want {
			t.Errorf("%s has priority %v, want %d", c.ID, got, want)
		}
	}
}

func TestClaimsWithoutNamespaceComeLast(t *testing.T) {
	given := Options{}.priorities()
	inTurn := []catalog.ID{"aap/ca-path", "token/default-sa-rights", "kubectl/first-access", "config-view/minify"}
	for i, id := range inTurn[1:] {
		if before := inTurn[i]; given[before] < given[id] {
			t.Errorf("%s comes before %s", id, before)
		}
	}
	if given["aap/ca-path"] <= given["token/default-sa-rights"] || given["token/default-sa-rights"] <= given["config-view/minify"] {
		t.Errorf("no order: %v", given)
	}
}
