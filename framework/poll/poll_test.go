package poll_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/poll"
)

const tick = time.Millisecond

var errLeader = errors.New("503 etcd leader changed")

func TestUntil(t *testing.T) {
	cause := errors.New("interrupted by the user")
	tests := []struct {
		name string
		// check is called with the number of the call, from 1, and with a
		// way to end the wait.
		check func(ctx context.Context, n int, cancel context.CancelCauseFunc) error
		// want is the text of the error, {} standing for a duration; empty
		// means no error.
		want  string
		is    []error
		calls int
	}{
		{
			name:  "at once",
			check: func(context.Context, int, context.CancelCauseFunc) error { return nil },
			calls: 1,
		},
		{
			name: "after errors",
			check: func(_ context.Context, n int, _ context.CancelCauseFunc) error {
				if n < 3 {
					return errLeader
				}
				return nil
			},
			calls: 3,
		},
		{
			name: "keeps the last error",
			check: func(_ context.Context, n int, cancel context.CancelCauseFunc) error {
				if n == 2 {
					cancel(cause)
					return errLeader
				}
				return errors.New("an older one")
			},
			want:  "waiting {} for node ready: interrupted by the user: last: 503 etcd leader changed",
			is:    []error{cause, errLeader},
			calls: 2,
		},
		{
			name: "does not keep the context's own error",
			check: func(ctx context.Context, n int, cancel context.CancelCauseFunc) error {
				if n == 2 {
					cancel(cause)
					return fmt.Errorf("getting the node: %w", ctx.Err())
				}
				return errLeader
			},
			want:  "waiting {} for node ready: interrupted by the user: last: 503 etcd leader changed",
			is:    []error{errLeader},
			calls: 2,
		},
		{
			name: "does not keep the rate limiter's",
			check: func(_ context.Context, n int, cancel context.CancelCauseFunc) error {
				if n == 2 {
					cancel(cause)
					return errors.New("client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline")
				}
				return errLeader
			},
			want:  "waiting {} for node ready: interrupted by the user: last: 503 etcd leader changed",
			calls: 2,
		},
		{
			name: "keeps a deadline of the check's own",
			check: func(_ context.Context, n int, cancel context.CancelCauseFunc) error {
				if n == 2 {
					cancel(cause)
					return context.Canceled
				}
				return fmt.Errorf("asking the node: %w", context.DeadlineExceeded)
			},
			want:  "waiting {} for node ready: interrupted by the user: last: asking the node: context deadline exceeded",
			calls: 2,
		},
		{
			name: "says that nothing was seen",
			check: func(ctx context.Context, _ int, cancel context.CancelCauseFunc) error {
				cancel(cause)
				return ctx.Err()
			},
			want:  "waiting {} for node ready: nothing seen: interrupted by the user",
			is:    []error{cause},
			calls: 1,
		},
		{
			name: "gives up on a permanent error",
			check: func(context.Context, int, context.CancelCauseFunc) error {
				return fmt.Errorf("wrapped: %w", poll.Permanent(errLeader))
			},
			want:  "waiting {} for node ready: gave up: 503 etcd leader changed",
			is:    []error{errLeader},
			calls: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			calls := 0
			err := poll.Until(ctx, "node ready", tick, func(ctx context.Context) error {
				calls++
				return tt.check(ctx, calls, cancel)
			})
			matches(t, err, tt.want)
			for _, target := range tt.is {
				if !errors.Is(err, target) {
					t.Errorf("%v is not %v", err, target)
				}
			}
			if calls != tt.calls {
				t.Errorf("checked %d times, want %d", calls, tt.calls)
			}
		})
	}
}

// matches compares a text with a pattern in which {} stands for a duration.
func matches(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("got error %q, want none", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("got no error, want %q", want)
	}
	before, after, _ := strings.Cut(want, "{}")
	rest, ok := strings.CutPrefix(err.Error(), before)
	duration, ok2 := strings.CutSuffix(rest, after)
	if !ok || !ok2 {
		t.Fatalf("got error %q, want %q", err, want)
	}
	if _, err := time.ParseDuration(duration); err != nil {
		t.Errorf("%q is no duration", duration)
	}
}

// TestUntilNamesTheBudget uses a deadline that the wait itself comes to.
func TestUntilNamesTheBudget(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*tick)
	defer cancel()
	err := poll.Until(ctx, "node ready", tick, func(context.Context) error { return errLeader })
	var own *poll.Error
	if !errors.As(err, &own) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errLeader) {
		t.Fatalf("got %v", err)
	}
	if own.After > 30*tick || own.After <= 0 {
		t.Errorf("the wait says it was %s long, its deadline was at %s", own.After, 30*tick)
	}
}

func TestErrorText(t *testing.T) {
	err := &poll.Error{What: "node ready", After: 29999 * time.Millisecond, Last: errLeader, Cause: context.DeadlineExceeded}
	if got, want := err.Error(), "waiting 30s for node ready: last: 503 etcd leader changed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if poll.Permanent(nil) != nil {
		t.Error("Permanent(nil) is not nil")
	}
}
