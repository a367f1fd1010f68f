package figures

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/measure"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/peer"
	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

func TestRow(t *testing.T) {
	for _, c := range []struct {
		values            []float64
		most              float64
		median, low, high float64
		verdict           Verdict
	}{
		{[]float64{3, 1, 2}, 2, 2, 1, 3, Reached},
		{[]float64{3, 1, 2}, 1.9, 2, 1, 3, Missed},
		{[]float64{4, 1, 3, 2}, 5, 2, 1, 4, Reached},
		{[]float64{7}, 5, 7, 7, 7, Missed},
		{nil, 5, 0, 0, 0, Unmeasured},
	} {
		r := newRow("it", Seconds, c.values...).atMost(c.most)
		if r.Median != c.median || r.Low != c.low || r.High != c.high || r.Verdict != c.verdict {
			t.Errorf("%v, at most %v: %+v", c.values, c.most, r)
		}
		if !slices.Equal(r.Values, c.values) {
			t.Errorf("%v is kept as %v", c.values, r.Values)
		}
	}
	if got := newRow("it", Seconds, 1).Verdict; got != Stated {
		t.Errorf("without a goal: %s", got)
	}
	if got := newRow("it", Seconds).point(1).Y; !math.IsNaN(got) {
		t.Errorf("what is not measured is drawn at %v", got)
	}
}

func TestQuantileOfATenth(t *testing.T) {
	if got := quantile([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9); got != 9 {
		t.Errorf("the 90th percentile is %v", got)
	}
}

func TestConfidence(t *testing.T) {
	for n, want := range map[int]float64{1: 0, 2: 0.5, 5: 0.9375} {
		if got := Confidence(n); got != want {
			t.Errorf("of %d: %v", n, got)
		}
	}
}

func sample(experiment, arm string, round int, seconds float64) samples.Sample {
	return samples.Sample{
		Time: time.Unix(int64(round), 0), Experiment: experiment, Arm: arm, Round: round, Values: map[string]float64{"seconds": seconds},
	}
}

func failed(s samples.Sample) samples.Sample {
	s.Failure = "it broke"
	return s
}

func TestCounted(t *testing.T) {
	got, failures := counted([]samples.Sample{
		sample("e", "a", 0, 9), sample("e", "a", 1, 1), failed(sample("e", "a", 2, 2)), sample("e", "b", 1, 3),
		sample("e", "a", 2, 4), failed(sample("e", "b", 1, 5)), failed(sample("e", "b", 3, 6)),
	})
	var seconds []float64
	for _, s := range got {
		seconds = append(seconds, s.Values["seconds"])
	}
	if !slices.Equal(seconds, []float64{1, 4, 3}) || !slices.Equal(failures, []string{"e, b, round 3: it broke"}) {
		t.Errorf("counted %v, failed %v", seconds, failures)
	}
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	d := data{sample("e", "a", 2, 4), sample("e", "a", 1, 3), sample("e", "b", 1, 2), sample("e", "b", 2, 1), sample("e", "a", 3, 9)}
	got := d.ratios(side{"e", "a", value("seconds", 1)}, side{"e", "b", value("seconds", 1)})
	if !slices.Equal(got, []float64{1.5, 4}) {
		t.Errorf("ratios %v", got)
	}
}

func row(t *testing.T, r Result, id, name string) Row {
	t.Helper()
	for _, f := range r.Figures {
		for _, row := range f.Rows {
			if f.ID == id && row.Name == name {
				return row
			}
		}
	}
	t.Fatalf("figure %s has no row %q", id, name)
	return Row{}
}

func TestFiguresOfNothing(t *testing.T) {
	r := New(samples.Setup{Procs: 4}, nil, nil)
	for _, f := range r.Figures {
		for _, row := range f.Rows {
			if row.Verdict != Unmeasured && f.ID != "g" {
				t.Errorf("%s: %s is %s", f.ID, row.Name, row.Verdict)
			}
		}
	}
}

func TestPairLeavesOutWhatUpstreamWaits(t *testing.T) {
	i := slices.IndexFunc(peer.Pairs(), func(p peer.Pair) bool { return p.Wait > 0 })
	p := peer.Pairs()[i]
	ours, theirs := sample(measure.Warm, measure.ArmPairs, 1, 9), sample(measure.Warm, measure.ArmUpstream, 1, 9)
	ours.Specs = []samples.Spec{{Name: string(p.Claim), Seconds: 3, State: samples.Passed}}
	theirs.Specs = []samples.Spec{{Name: p.Upstream, Seconds: 2 + p.Wait.Seconds(), State: samples.Passed}}
	name := fmt.Sprintf("pair %d: %s over upstream's", i+1, p.Claim)
	if r := row(t, New(samples.Setup{Procs: 4}, []samples.Sample{ours, theirs}, nil), "b", name); r.Median != 1.5 || r.Verdict != Missed {
		t.Errorf("the pair is %+v", r)
	}
	theirs.Specs[0].State = samples.Failed
	if r := row(t, New(samples.Setup{Procs: 4}, []samples.Sample{ours, theirs}, nil), "b", name); r.Verdict != Unmeasured {
		t.Errorf("with a spec that failed the pair is %+v", r)
	}
}

func TestVerdictsOfAMatrix(t *testing.T) {
	claim := catalog.Claims()[0]
	m := &reports.Matrix{Faults: []reports.FaultRow{
		{Name: "way", Preflight: reports.Preflight{Way: true, Duration: reports.Duration(3 * time.Second)}, Pairs: []reports.Pair{{Claim: claim.ID, Time: reports.Duration(time.Hour)}}},
		{Name: "other", Pairs: []reports.Pair{{Claim: claim.ID, Verdict: catalog.Disproven, Time: reports.Duration(claim.Bound() / 2)}}},
		{Name: "skipped", Skipped: "not here", Pairs: []reports.Pair{{Claim: claim.ID, Time: reports.Duration(time.Hour)}}},
	}}
	r := New(samples.Setup{}, nil, m)
	if got := row(t, r, "c", "a fault on the way: 90th percentile"); got.Median != 3 || got.Verdict != Missed {
		t.Errorf("on the way: %+v", got)
	}
	if got := row(t, r, "c", "any other fault: median"); got.Median != claim.Bound().Seconds()/2 || got.Verdict != Stated {
		t.Errorf("others: %+v", got)
	}
	if got := row(t, r, "c", "longest, as a share of its claim's bound"); got.Median != 0.5 || got.Verdict != Reached {
		t.Errorf("the longest: %+v", got)
	}
}
