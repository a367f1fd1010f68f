package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

// Limits are what ends a run before all of its claims had their turn. The zero
// value sets none.
type Limits struct {
	// Budget is the time for proving the claims of the run, and Deadline when it is
	// over; both zero means no bound.
	Budget   time.Duration `json:"budget,omitempty"`
	Deadline time.Time     `json:"deadline,omitzero"`
	// Halt is the path of a file, which the first claim that is disproven puts
	// there; "" means that the run goes on.
	Halt string `json:"halt,omitempty"`
}

// errBudget ends the context of a spec that runs when the budget is over.
var errBudget = errors.New("the budget of the run is over")

// Telling is whether the run proves the most telling claims first, because it may
// not get to all; see catalog.MostTelling.
func (l Limits) Telling() bool { return l.Budget > 0 || l.Halt != "" }

// Reached returns why no further claim is begun, or "".
func (l Limits) Reached(now time.Time) string {
	if !l.Deadline.IsZero() && !now.Before(l.Deadline) {
		return fmt.Sprintf("not reached: the budget of %s was over", l.Budget)
	}
	if l.Halt == "" {
		return ""
	}
	switch culprit, err := os.ReadFile(l.Halt); {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return fmt.Sprintf("not reached: reading which claim was disproven: %v", err)
	default:
		return fmt.Sprintf("not reached: the run stops at the first claim that is disproven, which was %s", culprit)
	}
}

// halt tells all processes that the claim is disproven. The first one stays.
func (l Limits) halt(id catalog.ID) error {
	if l.Halt == "" {
		return nil
	}
	f, err := os.OpenFile(l.Halt, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stopping the run: %w", err)
	}
	_, err = f.WriteString(string(id))
	return errors.Join(err, f.Close())
}

// bound returns a context that also ends with the budget.
func (l Limits) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.Deadline.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, l.Deadline, errBudget)
}

// skipWhenReached skips the spec when no further claim is to be begun.
func (e *Env) skipWhenReached() {
	ginkgo.GinkgoHelper()
	if why := run.options.Limits.Reached(time.Now()); why != "" {
		e.skip(why)
	}
}

// overtaken skips the spec if its time ended with the budget, for what it saw
// since then is not the cluster's doing.
func (e *Env) overtaken() {
	ginkgo.GinkgoHelper()
	if errors.Is(context.Cause(e.ctx), errBudget) {
		e.entry.Hop, e.entry.Code = "", ""
		e.skip(fmt.Sprintf("not finished: the budget of %s was over while it ran", run.options.Limits.Budget))
	}
}

func (e *Env) skip(reason string) {
	ginkgo.GinkgoHelper()
	e.entry.Verdict, e.entry.Reason = catalog.Skipped, reason
	ginkgo.Skip(reason)
}

// priorities give each claim its place in the run. Where it may end early that is
// by what they tell; else those come last whose specs make no namespace, for one
// takes seconds to go, which the run then need not wait for.
func (o Options) priorities() map[catalog.ID]ginkgo.SpecPriority {
	claims := o.Selected()
	out := map[catalog.ID]ginkgo.SpecPriority{}
	if o.Limits.Telling() {
		for i, c := range catalog.MostTelling(claims) {
			out[c.ID] = ginkgo.SpecPriority(len(claims) - i)
		}
		return out
	}
	for _, c := range claims {
		switch {
		case slices.Contains(c.Needs, catalog.Pods):
			out[c.ID] = 2
		case slices.ContainsFunc(c.Rights, func(r catalog.Right) bool { return r.Verb == "create" && r.Resource == "namespaces" }):
			out[c.ID] = 1
		}
	}
	return out
}

// arrange has Ginkgo keep to that order across containers.
func arrange(suite *types.SuiteConfig) { suite.RandomizeAllSpecs = true }

// haltAt notes the first claim that is disproven, where the run stops at it.
func haltAt(e reports.Event) {
	if e.Verdict != catalog.Disproven {
		return
	}
	if err := run.options.Limits.halt(e.Claim); err != nil {
		fmt.Fprintln(ginkgo.GinkgoWriter, err)
	}
}
