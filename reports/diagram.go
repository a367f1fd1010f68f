package reports

import (
	"slices"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// evident is the state of a hop that no walk told of by itself, and that the
// claim's own evidence is about.
const evident probe.State = "in the evidence"

// hop is one hop as a diagram shows it.
type hop struct {
	Name   catalog.Hop
	State  probe.State
	Target string
	Saw    string
	Code   probe.Code
	// Took is the time that the hop took, zero where none is known, and Steps the
	// number of pieces of evidence that are about it.
	Took  time.Duration
	Steps int
	// Often is whether the page tells once for all such hops what it saw.
	Often bool
}

// Told is whether there is anything to tell of what the hop saw.
func (h hop) Told() bool { return h.Saw != "" || h.Target != "" }

// saying is what the hop saw, as what is told of it.
func (h hop) saying() hop { return hop{Name: h.Name, Target: h.Target, Saw: h.Saw} }

// diagram is what is known of the hops that a claim is about.
type diagram struct {
	// Path has every hop of the claim's path, in its order.
	Path []hop
	// Way is the way from the machine that ran inroads to the API server, where
	// that is another than the path and was walked.
	Way []hop
}

// beginsElsewhere are the paths with hops of the names that the way to the API
// server has, and which are none of that way.
var beginsElsewhere = []catalog.PathID{catalog.PathInPod, catalog.PathKubeProxy, catalog.PathLoadBalancer}

// diagram returns the claim's hops: each passed, broken, not reached after one
// that broke, or neither where nothing is known.
func (c Claim) diagram() diagram {
	trace := hopsOf(c.Trace)
	path, err := catalog.LookupPath(c.Path)
	if err != nil {
		// The report is of another version of inroads.
		return diagram{Path: c.withBlamed(trace)}
	}
	if covers(trace, path.Hops) {
		return diagram{Path: c.withEvidence(trace)}
	}
	// Otherwise the trace is of the way to the API server.
	blamed := c.blamed(trace)
	elsewhere := slices.Contains(beginsElsewhere, c.Path)
	before := elsewhere && (c.Verdict == catalog.Inconclusive || broken(trace) >= 0)
	if blamed.Name != "" && (before || !slices.Contains(path.Hops, blamed.Name)) {
		// The way to the API server broke before the path began.
		return diagram{Way: c.withBlamed(trace), Path: unreached(path.Hops)}
	}
	var d diagram
	if elsewhere || c.Verdict == catalog.Proven && broken(trace) >= 0 {
		d.Way, trace = trace, nil
	}
	d.Path = c.along(path.Hops, trace, blamed)
	return d
}

// along returns the hops of a path with what the trace knows of them.
func (c Claim) along(path []catalog.Hop, trace []hop, blamed hop) []hop {
	var out []hop
	reached := true
	for _, name := range path {
		known := slices.IndexFunc(trace, func(h hop) bool { return h.Name == name && h.State == probe.OK })
		one := hop{Name: name, State: probe.Skipped}
		switch {
		case name == blamed.Name:
			one, reached = blamed, false
		case !reached:
			one.State = probe.NotReached
		case known >= 0:
			one = trace[known]
		}
		out = append(out, one)
	}
	return c.withEvidence(out)
}

// blamed returns the hop that broke: that of the trace, or else the one that the
// claim names. It is the zero hop where none did.
func (c Claim) blamed(trace []hop) hop {
	if c.Verdict == catalog.Proven {
		return hop{}
	}
	if i := broken(trace); i >= 0 {
		return trace[i]
	}
	if c.Hop == "" {
		return hop{}
	}
	return hop{Name: c.Hop, State: probe.Broken, Code: probe.Code(c.Code)}
}

// withBlamed returns the trace, with the hop that the claim blames where the trace
// has none that broke.
func (c Claim) withBlamed(trace []hop) []hop {
	if b := c.blamed(trace); b.Name != "" && broken(trace) < 0 {
		trace = append(slices.Clone(trace), b)
	}
	return trace
}

// withEvidence adds what the steps of the claim are about.
func (c Claim) withEvidence(hops []hop) []hop {
	for i := range hops {
		h := &hops[i]
		var took int64
		for _, s := range c.Steps {
			if s.Hop == h.Name {
				h.Steps++
				took += s.Milliseconds
			}
		}
		if h.State == probe.Skipped && h.Steps > 0 {
			h.State, h.Took = evident, time.Duration(took)*time.Millisecond
		}
	}
	return hops
}

func hopsOf(trace []probe.Step) []hop {
	var out []hop
	for _, s := range trace {
		out = append(out, hop{Name: s.Hop, State: s.State, Target: clip(clean(s.Target), maxCommand), Saw: clip(clean(s.Saw), maxCommand), Code: s.Code, Took: s.Duration})
	}
	return out
}

// broken returns the place of the hop that broke, or -1.
func broken(hops []hop) int {
	return slices.IndexFunc(hops, func(h hop) bool { return h.State == probe.Broken })
}

func unreached(path []catalog.Hop) []hop {
	var out []hop
	for _, name := range path {
		out = append(out, hop{Name: name, State: probe.NotReached})
	}
	return out
}

// covers is whether there is a hop for each of the path's.
func covers(hops []hop, path []catalog.Hop) bool {
	for _, name := range path {
		if !slices.ContainsFunc(hops, func(h hop) bool { return h.Name == name }) {
			return false
		}
	}
	return true
}

// marks of hops and verdicts, which never stand without a word.
const (
	markGood    = "✔"
	markBad     = "✘"
	markUnsure  = "?"
	markNone    = "–"
	markSkipped = "»"
)

// Word is the hop's state in words.
func (h hop) Word() string {
	if h.State == probe.Skipped {
		return "not walked"
	}
	return string(h.State)
}

// Class is the hop's state as a name in a style sheet.
func (h hop) Class() string { return strings.ReplaceAll(h.Word(), " ", "-") }

// Time is the time that the hop took, or "".
func (h hop) Time() string {
	switch {
	case h.Took == 0:
		return ""
	case h.Took < time.Millisecond:
		return h.Took.Round(10 * time.Microsecond).String()
	case h.Took < time.Second:
		return h.Took.Round(100 * time.Microsecond).String()
	default:
		return h.Took.Round(10 * time.Millisecond).String()
	}
}

// Means is what the hop's code means, or "".
func (h hop) Means() string {
	d, _ := probe.Lookup(h.Code)
	return d.Title
}

// Next is what to do about a claim that is not proven.
type next struct {
	// Hint is what to type or look at, Doc the page to read and Explain the
	// command that tells more. Each may be "".
	Hint, Doc, Explain string
}

// next returns what to do about the claim, nothing where it is proven or was not
// put to the test.
func (c Claim) next() next {
	if c.Verdict != catalog.Disproven && c.Verdict != catalog.Inconclusive {
		return next{}
	}
	d, ok := probe.Lookup(probe.Code(c.Code))
	if !ok {
		return next{Explain: "inroads explain " + string(c.ID)}
	}
	n := next{Hint: d.HintFor(""), Doc: d.Doc, Explain: "inroads explain " + c.Code}
	if _, hint := c.cause(); hint != "" {
		n.Hint = hint
	}
	return n
}

// cause returns the first line of the reason, redacted, without what it says to
// type next, and that.
func (c Claim) cause() (seen, hint string) {
	line, _, _ := strings.Cut(clip(clean(c.Reason), maxReason), "\n")
	if c.Code == "" {
		return line, ""
	}
	// As probe.Step's Summary has it.
	mark := "(" + c.Code + ")"
	if seen, hint, found := strings.Cut(line, mark+"; "); found {
		return seen + mark, hint
	}
	return line, ""
}
