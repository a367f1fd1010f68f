package nodeimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	partRecord = "part.json"
	workPrefix = ".work-"
)

// part is one step of the build whose result is kept: a folder of files.
type part struct {
	name string
	// hash is that of the part's inputs, with those of the parts it is made from.
	hash string
	// make fills the folder dir. What it leaves in scratch is removed.
	make func(ctx context.Context, dir, scratch string) error
}

// store keeps finished parts below a folder.
type store struct {
	root string
	logf func(format string, args ...any)
	// now is the clock; tests put in their own.
	now func() time.Time
}

// record says what a whole part consists of.
type record struct {
	Part  string                `json:"part"`
	Hash  string                `json:"hash"`
	Files map[string]fileRecord `json:"files"`
}

type fileRecord struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// folder is where a part is, or will be.
func (s store) folder(p part) string {
	return filepath.Join(s.root, p.name+"-"+p.hash[:hashInTag])
}

// has tells whether the part is there, whole and unchanged.
func (s store) has(p part) (bool, error) {
	dir := s.folder(p)
	data, err := os.ReadFile(filepath.Join(dir, partRecord))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading part %q: %w", p.name, err)
	}
	var r record
	if json.Unmarshal(data, &r) != nil || r.Hash != p.hash || len(r.Files) == 0 {
		s.logf("part %s in the cache has no valid record: making it anew", p.name)
		return false, nil
	}
	for name, want := range r.Files {
		sum, size, err := fileSum(filepath.Join(dir, name))
		if err != nil || size != want.Size || sum != want.SHA256 {
			s.logf("part %s in the cache has another %s than recorded: making it anew", p.name, name)
			return false, nil
		}
	}
	return true, nil
}

// clear removes what killed builds left behind, which is of no use: compiled
// packages are in Go's own cache.
func (s store) clear() error {
	left, err := filepath.Glob(filepath.Join(s.root, workPrefix+"*"))
	if err != nil {
		return fmt.Errorf("looking for unfinished parts: %w", err)
	}
	for _, work := range left {
		if err := os.RemoveAll(work); err != nil {
			return fmt.Errorf("removing an unfinished part: %w", err)
		}
	}
	return nil
}

// ensure returns the part's folder and how long it took to make it, 0 when it
// was there. A part is made beside its place and moved there once it is whole.
func (s store) ensure(ctx context.Context, p part) (dir string, took time.Duration, err error) {
	dir = s.folder(p)
	whole, err := s.has(p)
	if err != nil || whole {
		return dir, 0, err
	}
	if err := ctx.Err(); err != nil {
		return "", 0, context.Cause(ctx)
	}
	start := s.now()
	work := filepath.Join(s.root, workPrefix+p.name)
	out, scratch := filepath.Join(work, "out"), filepath.Join(work, "scratch")
	for _, d := range []string{out, scratch} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", 0, fmt.Errorf("making part %q: %w", p.name, err)
		}
	}
	defer func() {
		if e := os.RemoveAll(work); e != nil && err == nil {
			err = fmt.Errorf("removing what part %q was made in: %w", p.name, e)
		}
	}()
	if err := p.make(ctx, out, scratch); err != nil {
		return "", 0, fmt.Errorf("making part %q: %w", p.name, err)
	}
	if err := writeRecord(out, p); err != nil {
		return "", 0, fmt.Errorf("recording part %q: %w", p.name, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", 0, fmt.Errorf("replacing part %q: %w", p.name, err)
	}
	if err := os.Rename(out, dir); err != nil {
		return "", 0, fmt.Errorf("keeping part %q: %w", p.name, err)
	}
	return dir, s.now().Sub(start), nil
}

func writeRecord(dir string, p part) error {
	r := record{Part: p.name, Hash: p.hash, Files: map[string]fileRecord{}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		sum, size, err := fileSum(path)
		r.Files[name] = fileRecord{Size: size, SHA256: sum}
		return err
	})
	if err != nil {
		return err
	}
	if len(r.Files) == 0 {
		return errors.New("it has no files")
	}
	return writeJSON(filepath.Join(dir, partRecord), r)
}

// writeJSON writes a file so that it is there whole or not at all.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", recordFormat)
	if err != nil {
		return fmt.Errorf("encoding %q: %w", path, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(data, '\n'))
	// The disk must have the parts before it has the record that vouches for them.
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}
