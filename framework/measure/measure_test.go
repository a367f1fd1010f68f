package measure

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/reports"
)

// terms are of a short measuring, which ends with its requests.
func terms() reports.Terms {
	return reports.Terms{Loop: reports.ClosedLoop, Concurrency: []int{1, 3}, Rounds: 2, Duration: reports.Duration(time.Minute), Requests: 10, Errors: 3}
}

// serving answers over TLS, and counts.
func serving(t *testing.T, answer http.HandlerFunc) (server *httptest.Server, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server, asked
}

func fine(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }

// way leads to the server over a client of its own, and tells of its end.
func way(name string, server *httptest.Server, fresh bool, closed *atomic.Int64) Way {
	return Way{Name: name, Load: LoadAPI, Open: func(context.Context) (Caller, error) {
		client := *server.Client()
		transport := client.Transport.(*http.Transport).Clone()
		transport.DisableKeepAlives = fresh
		client.Transport = transport
		return &HTTP{Client: &client, URL: server.URL, Stop: func() { closed.Add(1) }}, nil
	}}
}

func hops(r reports.MeasuredRun) (names []string) {
	for _, h := range r.Hops {
		names = append(names, h.Hop)
	}
	return names
}

func TestRun(t *testing.T) {
	server, asked := serving(t, fine)
	var closed atomic.Int64
	ways := []Way{
		way("kept", server, false, &closed), way("new", server, true, &closed),
		{Name: "none", Load: LoadAPI, Missing: "nobody is there"},
		{Name: "broken", Load: LoadAPI, Open: func(context.Context) (Caller, error) { return nil, errors.New("no  way") }},
	}
	m := Run(t.Context(), terms(), ways, io.Discard)
	bound, _, _ := Bound(len(ways), terms())
	if m.Requests != asked.Load() || m.Requests > int64(bound) {
		t.Errorf("%d requests, the server had %d, at most %d were said", m.Requests, asked.Load(), bound)
	}
	if closed.Load() != 2 || m.Interrupted {
		t.Errorf("%d ways are closed, interrupted: %v", closed.Load(), m.Interrupted)
	}
	for i, want := range []string{"", "", "nobody is there", "no way"} {
		if got := m.Ways[i]; got.NotApplicable != want || got.Stopped != "" {
			t.Errorf("%s: not applicable %q, stopped %q", got.Name, got.NotApplicable, got.Stopped)
		}
	}
	for i, w := range m.Ways[:2] {
		for j, r := range w.Runs {
			if r.Concurrency != terms().Concurrency[j] || r.Whole.N != 10 || r.Errors != 0 {
				t.Errorf("%s: %d at a time, %d counted, %d errors", w.Name, r.Concurrency, r.Whole.N, r.Errors)
			}
			if r.Whole.P50 > r.Whole.P90 || r.Whole.P90 > r.Whole.P99 || r.Whole.P99 > r.Whole.Max || r.Whole.P50 == 0 {
				t.Errorf("%s: %+v", w.Name, r.Whole)
			}
			if (r.Over == nil) != (i == 0) || i == 1 && (r.Over.Way != "kept" || r.Over.Ratio.Low > r.Over.Ratio.High || r.Over.Ratio.Median == 0) {
				t.Errorf("%s: compared %v", w.Name, r.Over)
			}
			if r.PerSecond.Median <= 0 || r.BytesPerSecond.Median != 4*r.PerSecond.Median {
				t.Errorf("%s: %v requests and %v bytes per second", w.Name, r.PerSecond, r.BytesPerSecond)
			}
			last := r.Distribution[len(r.Distribution)-1]
			if last.Percentile != 90 || last.Time != r.Whole.P90 {
				t.Errorf("%s: of 10 requests the percentiles end with %v", w.Name, last)
			}
		}
		if len(w.Runs) != 2 {
			t.Errorf("%s: %d runs", w.Name, len(w.Runs))
		}
	}
	if got := hops(m.Ways[1].Runs[0]); !slices.Equal(got, []string{"dial", "tls", "first byte", "body"}) {
		t.Errorf("a new connection passes %q", got)
	}
	if got := hops(m.Ways[0].Runs[0]); !slices.Equal(got, []string{"first byte", "body"}) {
		t.Errorf("a connection that is kept passes %q", got)
	}
}

// TestTurns proves that the ways take turns, round by round.
func TestTurns(t *testing.T) {
	var mu sync.Mutex
	var order []string
	named := func(name string) Way {
		return Way{Name: name, Load: LoadAPI, Open: func(context.Context) (Caller, error) {
			return caller(func(_ Turn, heard func(Answer) bool) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, name)
				heard(Answer{Status: http.StatusOK, Whole: time.Millisecond})
			}), nil
		}}
	}
	once := terms()
	once.Concurrency = []int{1}
	Run(t.Context(), once, []Way{named("a"), named("b")}, io.Discard)
	if got := strings.Join(order, ""); got != "ababab" {
		t.Errorf("after one request each the turns are %q", got)
	}
}

// caller makes requests as told, and counts for a second.
type caller func(t Turn, heard func(Answer) bool)

func (c caller) Call(_ context.Context, t Turn, heard func(Answer) bool) (time.Duration, error) {
	c(t, heard)
	return time.Second, nil
}

func (caller) Close() {}

