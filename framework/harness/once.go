package harness

import (
	"context"
	"encoding/json"
	"errors"
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
// others asks itself, as does one that cannot learn there what was found. What an
// interrupted process would have found is asked again.
func (s *session) once(ctx context.Context, name string, ask func(context.Context) (string, error)) (string, error) {
	if s.shared == "" {
		return ask(ctx)
	}
	path := filepath.Join(s.shared, name+".json")
	unlock, err := cache.Lock(ctx, path+".lock", nil)
	if err != nil {
		return ask(ctx)
	}
	defer unlock()
	var f finding
	if raw, err := os.ReadFile(path); err == nil && json.Unmarshal(raw, &f) == nil {
		if f.Failure != "" {
			return "", errors.New(f.Failure)
		}
		return f.Found, nil
	}
	found, asked := ask(ctx)
	if ctx.Err() != nil {
		return found, asked
	}
	f = finding{Found: found}
	if asked != nil {
		f.Failure = asked.Error()
	}
	// A file that is not whole is asked past.
	if raw, err := json.Marshal(f); err == nil {
		_ = os.WriteFile(path, raw, 0o600)
	}
	return found, asked
}
