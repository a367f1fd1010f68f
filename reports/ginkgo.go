package reports

import (
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	reasonInterrupted = "interrupted"
	reasonNoSpec      = "no spec of this build proves it"
	reasonNotRun      = "its spec did not run"
	stageSpecs        = "setting up the specs"
)

// FromGinkgo returns the report of a Ginkgo run. The state of a spec tells the
// verdict of its claim, unless the spec's Entry does:
//
//   - passed: proven;
//   - failed or timed out in its own body: disproven;
//   - failed around its body, in what sets up or cleans up: inconclusive;
//   - panicked: inconclusive, for that is a defect of the harness;
//   - interrupted or aborted: inconclusive;
//   - skipped: skipped, or not applicable where the entry says so;
//   - not run because the suite's set-up failed: inconclusive, with its cause.
//
// Of several specs of one claim the worst verdict counts.
func FromGinkgo(g types.Report, m Meta) Report {
	if m.Started.IsZero() {
		m.Started = g.StartTime
	}
	if m.Finished.IsZero() {
		m.Finished = g.EndTime
	}
	setup := setupFailure(g)
	stopped := interrupted(g)
	found := map[catalog.ID]Claim{}
	for _, spec := range g.SpecReports {
		id := ClaimOf(spec)
		i := slices.IndexFunc(m.Claims, func(c catalog.Claim) bool { return c.ID == id })
		if i < 0 {
			continue
		}
		c := m.Claims[i]
		one := judge(c, spec)
		if one.Verdict == catalog.Skipped && one.Reason == "" {
			switch {
			case setup != nil:
				one.Verdict, one.Reason = catalog.Inconclusive, setup.Stage+": "+setup.Message
			case stopped:
				one.Verdict, one.Reason = catalog.Inconclusive, reasonInterrupted
			default:
				one.Reason = reasonNotRun
			}
		}
		if before, again := found[c.ID]; again {
			one = worse(before, one)
		}
		found[c.ID] = one
	}
	r := assemble(m, func(c catalog.Claim) Claim {
		if one, ok := found[c.ID]; ok {
			return one
		}
		if setup != nil {
			return inconclusive(c, setup.Stage+": "+setup.Message)
		}
		if stopped {
			return inconclusive(c, reasonInterrupted)
		}
		one := describe(c)
		one.Verdict, one.Reason = catalog.Skipped, reasonNoSpec
		return one
	})
	r.Setup = setup
	r.CleanUp = cleanUpFailure(g)
	r.Interrupted = stopped
	return r
}

// EventOf returns the event of the spec of a claim, once that has ended. It is
// the zero Event for a spec that did not run, which only the end of the run can
// tell the reason of.
func EventOf(spec types.SpecReport) Event {
	one := judge(catalog.Claim{ID: ClaimOf(spec)}, spec)
	if one.Verdict == catalog.Skipped && one.Reason == "" {
		return Event{}
	}
	return Event{Claim: one.ID, Verdict: one.Verdict, Reason: one.Reason, Duration: one.Duration}
}

// ClaimOf returns the id of the claim that the spec proves: the one that its
// entry names, or else what stands before the colon in its text, since a spec
// that never ran has no entry. A node of Ginkgo's own proves none: "".
func ClaimOf(spec types.SpecReport) catalog.ID {
	if spec.LeafNodeType != types.NodeTypeIt {
		return ""
	}
	if entry, ok := entryOf(spec); ok {
		return entry.Claim
	}
	id, _, found := strings.Cut(spec.LeafNodeText, ": ")
	if !found {
		return ""
	}
	return catalog.ID(id)
}

