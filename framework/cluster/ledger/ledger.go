// Package ledger keeps on disk what a run makes on a machine, so that what a
// killed run left behind can be found and removed. An entry is written before
// the thing is made and taken away after the thing is gone; an entry whose owner
// no longer runs is an orphan. Who removes what is the caller's business.
package ledger

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// DirName is the ledger's folder below the cache folder.
const DirName = "ledger"

// extension ends the name of every complete entry; a file that is still being
// written has another.
const extension = ".json"

// Kind says what sort of thing an entry is about.
type Kind string

// The kinds in use. A caller may have others.
const (
	Cluster   Kind = "cluster"
	Engine    Kind = "engine"
	Process   Kind = "process"
	Container Kind = "container"
	Network   Kind = "network"
	File      Kind = "file"
	Fault     Kind = "fault"
)

// Entry is one thing that a run made, or was about to make.
type Entry struct {
	// ID is set by Note and Put. Ids sort in the order of noting.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Name is what the remover needs to find the thing: a cluster's name, a path.
	Name string `json:"name"`
	// Engine is the container engine that has the thing, as DOCKER_HOST has it;
	// empty for the engine that the environment gives.
	Engine string `json:"engine,omitempty"`
	// Detail is whatever else the remover needs. Never a secret.
	Detail map[string]string `json:"detail,omitempty"`
	// Owner is set by Note when it is zero.
	Owner Owner `json:"owner"`
	// Created is set by Note when it is zero.
	Created time.Time `json:"created"`
}

// Ledger is a folder of entries, shared by all processes that name it.
type Ledger struct{ dir string }

// Open returns the ledger in the folder, which it makes, mode 0700, when absent.
func Open(dir string) (*Ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	return &Ledger{dir: dir}, nil
}

// Note records the entry and returns its id. It returns only when the record is
// on disk, so that the thing may then be made.
func (l *Ledger) Note(e Entry) (string, error) {
	e.ID = "" // also where it was read from another record
	err := l.Put(&e)
	return e.ID, err
}

// Put is Note of an entry that will change: it sets what Note sets, and an entry
// that has an id already takes the place of its record.
func (l *Ledger) Put(e *Entry) error {
	if e.Kind == "" || e.Name == "" {
		return fmt.Errorf("noting %q %q in the ledger: kind and name must not be empty", e.Kind, e.Name)
	}
	if e.Owner == (Owner{}) {
		self, err := Self()
		if err != nil {
			return fmt.Errorf("noting %s %q in the ledger: %w", e.Kind, e.Name, err)
		}
		e.Owner = self
	}
	if e.Created.IsZero() {
		e.Created = time.Now()
	}
	e.Created = e.Created.UTC().Round(0)
	id := e.ID
	if id == "" {
		var random [4]byte
		rand.Read(random[:]) // never fails
		id = fmt.Sprintf("%019d-%x", e.Created.UnixNano(), random)
	}
	noted := *e
	noted.ID = id
	data, err := json.MarshalIndent(noted, "", "  ")
	if err == nil {
		err = l.write(id, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("noting %s %q in the ledger: %w", e.Kind, e.Name, err)
	}
	e.ID = id
	return nil
}

func (l *Ledger) write(id string, data []byte) (err error) {
	f, err := os.CreateTemp(l.dir, id+".*.new") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), l.path(id))
	}
	if err != nil {
		return err
	}
	return l.sync()
}

// Done takes the entry away: the thing is gone. It is no error when the entry is
// gone too, so two removers may meet.
func (l *Ledger) Done(id string) error {
	if id == "" || id != filepath.Base(id) {
		return fmt.Errorf("removing %q from the ledger: not an id", id)
	}
	err := os.Remove(l.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = l.sync()
	}
	if err != nil {
		return fmt.Errorf("removing %q from the ledger: %w", id, err)
	}
	return nil
}

// List returns all entries, oldest first. Entries that cannot be read are left
// out and named by the error; the others are returned with it.
func (l *Ledger) List() ([]Entry, error) {
	files, err := os.ReadDir(l.dir) // sorted by name, which is by id
	if err != nil {
		return nil, fmt.Errorf("listing the ledger: %w", err)
	}
	var entries []Entry
	var bad []error
	for _, f := range files {
		id, ok := strings.CutSuffix(f.Name(), extension)
		if !ok {
			continue
		}
		data, err := os.ReadFile(l.path(id))
		if errors.Is(err, fs.ErrNotExist) {
			continue // done meanwhile
		}
		e := Entry{}
		if err == nil {
			err = json.Unmarshal(data, &e)
		}
		if err == nil && e.ID != id {
			err = fmt.Errorf("it says that its id is %q", e.ID)
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("reading ledger entry %q: %w", l.path(id), err))
			continue
		}
		entries = append(entries, e)
	}
	return entries, errors.Join(bad...)
}

// Orphans returns the entries whose owner no longer runs, oldest first; about
// unreadable entries see List.
func (l *Ledger) Orphans() ([]Entry, error) {
	entries, err := l.List()
	var orphans []Entry
	for _, e := range entries {
		if !e.Owner.Alive() {
			orphans = append(orphans, e)
		}
	}
	return orphans, err
}

func (l *Ledger) path(id string) string { return filepath.Join(l.dir, id+extension) }

// sync makes the last change of the folder itself outlive a crash of the machine.
func (l *Ledger) sync() error {
	d, err := os.Open(l.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
