// Package poll waits, and never loses the last error of what it waited for.
package poll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Until calls check at once and then every interval until it returns nil, an
// error of Permanent, or the context ends. It returns nil, or an *Error that
// says what was waited for, how long, and the last error that was check's own:
// "waiting 30s for node ready: last: 503 etcd leader changed". An interval of
// zero or less means a second. What an ended context alone causes is not kept.
func Until(ctx context.Context, what string, interval time.Duration, check func(context.Context) error) error {
	if interval <= 0 {
		interval = time.Second
	}
	w := start(ctx, what)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if permanent := (*permanentError)(nil); errors.As(err, &permanent) {
			return w.stopped(permanent.err)
		}
		w.keep(ctx, err)
		select {
		case <-ctx.Done():
			return w.ended(ctx)
		case <-ticker.C:
			// Both may be ready, and select does not prefer one.
			if ctx.Err() != nil {
				return w.ended(ctx)
			}
		}
	}
}

// Permanent marks an error that no waiting will change, such as a pod that has
// failed. The wait ends and returns it. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err: err}
}

type permanentError struct{ err error }

func (p *permanentError) Error() string { return p.err.Error() }
func (p *permanentError) Unwrap() error { return p.err }

// Error is a wait that ended without what it waited for.
type Error struct {
	// What was waited for.
	What string
	// After is how long the wait was: the time up to the deadline if that is
	// what ended it, else the time that had passed.
	After time.Duration
	// Last is the last error of the check, or nil if it never returned one
	// of its own.
	Last error
	// Cause is why the context ended, or nil if the check gave up.
	Cause error
}

// Error says what was waited for, how long, and the last error.
func (e *Error) Error() string {
	text := fmt.Sprintf("waiting %s for %s: ", round(e.After), e.What)
	switch {
	case e.Last == nil:
		return text + fmt.Sprintf("nothing seen: %v", e.Cause)
	case e.Cause == nil:
		return text + fmt.Sprintf("gave up: %v", e.Last)
	case errors.Is(e.Cause, context.DeadlineExceeded):
		return text + fmt.Sprintf("last: %v", e.Last)
	default:
		return text + fmt.Sprintf("%v: last: %v", e.Cause, e.Last)
	}
}

// Unwrap returns the last error and the cause, so that errors.Is finds both.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Last, e.Cause} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

func round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	default:
		return d.Round(time.Millisecond)
	}
}

// wait is what is known of a wait under way.
type wait struct {
	what  string
	began time.Time
	// budget is the time up to the deadline, zero without one.
	budget time.Duration
	last   error
}

func start(ctx context.Context, what string) *wait {
	w := &wait{what: what, began: time.Now()}
	if deadline, ok := ctx.Deadline(); ok {
		w.budget = deadline.Sub(w.began)
	}
	return w
}

// keep remembers an error, unless it only says that the context is ending.
func (w *wait) keep(ctx context.Context, err error) {
	if !ofContext(ctx, err) {
		w.last = err
	}
}

// ofContext tells whether an error is the wait's own end come back from the
// check. A deadline of the check's own, inside the wait, is not.
func ofContext(ctx context.Context, err error) bool {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return true
	}
	// client-go's rate limiter refuses ahead of the deadline, with an error
	// of a type that is not exported.
	return strings.Contains(err.Error(), "would exceed context deadline")
}

func (w *wait) ended(ctx context.Context) error {
	after := time.Since(w.began)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && w.budget > 0 {
		after = w.budget
	}
	return &Error{What: w.what, After: after, Last: w.last, Cause: context.Cause(ctx)}
}

func (w *wait) stopped(err error) error {
	return &Error{What: w.what, After: time.Since(w.began), Last: err}
}
