package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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

// What the processes cannot tell each other is nothing that the cluster lacks.
func TestOnceAsksItselfWhereNothingCanBeShared(t *testing.T) {
	for name, shared := range map[string]func(dir string) (string, error){
		"no folder": func(dir string) (string, error) {
			file := filepath.Join(dir, "file")
			return file, os.WriteFile(file, nil, 0o600)
		},
		"not whole": func(dir string) (string, error) {
			return dir, os.WriteFile(filepath.Join(dir, "x.json"), []byte(`{"found":`), 0o600)
		},
		"no place": func(dir string) (string, error) { return dir, os.Mkdir(filepath.Join(dir, "x.json"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := shared(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s := &session{shared: dir}
			if found, err := s.once(t.Context(), "x", func(context.Context) (string, error) { return "it", nil }); found != "it" || err != nil {
				t.Errorf("%q, %v", found, err)
			}
		})
	}
}
