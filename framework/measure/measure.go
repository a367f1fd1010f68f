// Package measure times requests by several ways into a cluster, side by side: the
// ways take turns in rounds, so that whatever else goes on meets all of them alike.
package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/inroads-k8s/inroads/reports"
)

const (
	// warmUps are the requests of each connection before those that count, in each
	// turn.
	warmUps = 2
	// answerTime bounds each request.
	answerTime = 10 * time.Second
	// openTime bounds the first request of a way, with what has to start for it.
	openTime = 30 * time.Second
)

// errTime is why a measuring ends that took too long.
var errTime = errors.New("the time for all ways is over")

// Way is one way in under one load.
type Way struct {
	// Name, About and Load are described with reports.MeasuredWay.
	Name, About, Load string
	// Missing is why there is no such way, or "".
	Missing string
	// Open makes the way ready until ctx ends.
	Open func(context.Context) (Caller, error)
}

// Caller makes requests by one way.
type Caller interface {
	// Call makes the requests of a turn, in which it tells heard of each, and
	// returns how long those that count took together. It ends early when heard
	// returns false or ctx ends. An error is of the caller itself: no request could be
	// made.
	Call(ctx context.Context, t Turn, heard func(Answer) bool) (time.Duration, error)
	// Close ends what Open has started.
	Close()
}

// Turn is what a way is to do until it is another's turn.
type Turn struct {
	// Concurrency is how many requests are under way at a time.
	Concurrency int
	// Requests is the most that count, and WarmUps how many are made before them.
	Requests, WarmUps int
	// Duration is how long requests that count are begun for.
	Duration time.Duration
	// Rate is how many of them begin in a second, 0 for as soon as the one before
	// is answered.
	Rate float64
	// Wait returns when the way may ask, which is at once unless a server has asked
	// for patience.
	Wait func(context.Context)
}

// Answer is what became of one request.
type Answer struct {
	// WarmUp is whether it counts for nothing but its failure.
	WarmUp bool
	// Status is the HTTP status, 0 where none arrived.
	Status int
	// Err is why there is no complete answer, or nil.
	Err error
	// RetryAfter is for how long a server that answers 429 wants to be left alone.
	RetryAfter time.Duration
	// Unsent is whether the request was never made, for want of a connection that
	// was free.
	Unsent bool
	// Whole and Hops are described with reports.MeasuredRun.
	Whole time.Duration
	Hops  []Hop
	// Bytes is the size of the body.
	Bytes int64
}

// Hop is a part of a request.
type Hop struct {
	Name string
	Took time.Duration
}

// Bound is the most that measuring the ways on these terms takes: requests, those
// of the warm-up among them, and the time after which it is given up. Usual is how
// long it takes where nothing goes wrong.
func Bound(ways int, t reports.Terms) (requests int, usual, most time.Duration) {
	for _, c := range t.Concurrency {
		requests += ways * (t.Rounds*warmUps*c + share(t)*t.Rounds)
	}
	requests += ways
	usual = time.Duration(ways*len(t.Concurrency)) * time.Duration(t.Duration)
	return requests, usual, 2*usual + time.Minute
}

// share is the part of a run's requests that is made in each round.
func share(t reports.Terms) int { return (t.Requests + t.Rounds - 1) / t.Rounds }

// Run measures the ways on these terms and returns what it found, also where ctx
// ends before. A way that cannot be opened is not applicable, and says why; one
// that fails too often is given up. The log gets a line for each round.
func Run(ctx context.Context, t reports.Terms, ways []Way, log io.Writer) reports.Measurement {
	_, _, most := Bound(len(ways), t)
	bounded, cancel := context.WithTimeoutCause(ctx, most, errTime)
	defer cancel()
	m := &measuring{terms: t, log: log}
	defer m.close()
	result := reports.Measurement{
		APIVersion: reports.APIVersion, Kind: reports.MeasurementKind, Tool: reports.Tool{Name: reports.ToolName, Version: reports.Version()},
		Started: time.Now().UTC().Round(time.Millisecond), Terms: t,
	}
	for _, w := range ways {
		m.open(bounded, w)
	}
	for _, c := range t.Concurrency {
		m.at(bounded, c)
	}
	result.Requests, result.Interrupted = m.requests, ctx.Err() != nil
	result.Finished = time.Now().UTC().Round(time.Millisecond)
	for _, w := range m.ways {
		result.Ways = append(result.Ways, w.report)
	}
	return result
}

