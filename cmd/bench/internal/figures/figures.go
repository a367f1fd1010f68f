// Package figures makes of raw samples the figures of a benchmark: medians with
// their spread, and what each says of its goal.
package figures

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/reports"
	"github.com/inroads-k8s/inroads/reports/plot"
)

// Kind is the kind of a Result.
const Kind = "Benchmark"

// Result is what a benchmark found.
type Result struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Setup      samples.Setup `json:"setup"`
	// Started and Finished are the times of the first and the last sample.
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// Load is the machine's load average over a minute, before each round.
	Load    Row      `json:"load"`
	Figures []Figure `json:"figures"`
	// Failures are the measurements that came to nothing.
	Failures []string `json:"failures,omitempty"`
}

// Figure is one thing that is measured, with all that it has to say.
type Figure struct {
	// ID is its letter.
	ID    string `json:"id"`
	Title string `json:"title"`
	// About says what is compared and how.
	About string   `json:"about"`
	Rows  []Row    `json:"rows"`
	Notes []string `json:"notes,omitempty"`
	Table *Table   `json:"table,omitempty"`
	// Plots are how it looks.
	Plots []plot.Figure `json:"-"`
}

// Table is what a figure lists.
type Table struct {
	Head []string   `json:"head"`
	Rows [][]string `json:"rows"`
}

// Row is one number of a figure.
type Row struct {
	Name string `json:"name"`
	// Unit is "×" for a ratio.
	Unit string `json:"unit"`
	// Most is the goal, nil where there is none.
	Most *float64 `json:"most,omitempty"`
	// Median is that of the values, of an even number the lower of the two in the
	// middle, and Low and High are their ends.
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	// Values are those of the rounds, in their order.
	Values  []float64 `json:"values"`
	Verdict Verdict   `json:"verdict"`
}

// Verdict is what a row says of its goal.
type Verdict string

// Verdicts of a row.
const (
	Reached    Verdict = "reached"
	Missed     Verdict = "missed"
	Stated     Verdict = "stated"
	Unmeasured Verdict = "not measured"
)

// Units of rows.
const (
	Ratio    = "×"
	Seconds  = "s"
	Megabyte = "MB"
	Kilobyte = "kB"
	Number   = ""
)

// newRow sums up the values. Without any it is not measured.
func newRow(name, unit string, values ...float64) Row {
	r := Row{Name: name, Unit: unit, Values: append([]float64{}, values...), Verdict: Unmeasured}
	if len(values) == 0 {
		return r
	}
	sorted := slices.Sorted(slices.Values(values))
	r.Median, r.Low, r.High = quantile(sorted, 0.5), sorted[0], sorted[len(sorted)-1]
	r.Verdict = Stated
	return r
}

// quantile is one of the sorted values, of which there is at least one.
func quantile(sorted []float64, p float64) float64 {
	return stat.Quantile(p, stat.Empirical, sorted, nil)
}

// atMost gives the row its goal, and the verdict about it.
func (r Row) atMost(most float64) Row {
	r.Most = &most
	switch {
	case r.Verdict == Unmeasured:
	case r.Median <= most:
		r.Verdict = Reached
	default:
		r.Verdict = Missed
	}
	return r
}

// point is the row in a plot.
func (r Row) point(x float64) plot.Point {
	if r.Verdict == Unmeasured {
		return plot.Point{X: x, Y: math.NaN()}
	}
	return plot.Point{X: x, Y: r.Median, Low: r.Low, High: r.High}
}

// Confidence is the chance that the median of all runs that there could be lies
// between the lowest and the highest of n.
func Confidence(n int) float64 { return 1 - math.Pow(2, float64(1-n)) }

// data are the samples that count.
type data []samples.Sample

