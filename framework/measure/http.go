package measure

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inroads-k8s/inroads/reports"
)

// HTTP makes requests with a client of this process.
type HTTP struct {
	Client *http.Client
	URL    string
	// Header is sent as it is.
	Header http.Header
	// Stop ends what the way has started, nil for nothing.
	Stop func()
}

// Close is described with Caller.
func (h *HTTP) Close() {
	h.Client.CloseIdleConnections()
	if h.Stop != nil {
		h.Stop()
	}
}

// Call is described with Caller.
func (h *HTTP) Call(ctx context.Context, t Turn, heard func(Answer) bool) (time.Duration, error) {
	warm := t
	warm.Requests, warm.Duration, warm.Rate = t.WarmUps, answerTime, 0
	more := h.all(ctx, warm, func(a Answer) bool {
		a.WarmUp = true
		return heard(a)
	})
	began := time.Now()
	if more {
		h.all(ctx, t, heard)
	}
	return time.Since(began), nil
}

// all makes the requests of the turn, all of which count, and returns whether heard
// wants more.
func (h *HTTP) all(ctx context.Context, t Turn, heard func(Answer) bool) bool {
	var given atomic.Int64
	var enough atomic.Bool
	began := time.Now()
	end := began.Add(t.Duration)
	var callers sync.WaitGroup
	for range t.Concurrency {
		callers.Go(func() {
			for {
				i := given.Add(1) - 1
				if i >= int64(t.Requests) || enough.Load() || ctx.Err() != nil {
					return
				}
				var due time.Time
				if t.Rate > 0 {
					due = began.Add(time.Duration(float64(i) / t.Rate * float64(time.Second)))
					if !due.Before(end) {
						return
					}
					if left := time.Until(due); left > 0 && !pause(ctx, left) {
						return
					}
				}
				t.Wait(ctx)
				if !time.Now().Before(end) {
					// A closed loop has missed nothing. A rate has, whose answer would have
					// been the latest of all.
					if t.Rate == 0 {
						return
					}
					heard(Answer{Unsent: true})
					continue
				}
				if a, ok := h.ask(ctx, due); ok && !heard(a) {
					enough.Store(true)
				}
			}
		})
	}
	callers.Wait()
	return !enough.Load()
}

// ask makes one request, which was due at a time, or when it is made for the zero
// time. It returns false for one that ctx has ended: nobody knows what would have
// become of it.
func (h *HTTP) ask(ctx context.Context, due time.Time) (Answer, bool) {
	bounded, cancel := context.WithTimeoutCause(ctx, answerTime, fmt.Errorf("no answer in %s", answerTime))
	defer cancel()
	clock := &clock{due: due, began: time.Now()}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(bounded, clock.hooks()), http.MethodGet, h.URL, nil)
	if err != nil {
		return Answer{Err: err}, true
	}
	request.Header = h.Header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	a, err := h.do(request)
	if err != nil {
		if ctx.Err() != nil {
			return Answer{}, false
		}
		if cause := context.Cause(bounded); cause != nil {
			err = cause
		}
		a.Err = err
		return a, true
	}
	a.Whole, a.Hops = clock.stop()
	return a, true
}

func (h *HTTP) do(request *http.Request) (Answer, error) {
	response, err := h.Client.Do(request)
	if err != nil {
		// The URL, which it begins with, is the same for all.
		if cause := errors.Unwrap(err); cause != nil {
			err = cause
		}
		return Answer{}, err
	}
	a := Answer{Status: response.StatusCode}
	a.Bytes, err = io.Copy(io.Discard, response.Body)
	if a.Status == http.StatusTooManyRequests {
		a.RetryAfter = retryAfter(response.Header)
	}
	return a, errors.Join(err, response.Body.Close())
}

// retryAfter is how long a server wants to be left alone, a second where it does
// not say.
func retryAfter(header http.Header) time.Duration {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return time.Second
}

// clock notes when a request comes to each hop. Its hooks are called from several
// goroutines, and some after the request has ended, for a connection that another
// one takes.
type clock struct {
	mu         sync.Mutex
	due, began time.Time

	resolve, resolved, dial, dialled, handshake, shaken, got, first time.Time
	reused                                                          bool
}

// set notes the time once; or again, where the last one counts.
func (c *clock) set(at *time.Time, again bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.IsZero() || again {
		*at = now
	}
}

func (c *clock) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { c.set(&c.resolve, false) },
		DNSDone:  func(httptrace.DNSDoneInfo) { c.set(&c.resolved, false) },
		// Several addresses may be tried.
		ConnectStart: func(string, string) { c.set(&c.dial, false) },
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				c.set(&c.dialled, false)
			}
		},
		// With a proxy in between the last handshake is with the server.
		TLSHandshakeStart: func() { c.set(&c.handshake, true) },
		TLSHandshakeDone:  func(tls.ConnectionState, error) { c.set(&c.shaken, true) },
		GotConn: func(i httptrace.GotConnInfo) {
			c.set(&c.got, true)
			c.mu.Lock()
			c.reused = i.Reused
			c.mu.Unlock()
		},
		GotFirstResponseByte: func() { c.set(&c.first, true) },
	}
}

// stop ends the request, and returns what it took and the hops that it passed.
func (c *clock) stop() (whole time.Duration, hops []Hop) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	add := func(name string, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() {
			hops = append(hops, Hop{name, to.Sub(from)})
		}
	}
	from := c.began
	if !c.due.IsZero() {
		add(reports.HopQueue, c.due, c.began)
		from = c.due
	}
	if !c.reused {
		add(reports.HopResolve, c.resolve, c.resolved)
		add(reports.HopDial, c.dial, c.dialled)
		add(reports.HopTLS, c.handshake, c.shaken)
	}
	add(reports.HopFirstByte, c.got, c.first)
	add(reports.HopBody, c.first, now)
	return now.Sub(from), hops
}
