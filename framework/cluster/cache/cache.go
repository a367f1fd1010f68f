// Package cache gives the folder in which inroads keeps what outlives one run:
// node images, the private container engine and the ledger of what is to be
// removed. Nothing outside this folder is needed to clean up after a killed run.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// EnvDir names the environment variable that moves the cache folder.
const EnvDir = "INROADS_CACHE"

// lockPoll is how often a wait for a lock held by another process tries again.
// flock(2) has no way to be woken that can also be cancelled.
const lockPoll = 200 * time.Millisecond

// Dir returns the absolute path of the cache folder: the value of EnvDir, or
// "inroads" below the user's cache folder. It creates the folder, mode 0700.
func Dir() (string, error) {
	dir := os.Getenv(EnvDir)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding the cache folder: %w; set %s", err, EnvDir)
		}
		dir = filepath.Join(user, "inroads")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolving %q: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("creating the cache folder: %w", err)
	}
	return dir, nil
}

// Lock takes the exclusive lock of the given file, creating it and its folder
// (mode 0700) when absent. While another process holds the lock it waits until
// ctx ends; onWait, when not nil, is called once as soon as there is a wait.
// The lock ends with the process even when the returned function is not called.
func Lock(ctx context.Context, path string, onWait func()) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	l := flock.New(path, flock.SetPermissions(fs.FileMode(0o600)))
	ok, err := l.TryLock()
	if err == nil && !ok {
		if onWait != nil {
			onWait()
		}
		ok, err = l.TryLockContext(ctx, lockPoll)
	}
	if err == nil && !ok {
		err = errors.New("held by another process")
	}
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	return func() { _ = l.Unlock() }, nil
}
