package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// lease is one process's use of the private engine: a file that the process
// holds locked, so that the lease ends with the process however that ends.
type lease struct {
	private private
	file    *flock.Flock
	stops   bool // the engine, when it is the last
}

func (p private) leases() string { return filepath.Join(p.root, "leases") }

// newLease makes the caller a user. The caller holds the engine's lock.
func (p private) newLease(stops bool) (*lease, error) {
	if err := os.MkdirAll(p.leases(), 0o700); err != nil {
		return nil, fmt.Errorf("joining the private engine: %w", err)
	}
	file := flock.New(filepath.Join(p.leases(), fmt.Sprintf("%d-%s", os.Getpid(), rand.Text())), flock.SetPermissions(0o600))
	if ok, err := file.TryLock(); err != nil || !ok {
		return nil, fmt.Errorf("joining the private engine: locking %q: %w", file.Path(), err)
	}
	return &lease{private: p, file: file, stops: stops}, nil
}

// users returns the processes that use the engine, ascending, and forgets those
// that ended. The caller holds the engine's lock.
func (p private) users() ([]int, error) {
	entries, err := os.ReadDir(p.leases())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the users of the private engine: %w", err)
	}
	var pids []int
	for _, e := range entries {
		path := filepath.Join(p.leases(), e.Name())
		file := flock.New(path)
		free, err := file.TryLock()
		if err != nil {
			return nil, fmt.Errorf("listing the users of the private engine: %w", err)
		}
		if !free {
			number, _, _ := strings.Cut(e.Name(), "-")
			pid, _ := strconv.Atoi(number)
			pids = append(pids, pid)
			continue
		}
		if err := errors.Join(os.Remove(path), file.Unlock()); err != nil {
			return nil, fmt.Errorf("listing the users of the private engine: %w", err)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// release ends the use, and with the last one the engine.
func (l *lease) release(ctx context.Context) error {
	p := l.private
	unlock, err := p.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(os.Remove(l.file.Path()), l.file.Unlock()); err != nil {
		return fmt.Errorf("leaving the private engine: %w", err)
	}
	users, err := p.users()
	if err != nil {
		return err
	}
	if len(users) > 0 {
		p.o.logf("the private Docker daemon goes on, because processes %v use it", users)
		return nil
	}
	if !l.stops {
		return nil
	}
	if _, err := os.Stat(p.keepFile()); err == nil {
		p.o.logf("the private Docker daemon goes on, because it is to be kept: DOCKER_HOST=%s", p.host())
		return nil
	}
	return p.shutdown(ctx)
}

// keep makes the engine outlive its last user.
func (p private) keep() error {
	if err := os.WriteFile(p.keepFile(), nil, 0o600); err != nil {
		return fmt.Errorf("marking the private engine to be kept: %w", err)
	}
	return nil
}