// TestErrors proves that a way that fails is given up at the bound, and the other
// one not.
func TestErrors(t *testing.T) {
	var closed atomic.Int64
	server, _ := serving(t, fine)
	var let atomic.Bool
	failing, asked := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		// The first request, which looks whether the way is there, is let in.
		if let.Swap(true) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	m := Run(t.Context(), terms(), []Way{way("fine", server, false, &closed), way("failing", failing, false, &closed)}, io.Discard)
	if got := m.Ways[1]; got.Stopped != "3 requests failed: 503 Service Unavailable" || len(got.Runs) != 1 || got.Runs[0].Errors != 3 || asked.Load() != 4 {
		t.Errorf("stopped %q, runs %+v, asked %d times", got.Stopped, got.Runs, asked.Load())
	}
	if got := m.Ways[0]; got.Stopped != "" || len(got.Runs) != 2 {
		t.Errorf("the other way: stopped %q, %d runs", got.Stopped, len(got.Runs))
	}
}

// TestThrottled proves that nobody asks for as long as a server that answers 429
// wants, and that such an answer is no error.
func TestThrottled(t *testing.T) {
	var closed, early atomic.Int64
	var mu sync.Mutex
	var until time.Time
	var n int
	server, _ := serving(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if time.Now().Before(until) {
			early.Add(1)
		}
		if n++; n == 4 {
			until = time.Now().Add(time.Second)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fine(w, r)
	})
	once := terms()
	once.Concurrency = []int{1}
	m := Run(t.Context(), once, []Way{way("a", server, false, &closed)}, io.Discard)
	got := m.Ways[0]
	if len(got.Runs) != 1 || got.Runs[0].Throttled != 1 || got.Runs[0].Errors != 0 || got.Stopped != "" {
		t.Fatalf("%+v", got)
	}
	if early.Load() != 0 {
		t.Errorf("%d requests came while the server wanted to be left alone", early.Load())
	}
}

// TestInterrupted proves that an end in the middle ends all, and tells of no errors.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var closed, n atomic.Int64
	server, _ := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 9 {
			cancel(errors.New("enough"))
		}
		fine(w, r)
	})
	m := Run(ctx, terms(), []Way{way("a", server, false, &closed), way("b", server, true, &closed)}, io.Discard)
	if !m.Interrupted || closed.Load() != 2 || n.Load() > 12 {
		t.Errorf("interrupted: %v, %d ways closed, %d requests", m.Interrupted, closed.Load(), n.Load())
	}
	for _, w := range m.Ways {
		if w.Stopped != "enough" {
			t.Errorf("%s: stopped %q", w.Name, w.Stopped)
		}
		for _, r := range w.Runs {
			if r.Errors != 0 {
				t.Errorf("%s: %d errors: %s", w.Name, r.Errors, r.Error)
			}
		}
	}
}

// TestPaced proves that a request that comes too late, because the one before took
// long, counts from when it was due.
func TestPaced(t *testing.T) {
	var closed, n atomic.Int64
	stall := 300 * time.Millisecond
	server, _ := serving(t, func(w http.ResponseWriter, r *http.Request) {
		// After the look and the warm-up the first one that counts.
		if n.Add(1) == 1+warmUps+1 {
			timer := time.NewTimer(stall)
			defer timer.Stop()
			<-timer.C
		}
		fine(w, r)
	})
	paced := terms()
	paced.Loop, paced.Rate, paced.Concurrency, paced.Rounds = reports.PacedLoop, 100, []int{1}, 1
	m := Run(t.Context(), paced, []Way{way("a", server, false, &closed)}, io.Discard)
	if len(m.Ways[0].Runs) != 1 {
		t.Fatalf("%+v", m.Ways[0])
	}
	r := m.Ways[0].Runs[0]
	// Ten requests are due within 100 ms, all of them while the first is not answered.
	if r.Whole.N != 10 || time.Duration(r.Whole.P50)*time.Microsecond < stall/2 {
		t.Errorf("%d requests, the median %s, and each was due while the first took %s", r.Whole.N, r.Whole.P50, stall)
	}
	if !slices.Contains(hops(r), reports.HopQueue) {
		t.Errorf("no time in the queue: %q", hops(r))
	}
}

func TestReadLine(t *testing.T) {
	fresh, ok := readLine("inroads 200 1 0.000010 0.001010 0.005010 0.005100 0.007100 0.007200 263 ")
	if !ok || fresh.Status != 200 || fresh.Bytes != 263 || fresh.Whole != 7200*time.Microsecond || fresh.Err != nil || len(fresh.Hops) != 5 {
		t.Errorf("%+v", fresh)
	}
	if kept, ok := readLine("inroads 200 0 0.000010 0.000011 0.000000 0.000050 0.001050 0.001060 4"); !ok || len(kept.Hops) != 2 || kept.Hops[0].Took != 1050*time.Microsecond {
		t.Errorf("%+v", kept)
	}
	if failed, ok := readLine("inroads 000 0 0.0 0.0 0.0 0.0 0.0 5.0 0 Connection timed out"); !ok || failed.Err == nil || failed.Err.Error() != "Connection timed out" {
		t.Errorf("%+v", failed)
	}
	for _, line := range []string{"", "curl: (6) Could not resolve host", "inroads 200 1", "inroads x 1 0 0 0 0 0 0 0"} {
		if _, ok := readLine(line); ok {
			t.Errorf("%q is read", line)
		}
	}
}

// TestScript proves that what a pod runs is what a shell reads, and that its
// credential is in no argument.
func TestScript(t *testing.T) {
	p := &Pod{URL: "https://10.0.0.1:443/version", API: true, Fresh: true}
	script := p.script(Turn{Concurrency: 4, Requests: 8, WarmUps: 2})
	for _, want := range []string{"--parallel-max 4", "/version#[1-10]", "--header @-", "--http1.1"} {
		if !strings.Contains(script, want) {
			t.Errorf("no %q in %s", want, script)
		}
	}
}
