package reports

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// MatrixKind is the kind of the Matrix type.
const MatrixKind = "FaultMatrix"

// Files of a matrix, below the artifacts folder.
const (
	MatrixJSONFile     = "matrix.json"
	MatrixMarkdownFile = "matrix.md"
	MatrixHTMLFile     = "matrix.html"
)

// Matrix is claims by faults: what each claim said while a fault was in place,
// and after it was healed. Everything in it is redacted.
type Matrix struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Tool       Tool   `json:"tool"`
	// Started and Finished bound the run, in UTC.
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Interrupted is whether a person or a signal stopped the run.
	Interrupted bool          `json:"interrupted,omitempty"`
	Cluster     Cluster       `json:"cluster"`
	Summary     MatrixSummary `json:"summary"`
	// Healthy are the runs without a fault, in their order.
	Healthy []HealthyRun `json:"healthy"`
	// Faults are sorted by name.
	Faults []FaultRow `json:"faults"`
	// NotApplicable are the claims that could be proven neither under a fault nor
	// after it, since the machine or the cluster lacks what they need. No verdict
	// about them is counted.
	NotApplicable []Alarm `json:"notApplicable,omitempty"`
	// Unproven are the other claims of the run that no fault turned red; of a run
	// that was interrupted nobody knows.
	Unproven []catalog.ID `json:"unproven"`
	// Leaks are the credentials of the run that stood in what it wrote, in words, and
	// where; they are removed from the files.
	Leaks []string `json:"leaks,omitempty"`
}

// HealthyRun is one run of the claims with no fault in place.
type HealthyRun struct {
	Claims int `json:"claims"`
	// Red are the claims that were not proven: false alarms.
	Red      []Alarm  `json:"red,omitempty"`
	Duration Duration `json:"duration"`
}

// Alarm is a claim that was not proven where nothing was broken for it.
type Alarm struct {
	Claim   catalog.ID      `json:"claim"`
	Verdict catalog.Verdict `json:"verdict"`
	Hop     catalog.Hop     `json:"hop,omitempty"`
	Code    string          `json:"code,omitempty"`
	Reason  string          `json:"reason,omitempty"`
}

// FaultRow is one fault and every claim that it concerns.
type FaultRow struct {
	Name string `json:"name"`
	// Hop is the hop that the fault breaks.
	Hop catalog.Hop `json:"hop"`
	// Scope is "client" or "cluster".
	Scope string `json:"scope"`
	// How says in a few words what is done.
	How string `json:"how"`
	// Skipped is why the fault was not injected, or "".
	Skipped string `json:"skipped,omitempty"`
	// Failure is what could not be injected, run or healed, or "".
	Failure string `json:"failure,omitempty"`
	// Inject and Heal are how long it took to take hold and to be healed.
	Inject Duration `json:"inject"`
	Heal   Duration `json:"heal"`
	// Preflight is what the preflight of a run says while the fault is in
	// place, which for a fault on the way to the API server must name it.
	Preflight Preflight `json:"preflight"`
	// Pairs are the claims that name the fault, sorted by id.
	Pairs []Pair `json:"pairs"`
	// Spared are the claims that must stay proven, sorted by id.
	Spared []Spared `json:"spared,omitempty"`
}

// Preflight is what a preflight said.
type Preflight struct {
	// Way is whether the fault breaks the way to the API server.
	Way bool `json:"way,omitempty"`
	// Hop and Code are where the way is broken, or empty.
	Hop      catalog.Hop  `json:"hop,omitempty"`
	Code     catalog.Code `json:"code,omitempty"`
	Duration Duration     `json:"duration"`
}