// counted leaves out warm-ups, failures, and all but the last of what was measured
// again.
func counted(all []samples.Sample) (out data, failures []string) {
	type key struct {
		experiment, arm string
		round           int
	}
	last := map[key]samples.Sample{}
	var order []key
	for _, s := range all {
		if s.Round == 0 {
			continue
		}
		k := key{s.Experiment, s.Arm, s.Round}
		if old, there := last[k]; !there {
			order = append(order, k)
		} else if s.Failure != "" && old.Failure == "" {
			continue
		}
		last[k] = s
	}
	for _, k := range order {
		s := last[k]
		if s.Failure != "" {
			failures = append(failures, fmt.Sprintf("%s, %s, round %d: %s", s.Experiment, s.Arm, s.Round, s.Failure))
			continue
		}
		out = append(out, s)
	}
	return out, failures
}

// of are the samples of an arm by round.
func (d data) of(experiment, arm string) map[int]samples.Sample {
	out := map[int]samples.Sample{}
	for _, s := range d {
		if s.Experiment == experiment && s.Arm == arm {
			out[s.Round] = s
		}
	}
	return out
}

// rounds are those that there are, in their order.
func rounds(of map[int]samples.Sample) []int {
	var out []int
	for round := range of {
		out = append(out, round)
	}
	slices.Sort(out)
	return out
}

// each is what take says of each sample of the arm, in the order of rounds.
func (d data) each(experiment, arm string, take func(samples.Sample) (float64, bool)) (values []float64) {
	of := d.of(experiment, arm)
	for _, round := range rounds(of) {
		if v, ok := take(of[round]); ok {
			values = append(values, v)
		}
	}
	return values
}

// value takes a value by its name, in a unit that has so many of its own.
func value(name string, unit float64) func(samples.Sample) (float64, bool) {
	return func(s samples.Sample) (float64, bool) {
		v, ok := s.Values[name]
		return v / unit, ok
	}
}

// spec takes the time of a spec that passed, less wait.
func spec(name string, wait time.Duration) func(samples.Sample) (float64, bool) {
	return func(s samples.Sample) (float64, bool) {
		i := slices.IndexFunc(s.Specs, func(one samples.Spec) bool { return one.Name == name && one.State == samples.Passed })
		if i < 0 {
			return 0, false
		}
		return s.Specs[i].Seconds - wait.Seconds(), true
	}
}

// side is one side of a ratio.
type side struct {
	experiment, arm string
	take            func(samples.Sample) (float64, bool)
}

// ratios divides what was measured in the same round.
func (d data) ratios(a, b side) (values []float64) {
	ofA, ofB := d.of(a.experiment, a.arm), d.of(b.experiment, b.arm)
	for _, round := range rounds(ofA) {
		other, there := ofB[round]
		if !there {
			continue
		}
		x, okA := a.take(ofA[round])
		y, okB := b.take(other)
		if okA && okB && y > 0 {
			values = append(values, x/y)
		}
	}
	return values
}

// New makes the figures of the samples. The matrix is nil where none was run.
func New(setup samples.Setup, all []samples.Sample, matrix *reports.Matrix) Result {
	r := Result{APIVersion: reports.APIVersion, Kind: Kind, Setup: setup}
	d, failures := counted(all)
	r.Failures = failures
	var load []float64
	seen := map[string]bool{}
	for _, s := range all {
		if r.Started.IsZero() || s.Time.Before(r.Started) {
			r.Started = s.Time
		}
		if s.Time.After(r.Finished) {
			r.Finished = s.Time
		}
		// The first arm of a round finds the machine as others left it.
		if k := fmt.Sprint(s.Experiment, s.Round); !seen[k] {
			seen[k] = true
			load = append(load, s.Load[0])
		}
	}
	r.Load = newRow("load average before a round", Number, load...)
	r.Figures = []Figure{
		d.setUp(), d.core(setup.Procs), verdicts(matrix), d.startUp(), d.cost(setup.Procs), d.scaling(), d.image(setup), d.weight(setup.Procs),
	}
	return r
}
