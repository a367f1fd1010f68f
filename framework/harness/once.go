package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

// finding is what one process of the run has found out for all of them.
type finding struct {
	Found   string `json:"found,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// once finds out what is the same for each process of the run, by the first of them
// that wants to know; meanwhile others wait. A process that shares no folder with
// others asks itself. What an interrupted process would have found is asked again.
func (s *session) once(ctx context.Context, name string, ask func(context.Context) (string, error)) (string, error) {
	if s.shared == "" {
		return ask(ctx)
	}
	path := filepath.Join(s.shared, name+".json")
	unlock, err := cache.Lock(ctx, path+".lock", nil)
	if err != nil {
		return "", err
	}
	defer unlock()
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("reading what another process has found: %w", err)
	default:
		var f finding
		if err := json.Unmarshal(raw, &f); err != nil {
			return "", fmt.Errorf("reading %q: %w", path, err)
		}
		if f.Failure != "" {
			return "", errors.New(f.Failure)
		}
		return f.Found, nil
	}
	found, asked := ask(ctx)
	if ctx.Err() != nil {
		return found, asked
	}
	f := finding{Found: found}
	if asked != nil {
		f.Failure = asked.Error()
	}
	raw, err = json.Marshal(f)
	if err == nil {
		err = os.WriteFile(path, raw, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("telling other processes what was found: %w", err)
	}
	return found, asked
}
