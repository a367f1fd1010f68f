package reports

import (
	"cmp"
	"slices"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// DiffKind is the kind of the Diff type.
const DiffKind = "ReportDiff"

// Diff is what one report says otherwise than another.
type Diff struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Before     Side   `json:"before"`
	After      Side   `json:"after"`
	// Noise is what a claim may be slower or faster by.
	Noise Noise `json:"noise"`
	// Regressions counts the changes that are regressions, and Same the claims of
	// which there is nothing to tell.
	Regressions int `json:"regressions"`
	Same        int `json:"same"`
	// Changes are sorted: regressions first, then by kind, and then by claim.
	Changes []Change `json:"changes"`
}

// Side is one of the two reports.
type Side struct {
	Tool     Tool      `json:"tool"`
	Started  time.Time `json:"started"`
	Result   Result    `json:"result"`
	Clusters []Cluster `json:"clusters"`
	Summary  Summary   `json:"summary"`
}

// Noise is what one run of a healthy cluster may differ by from the next. A claim
// is slower only where it takes Ratio times as long and Bound more than before.
type Noise struct {
	Ratio float64  `json:"ratio"`
	Bound Duration `json:"bound"`
	// Counts is whether a claim that is slower is a regression.
	Counts bool `json:"counts"`
}

// UsualNoise is what two runs of one healthy cluster, on a machine with other work
// to do, stayed within in 98 of 100 claims.
func UsualNoise() Noise { return Noise{Ratio: 3, Bound: Duration(5 * time.Second)} }

// ChangeKind is what became of a claim.
type ChangeKind string

const (
	// Broke: it is disproven, and was not.
	Broke ChangeKind = "broke"
	// Lost: it was proven, and the run does not answer for it any more.
	Lost ChangeKind = "lost"
	// Slower: it is proven as before, and takes longer by more than noise.
	Slower ChangeKind = "slower"
	// Gone: the second report does not have it.
	Gone ChangeKind = "gone"
	// Changed: its verdict is another, and was not proven before either.
	Changed ChangeKind = "changed"
	// Appeared: the first report does not have it.
	Appeared ChangeKind = "appeared"
	// Repaired: it is proven, and was not.
	Repaired ChangeKind = "repaired"
	// Faster: it is proven as before, and takes less by more than noise.
	Faster ChangeKind = "faster"
)

// changeKinds returns every kind, the worst first.
func changeKinds() []ChangeKind {
	return []ChangeKind{Broke, Lost, Slower, Gone, Changed, Appeared, Repaired, Faster}
}

// Change is what became of one claim, on one topology, in one context and with one
// kubectl.
type Change struct {
	Kind  ChangeKind     `json:"change"`
	Claim catalog.ID     `json:"claim"`
	Path  catalog.PathID `json:"path"`
	// Topology, Context and Kubectl are described with Claim.
	Topology catalog.Topology `json:"topology,omitempty"`
	Context  string           `json:"context,omitempty"`
	Kubectl  string           `json:"kubectl,omitempty"`
	// Before and After are the verdicts, "" in the report that has none.
	Before catalog.Verdict `json:"before,omitempty"`
	After  catalog.Verdict `json:"after,omitempty"`
	// Took and Takes are the times that it took.
	Took  Duration `json:"took"`
	Takes Duration `json:"takes"`
	// Reason, Hop and Code are those of the second report.
	Reason string      `json:"reason,omitempty"`
	Hop    catalog.Hop `json:"hop,omitempty"`
	Code   string      `json:"code,omitempty"`
	// Regression is whether the change is for the worse in a way that a CI job
	// should fail for.
	Regression bool `json:"regression"`
	name       string
}

// Compare returns what the second report says otherwise than the first. Claims are
// matched by id, topology, context and kubectl, of which multi-node is the topology
// where none is named. A claim that is disproven and was not, or was proven and is not,
// is a regression; one that is gone is none, for a run may be asked for less; one
// that is slower is one if noise counts.
func Compare(before, after Report, noise Noise) Diff {
	d := Diff{
		APIVersion: APIVersion, Kind: DiffKind, Before: before.side(), After: after.side(), Noise: noise, Changes: []Change{},
	}
	left := byName(before.Claims)
	seen := map[string]bool{}
	for _, c := range after.Claims {
		name := c.Name()
		if seen[name] {
			continue
		}
		seen[name] = true
		was, found := left[name]
		if ch, ok := changeOf(was, found, c, noise); ok {
			d.Changes = append(d.Changes, ch)
		} else {
			d.Same++
		}
	}
	for _, c := range before.Claims {
		if seen[c.Name()] {
			continue
		}
		seen[c.Name()] = true
		ch := newChange(Gone, c)
		ch.Before, ch.Took = c.Verdict, c.Duration
		d.Changes = append(d.Changes, ch)
	}
	order := changeKinds()
	slices.SortStableFunc(d.Changes, func(a, b Change) int {
		if a.Regression != b.Regression {
			if a.Regression {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.name, b.name))
	})
	for _, ch := range d.Changes {
		if ch.Regression {
			d.Regressions++
		}
	}
	return d
}

func (r Report) side() Side {
	return Side{Tool: r.Tool, Started: r.Started, Result: r.Result, Clusters: slices.Clone(r.Clusters), Summary: r.Summary}
}

// byName returns the first claim of each name.
func byName(claims []Claim) map[string]Claim {
	out := map[string]Claim{}
	for _, c := range claims {
		if _, twice := out[c.Name()]; !twice {
			out[c.Name()] = c
		}
	}
	return out
}

func newChange(kind ChangeKind, c Claim) Change {
	return Change{Kind: kind, Claim: c.ID, Path: c.Path, Topology: c.Topology, Context: c.Context, Kubectl: c.Kubectl, name: c.Name()}
}

// changeOf returns what became of a claim, and whether it is worth a word.
func changeOf(was Claim, found bool, is Claim, noise Noise) (Change, bool) {
	ch := newChange("", is)
	ch.After, ch.Takes, ch.Hop, ch.Code = is.Verdict, is.Duration, is.Hop, is.Code
	ch.Reason = clip(clean(is.Reason), maxReason)
	if found {
		ch.Before, ch.Took = was.Verdict, was.Duration
	}
	proven := catalog.Proven
	switch {
	case is.Verdict == catalog.Disproven && was.Verdict != catalog.Disproven:
		ch.Kind, ch.Regression = Broke, true
	case !found:
		ch.Kind = Appeared
	case was.Verdict == proven && is.Verdict != proven:
		ch.Kind, ch.Regression = Lost, true
	case was.Verdict != proven && is.Verdict == proven:
		ch.Kind = Repaired
	case was.Verdict != is.Verdict:
		ch.Kind = Changed
	case is.Verdict == proven && noise.exceeded(was.Duration, is.Duration):
		ch.Kind, ch.Regression = Slower, noise.Counts
	case is.Verdict == proven && noise.exceeded(is.Duration, was.Duration):
		ch.Kind = Faster
	default:
		return Change{}, false
	}
	return ch, true
}

// exceeded is whether the second time is longer than the first by more than noise.
func (n Noise) exceeded(a, b Duration) bool {
	return float64(b) >= n.Ratio*float64(a) && b-a >= n.Bound
}