// measuring is one Run under way.
type measuring struct {
	terms    reports.Terms
	log      io.Writer
	ways     []*opened
	gate     gate
	requests int64
}

// opened is a way with what is known of it, nil where it does not apply.
type opened struct {
	caller Caller
	report reports.MeasuredWay
}

func (w *opened) gone() bool {
	return w.caller == nil || w.report.Stopped != ""
}

// open makes the way ready and sees that one request gets through.
func (m *measuring) open(ctx context.Context, w Way) {
	o := &opened{report: reports.MeasuredWay{Name: w.Name, About: w.About, Load: w.Load, NotApplicable: w.Missing}}
	m.ways = append(m.ways, o)
	if w.Missing != "" || ctx.Err() != nil {
		return
	}
	bounded, cancel := context.WithTimeoutCause(ctx, openTime, fmt.Errorf("no answer in %s", openTime))
	defer cancel()
	caller, err := w.Open(ctx)
	if err == nil {
		o.caller = caller
		seen := Answer{Err: errors.New("no answer was seen")}
		_, err = caller.Call(bounded, Turn{Concurrency: 1, Requests: 1, Duration: openTime, Wait: m.gate.wait}, func(a Answer) bool {
			m.requests++
			seen = a
			return true
		})
		err = cmp.Or(err, seen.Err, refused(seen))
	}
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		o.report.Stopped = context.Cause(ctx).Error()
	} else {
		o.report.NotApplicable = oneLine(err)
	}
	if o.caller != nil {
		o.caller.Close()
		o.caller = nil
	}
}

// at measures all ways at one concurrency, in rounds.
func (m *measuring) at(ctx context.Context, concurrency int) {
	records := make([]*record, len(m.ways))
	for i, w := range m.ways {
		if !w.gone() {
			records[i] = newRecord(m.terms.Errors)
		}
	}
	for round := range m.terms.Rounds {
		if ctx.Err() == nil {
			fmt.Fprintf(m.log, "measure: concurrency %d, round %d of %d\n", concurrency, round+1, m.terms.Rounds)
		}
		for i, w := range m.ways {
			if w.gone() || ctx.Err() != nil {
				continue
			}
			m.turn(ctx, w, records[i], concurrency)
		}
	}
	// The first way of a load that is there is the one that the others go by.
	base := map[string]int{}
	for i, w := range m.ways {
		if records[i] == nil || !records[i].any() {
			continue
		}
		run := records[i].run(concurrency)
		if first, ok := base[w.report.Load]; ok {
			run.Over = compare(records[i], records[first], m.ways[first].report.Name)
		} else {
			base[w.report.Load] = i
		}
		w.report.Runs = append(w.report.Runs, run)
	}
	for _, w := range m.ways {
		if ctx.Err() != nil && !w.gone() {
			w.report.Stopped = context.Cause(ctx).Error()
		}
	}
}

// turn lets the way ask once in a round.
func (m *measuring) turn(ctx context.Context, w *opened, r *record, concurrency int) {
	m.gate.wait(ctx)
	r.begin()
	t := Turn{
		Concurrency: concurrency, Requests: share(m.terms), WarmUps: warmUps * concurrency,
		Duration: time.Duration(m.terms.Duration) / time.Duration(m.terms.Rounds), Rate: m.terms.Rate, Wait: m.gate.wait,
	}
	took, err := w.caller.Call(ctx, t, func(a Answer) bool {
		m.gate.hold(a.RetryAfter)
		return r.hear(a)
	})
	m.requests += r.end(took)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.report.Stopped = oneLine(err)
	case r.failed():
		w.report.Stopped = fmt.Sprintf("%d requests failed: %s", r.errors, r.first)
	}
}

// close ends every way that is open, the last one first.
func (m *measuring) close() {
	for _, w := range slices.Backward(m.ways) {
		if w.caller != nil {
			w.caller.Close()
		}
	}
}