// judge returns the claim with the verdict of one spec. A skip that gives no
// reason has none here: its cause is elsewhere in the run.
func judge(c catalog.Claim, spec types.SpecReport) Claim {
	entry, _ := entryOf(spec)
	one := describe(c)
	one.Duration = Duration(spec.RunTime.Round(time.Millisecond))
	one.Hop, one.Code, one.Trace, one.Script = entry.Hop, clean(entry.Code), entry.Trace, entry.Script
	for _, s := range entry.Steps {
		s.What, s.Command = clip(clean(s.What), maxCommand), clip(clean(s.Command), maxCommand)
		one.Steps = append(one.Steps, s)
	}
	message := spec.Failure.Message
	switch {
	case spec.State.Is(types.SpecStatePassed):
		one.Verdict = catalog.Proven
	case spec.State.Is(types.SpecStateSkipped | types.SpecStatePending | types.SpecStateInvalid):
		one.Verdict = catalog.Skipped
	case spec.State.Is(types.SpecStateInterrupted | types.SpecStateAborted):
		one.Verdict, message = catalog.Inconclusive, reasonInterrupted
		entry.Verdict, entry.Reason = "", ""
	case spec.State.Is(types.SpecStatePanicked):
		one.Verdict, message = catalog.Inconclusive, "the spec panicked: "+spec.Failure.ForwardedPanic
	case around(spec.Failure):
		one.Verdict = catalog.Inconclusive
		message = spec.Failure.FailureNodeType.String() + ": " + message
	default:
		one.Verdict = catalog.Disproven
	}
	// What the harness could not tell stays so, even if the spec passed.
	if entry.Verdict != "" {
		one.Verdict = entry.Verdict
	}
	if one.Verdict != catalog.Proven {
		one.Reason = clip(clean(message), maxReason)
		if entry.Reason != "" {
			one.Reason = clip(clean(entry.Reason), maxReason)
		}
	}
	one.Deviates = c.Deviation != "" && one.Verdict == catalog.Proven
	if one.Verdict == catalog.Proven {
		one.Hop, one.Code, one.Script = "", "", ""
	}
	return one
}

// around is whether the failure is not in the body of the spec but in what
// prepares it or cleans up after it.
func around(f types.Failure) bool {
	return f.FailureNodeType != types.NodeTypeInvalid && !f.FailureNodeType.Is(types.NodeTypeIt)
}

// worse returns the worse of two verdicts on one claim, with the evidence of
// both.
func worse(a, b Claim) Claim {
	order := catalog.Verdicts()
	out := a
	if slices.Index(order, b.Verdict) > slices.Index(order, a.Verdict) {
		out = b
	}
	out.Steps = append(slices.Clone(a.Steps), b.Steps...)
	out.Duration = a.Duration + b.Duration
	return out
}

// setupFailure returns the failure of the suite's set-up, or nil.
func setupFailure(g types.Report) *SetupFailure {
	for _, spec := range g.SpecReports {
		if !spec.LeafNodeType.Is(types.NodeTypeBeforeSuite | types.NodeTypeSynchronizedBeforeSuite) {
			continue
		}
		// The other processes only say that the first one failed.
		if !spec.State.Is(types.SpecStateFailed|types.SpecStatePanicked|types.SpecStateTimedout) ||
			strings.Contains(spec.Failure.Message, "failed on Ginkgo parallel process #1") {
			continue
		}
		message := spec.Failure.Message
		if spec.Failure.ForwardedPanic != "" {
			message += ": " + spec.Failure.ForwardedPanic
		}
		return &SetupFailure{Stage: stageSpecs, Message: clip(clean(message), maxReason)}
	}
	return nil
}

// cleanUpFailure returns what failed after the last spec, or "".
func cleanUpFailure(g types.Report) string {
	for _, spec := range g.SpecReports {
		if spec.LeafNodeType.Is(types.NodeTypeAfterSuite|types.NodeTypeSynchronizedAfterSuite|types.NodeTypeCleanupAfterSuite) && spec.Failed() {
			return clip(clean(spec.Failure.Message), maxReason)
		}
	}
	return ""
}

// interrupted is whether the run was stopped before its end.
func interrupted(g types.Report) bool {
	if slices.ContainsFunc(g.SpecialSuiteFailureReasons, func(s string) bool {
		return strings.Contains(strings.ToLower(s), "interrupted")
	}) {
		return true
	}
	return slices.ContainsFunc(g.SpecReports, func(s types.SpecReport) bool {
		return s.State.Is(types.SpecStateInterrupted)
	})
}