// Pair is one claim under one fault.
type Pair struct {
	Claim catalog.ID `json:"claim"`
	// WantHop and WantCode are what the catalogue says that a run must blame.
	WantHop  catalog.Hop  `json:"wantHop"`
	WantCode catalog.Code `json:"wantCode"`
	// Verdict, Hop, Code and Reason are what the run said.
	Verdict catalog.Verdict `json:"verdict"`
	Hop     catalog.Hop     `json:"hop,omitempty"`
	Code    string          `json:"code,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	// Script repeats what failed; see Claim. Repeated is what it did, nil where
	// nobody ran it.
	Script   string    `json:"script,omitempty"`
	Repeated *Repeated `json:"repeated,omitempty"`
	// Time is from the command to the verdict.
	Time Duration `json:"time"`
	// Healed is the verdict after healing, and HealedReason why it is not
	// proven.
	Healed       catalog.Verdict `json:"healed"`
	HealedReason string          `json:"healedReason,omitempty"`
}

// Repeated is what the script of a claim did under the fault and after healing.
type Repeated struct {
	Broken ScriptRun `json:"broken"`
	Healed ScriptRun `json:"healed"`
}

// ScriptRun is one run of a script.
type ScriptRun struct {
	// Exit is its exit code: 0 as expected, 1 not so, 3 where it cannot tell.
	Exit int `json:"exit"`
	// Came is the outcome that it saw, and Said the end of what it printed.
	Came string `json:"came,omitempty"`
	Said string `json:"said,omitempty"`
}

// Right is whether the script failed under the fault and not after it.
func (r Repeated) Right() bool { return r.Broken.Exit == 1 && r.Healed.Exit == 0 }

// Unable is whether the script could not tell, neither under the fault nor after it.
func (r Repeated) Unable() bool { return r.Broken.Exit == 3 && r.Healed.Exit == 3 }

// Detected is whether the fault turned the claim red.
func (p Pair) Detected() bool { return p.Verdict == catalog.Disproven }

// Blamed is whether the run named the hop and the code of the fault.
func (p Pair) Blamed() bool { return p.Hop == p.WantHop && p.Code == string(p.WantCode) }

// Green is whether the claim was proven again after healing.
func (p Pair) Green() bool { return p.Healed == catalog.Proven }

// NotApplicable is whether the claim applies neither under the fault nor after
// it. A claim that only the fault makes inapplicable is one that hides it.
func (p Pair) NotApplicable() bool {
	return p.Verdict == catalog.NotApplicable && p.Healed == catalog.NotApplicable
}

// Mark is ✔ for what is as it must be, ✘ for what is not, and – for what does not
// apply.
func (p Pair) Mark() string {
	switch {
	case p.NotApplicable():
		return "–"
	case p.Right():
		return "✔"
	}
	return "✘"
}

// Right is whether all of it is as it must be.
func (p Pair) Right() bool { return p.Detected() && p.Blamed() && p.Green() }

// Spared is a claim that a fault must leave alone.
type Spared struct {
	Alarm
}

// MatrixSummary counts what a matrix has.
type MatrixSummary struct {
	Faults  int `json:"faults"`
	Skipped int `json:"skipped"`
	// Failures are the faults that could not be injected, run or healed.
	Failures int `json:"failures"`
	// Pairs are the claims under each fault, without those that do not apply.
	Pairs         int `json:"pairs"`
	NotApplicable int `json:"notApplicable"`
	Detected      int `json:"detected"`
	Blamed        int `json:"blamed"`
	Healed        int `json:"healed"`
	// Spared are the claims that had to stay proven, SparedGreen those that did.
	Spared      int `json:"spared"`
	SparedGreen int `json:"sparedGreen"`
	HealthyRuns int `json:"healthyRuns"`
	// FalseAlarms are the claims that were red in a healthy run.
	FalseAlarms int `json:"falseAlarms"`
	Unproven    int `json:"unproven"`
	// Scripts are the scripts of claims that were run under the fault and after
	// healing, ScriptsRight those that failed under it and not after it, and
	// ScriptsUnable those that could not tell either time.
	Scripts       int `json:"scripts,omitempty"`
	ScriptsRight  int `json:"scriptsRight,omitempty"`
	ScriptsUnable int `json:"scriptsUnable,omitempty"`
	// Ways are the faults on the way to the API server, and WaysNamed those
	// that the preflight named by hop.
	Ways      int `json:"ways"`
	WaysNamed int `json:"waysNamed"`
	// MedianWay is the median time from command to verdict over the faults on
	// the way to the API server, which a run's preflight names; MedianOther that
	// over the pairs of all other faults. Zero where there are none.
	MedianWay   Duration `json:"medianWay"`
	MedianOther Duration `json:"medianOther"`
}

// Right is whether every fault was detected, blamed and healed, no script judged
// wrongly, and nothing was red that should not be.
func (s MatrixSummary) Right() bool {
	return s.Pairs > 0 && s.Failures == 0 && s.Detected == s.Pairs && s.Blamed == s.Pairs && s.Healed == s.Pairs &&
		s.SparedGreen == s.Spared && s.FalseAlarms == 0 && s.Unproven == 0 && s.WaysNamed == s.Ways &&
		s.ScriptsRight+s.ScriptsUnable == s.Scripts
}

// Complete sorts the matrix and counts what is in it. The claims are those of
// which each should be red under some fault.
func (m *Matrix) Complete(claims []catalog.Claim) {
	m.APIVersion, m.Kind = APIVersion, MatrixKind
	m.Tool = Tool{Name: ToolName, Version: cmp.Or(m.Tool.Version, Version())}
	slices.SortFunc(m.Faults, func(a, b FaultRow) int { return cmp.Compare(a.Name, b.Name) })
	var s MatrixSummary
	var ways, others []time.Duration
	red, inapplicable := map[catalog.ID]bool{}, map[catalog.ID]Alarm{}
	for i := range m.Faults {
		row := &m.Faults[i]
		row.clean()
		s.Faults++
		switch {
		case row.Skipped != "":
			s.Skipped++
			continue
		case row.Failure != "":
			s.Failures++
		}
		if row.Preflight.Way {
			s.Ways++
			ways = append(ways, time.Duration(row.Preflight.Duration))
			if row.Preflight.Hop == row.Hop {
				s.WaysNamed++
			}
		}
		for _, p := range row.Pairs {
			if p.NotApplicable() {
				s.NotApplicable++
				inapplicable[p.Claim] = Alarm{Claim: p.Claim, Verdict: p.Verdict, Reason: p.Reason}
				continue
			}
			s.Pairs++
			count(&s.Detected, p.Detected())
			count(&s.Blamed, p.Blamed())
			count(&s.Healed, p.Green())
			if p.Repeated != nil {
				s.Scripts++
				count(&s.ScriptsRight, p.Repeated.Right())
				count(&s.ScriptsUnable, p.Repeated.Unable())
			}
			red[p.Claim] = red[p.Claim] || p.Detected()
			if !row.Preflight.Way {
				others = append(others, time.Duration(p.Time))
			}
		}
		for _, c := range row.Spared {
			s.Spared++
			count(&s.SparedGreen, c.Verdict == catalog.Proven)
		}
	}
	for _, h := range m.Healthy {
		s.HealthyRuns++
		s.FalseAlarms += len(h.Red)
	}
	m.Unproven, m.NotApplicable = []catalog.ID{}, nil
	for _, c := range claims {
		alarm, not := inapplicable[c.ID]
		switch {
		case red[c.ID]:
		case not:
			m.NotApplicable = append(m.NotApplicable, alarm)
		case !m.Interrupted:
			m.Unproven = append(m.Unproven, c.ID)
		}
	}
	s.Unproven = len(m.Unproven)
	s.MedianWay, s.MedianOther = Duration(median(ways)), Duration(median(others))
	m.Summary = s
}

func (f *FaultRow) clean() {
	f.Skipped, f.Failure = clip(clean(f.Skipped), maxReason), clip(clean(f.Failure), maxReason)
	if f.Pairs == nil {
		f.Pairs = []Pair{}
	}
	for i := range f.Pairs {
		f.Pairs[i].Reason, f.Pairs[i].HealedReason = clip(clean(f.Pairs[i].Reason), maxReason), clip(clean(f.Pairs[i].HealedReason), maxReason)
	}
	for i := range f.Spared {
		f.Spared[i].Reason = clip(clean(f.Spared[i].Reason), maxReason)
	}
}

func count(n *int, is bool) {
	if is {
		*n++
	}
}

// median returns the middle of the durations, the mean of the two in the middle
// of an even number, and zero of none.
func median(of []time.Duration) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	mid := len(of) / 2
	if len(of)%2 == 1 {
		return of[mid]
	}
	return (of[mid-1] + of[mid]) / 2
}

// WriteMatrix puts the matrix into the artifacts folder, in every format.
func WriteMatrix(dir string, m Matrix) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the matrix: %w", err)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the matrix as JSON: %w", err)
	}
	html, err := m.HTML()
	if err != nil {
		return err
	}
	return errors.Join(
		replace(filepath.Join(dir, MatrixJSONFile), append(raw, '\n')),
		replace(filepath.Join(dir, MatrixMarkdownFile), []byte(m.Markdown())),
		replace(filepath.Join(dir, MatrixHTMLFile), html),
	)
}
