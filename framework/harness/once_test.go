package harness

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOnceAsksForAllProcesses(t *testing.T) {
	shared := t.TempDir()
	for name, refusal := range map[string]error{"found": nil, "failed": errors.New("there is none")} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					s := &session{shared: shared}
					found, err := s.once(t.Context(), name, func(context.Context) (string, error) {
						asked.Add(1)
						return "it", refusal
					})
					if refusal == nil && (found != "it" || err != nil) || refusal != nil && (err == nil || err.Error() != refusal.Error()) {
						t.Errorf("%q, %v", found, err)
					}
				})
			}
			if all.Wait(); asked.Load() != 1 {
				t.Errorf("asked %d times", asked.Load())
			}
		})
	}
}

func TestOnceForgetsWhatWasInterrupted(t *testing.T) {
	s := &session{shared: t.TempDir()}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := s.once(ctx, "x", func(ctx context.Context) (string, error) { stop(); return "", ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if found, err := s.once(t.Context(), "x", func(context.Context) (string, error) { return "it", nil }); found != "it" || err != nil {
		t.Errorf("%q, %v", found, err)
	}
}
