package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// workDirs is the folder of such folders, below the cache folder.
const workDirs = "runs"

// newWorkDir makes a folder for what the processes of one run share, mode 0700.
// remove takes it away; a sweep does so after a run that was killed.
func newWorkDir() (dir string, remove func() error, err error) {
	dir, remove, err = noteWorkDir()
	if err != nil {
		return "", nil, fmt.Errorf("making the folder of the run: %w", err)
	}
	return dir, remove, nil
}

func noteWorkDir() (string, func() error, error) {
	l, cacheDir, err := openLedger()
	if err != nil {
		return "", nil, err
	}
	// The name has to be known before the folder is made.
	dir := filepath.Join(cacheDir, workDirs, fmt.Sprintf("processes-%d-%d", os.Getpid(), time.Now().UnixNano()))
	entry, err := l.Note(ledger.Entry{Kind: ledger.File, Name: dir})
	if err != nil {
		return "", nil, err
	}
	remove := func() error { return errors.Join(os.RemoveAll(dir), l.Done(entry)) }
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return dir, remove, nil
}

// openLedger returns the ledger, and the cache folder that it is in.
func openLedger() (l *ledger.Ledger, cacheDir string, err error) {
	if cacheDir, err = cache.Dir(); err != nil {
		return nil, "", err
	}
	l, err = ledger.Open(filepath.Join(cacheDir, ledger.DirName))
	return l, cacheDir, err
}

// noted returns the entries of the ledger, as far as they can be read: what is wrong
// with it is for a sweep to tell.
func noted() []ledger.Entry {
	l, _, err := openLedger()
	if err != nil {
		return nil
	}
	entries, _ := l.List()
	return entries
}
