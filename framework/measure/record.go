package measure

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

const (
	// longest is the most that a histogram tells apart, and digits how exactly.
	longest = 2 * time.Minute
	digits  = 3
)

// percentiles are those of a distribution, as far as there are requests enough.
var percentiles = []float64{0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.999}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

// add records a time. What is out of the range is at its end.
func add(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), h.LowestTrackableValue()), h.HighestTrackableValue()))
}

func latency(h *hdrhistogram.Histogram) reports.Latency {
	if h.TotalCount() == 0 {
		return reports.Latency{}
	}
	at := func(q float64) reports.Microseconds { return reports.Microseconds(h.ValueAtQuantile(q)) }
	return reports.Latency{N: h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), Max: reports.Microseconds(h.Max())}
}

// record is what became of the requests of one way at one concurrency.
type record struct {
	mu    sync.Mutex
	bound int64
	whole *hdrhistogram.Histogram
	hops  map[string]*hdrhistogram.Histogram

	errors, throttled, unsent int64
	first                     string

	// What follows is of the round that is under way: all requests, and the bytes of
	// those that count.
	round    *hdrhistogram.Histogram
	requests int64
	bytes    int64

	// rounds are all that have ended.
	rounds []round
}

// round is what came of one turn; it counts for nothing where n is zero.
type round struct {
	n                int64
	median           reports.Microseconds
	perSecond, bytes float64
}

func newRecord(errors int) *record {
	return &record{bound: int64(errors), whole: newHistogram(), hops: map[string]*hdrhistogram.Histogram{}}
}

func (r *record) begin() {
	r.round, r.requests, r.bytes = newHistogram(), 0, 0
}

// hear counts an answer, and returns false once the way has failed too often.
func (r *record) hear(a Answer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Unsent {
		r.unsent++
		return true
	}
	r.requests++
	err := a.Err
	if err == nil {
		err = refused(a)
	}
	switch {
	case a.Status == http.StatusTooManyRequests:
		r.throttled++
	case err != nil:
		if r.errors++; r.first == "" {
			r.first = oneLine(err)
		}
	case !a.WarmUp:
		add(r.round, a.Whole)
		r.bytes += a.Bytes
		for _, h := range a.Hops {
			if r.hops[h.Name] == nil {
				r.hops[h.Name] = newHistogram()
			}
			add(r.hops[h.Name], h.Took)
		}
	}
	return r.errors < r.bound
}

// end closes the round, which took so long, and returns how many requests it had.
func (r *record) end(took time.Duration) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var came round
	if n := r.round.TotalCount(); n > 0 && took > 0 {
		came = round{
			n: n, median: reports.Microseconds(r.round.ValueAtQuantile(50)),
			perSecond: float64(n) / took.Seconds(), bytes: float64(r.bytes) / took.Seconds(),
		}
	}
	r.rounds = append(r.rounds, came)
	r.whole.Merge(r.round)
	return r.requests
}

func (r *record) failed() bool { return r.errors >= r.bound }

// any is whether there is something to tell.
func (r *record) any() bool { return r.whole.TotalCount()+r.errors+r.throttled+r.unsent > 0 }

func (r *record) run(concurrency int) reports.MeasuredRun {
	counted := slices.DeleteFunc(slices.Clone(r.rounds), func(x round) bool { return x.n == 0 })
	run := reports.MeasuredRun{
		Concurrency: concurrency, Errors: r.errors, Error: r.first, Throttled: r.throttled, Unsent: r.unsent,
		Whole: latency(r.whole), Hops: []reports.HopLatency{},
		PerSecond:      spread(counted, func(x round) float64 { return x.perSecond }),
		BytesPerSecond: spread(counted, func(x round) float64 { return x.bytes }),
	}
	for _, name := range reports.MeasuredHops() {
		if h := r.hops[name]; h != nil {
			run.Hops = append(run.Hops, reports.HopLatency{Hop: name, Latency: latency(h)})
		}
	}
	for _, p := range percentiles {
		// A percentile beyond the last request would only repeat the most.
		if n := float64(run.Whole.N); n > 0 && n*(100-p) >= 100-1e-6 {
			run.Distribution = append(run.Distribution, reports.Percentile{Percentile: p, Time: reports.Microseconds(r.whole.ValueAtQuantile(p))})
		}
	}
	return run
}

// compare compares the rounds in which both ways have counted something: what hit
// one of them in a round hit the other too. It returns nil where there is none.
func compare(r, base *record, name string) *reports.Comparison {
	type pair struct{ ratio, adds float64 }
	var pairs []pair
	for i := range min(len(r.rounds), len(base.rounds)) {
		if r.rounds[i].n > 0 && base.rounds[i].n > 0 {
			a, b := float64(r.rounds[i].median), float64(base.rounds[i].median)
			pairs = append(pairs, pair{a / b, a - b})
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return &reports.Comparison{
		Way:   name,
		Ratio: spread(pairs, func(p pair) float64 { return p.ratio }),
		Adds:  spread(pairs, func(p pair) float64 { return p.adds }),
	}
}

// spread is that of a figure, zero of none.
func spread[T any](of []T, figure func(T) float64) reports.Spread {
	if len(of) == 0 {
		return reports.Spread{}
	}
	all := make([]float64, len(of))
	for i, v := range of {
		all[i] = figure(v)
	}
	slices.Sort(all)
	mid := len(all) / 2
	median := all[mid]
	if len(all)%2 == 0 {
		median = (all[mid-1] + all[mid]) / 2
	}
	return reports.Spread{Median: median, Low: all[0], High: all[len(all)-1]}
}

// refused is the error of an answer that is no success, nil for one that is.
func refused(a Answer) error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	return fmt.Errorf("%d %s", a.Status, http.StatusText(a.Status))
}

// oneLine returns the error in one line and without credentials.
func oneLine(err error) string {
	return strings.Join(strings.Fields(probe.Redact(err.Error())), " ")
}
