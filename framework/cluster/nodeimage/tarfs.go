package nodeimage

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// tarRoot is a root file system inside a tar file, looked into in place. Names
// have no leading slash.
type tarRoot struct {
	file    *os.File
	entries map[string]tarEntry
}

type tarEntry struct {
	header *tar.Header
	offset int64
}

// maxLinks is how many symbolic links one path may lead through, as in the kernel.
const maxLinks = 40

// openTarRoot lists an uncompressed tar file. Close must be called.
func openTarRoot(name string) (*tarRoot, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r := &tarRoot{file: file, entries: map[string]tarEntry{}}
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reading %q: %w", name, err), file.Close())
		}
		// tar.Reader reads no further than the header, so what follows is the content.
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		r.entries[cleanName(header.Name)] = tarEntry{header, offset}
	}
}

// Close closes the tar file.
func (r *tarRoot) Close() error { return r.file.Close() }

func cleanName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// content is a file's bytes.
func (r *tarRoot) content(e tarEntry) *io.SectionReader {
	return io.NewSectionReader(r.file, e.offset, e.header.Size)
}

// real resolves the symbolic links on the way to name, but not name itself when
// last is false.
func (r *tarRoot) real(name string, last bool) (string, error) {
	pending := strings.Split(cleanName(name), "/")
	at := ""
	for links := 0; len(pending) > 0; {
		next := path.Join(at, pending[0])
		pending = pending[1:]
		e, ok := r.entries[next]
		if !ok {
			return "", fmt.Errorf("looking up %q: %w", name, fs.ErrNotExist)
		}
		if e.header.Typeflag != tar.TypeSymlink || (len(pending) == 0 && !last) {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("looking up %q: too many symbolic links", name)
		}
		target := e.header.Linkname
		if !path.IsAbs(target) {
			target = path.Join("/", at, target)
		}
		at, pending = "", append(strings.Split(cleanName(target), "/"), pending...)
	}
	return at, nil
}

// libraryFolders are where the dynamic linker looks, beside those that match
// the pattern of a machine's own ("usr/lib/x86_64-linux-gnu").
var libraryFolders = []string{"usr/lib", "usr/lib64", "lib64"}

const machineLibraries = "usr/lib/*-linux-gnu*"

// closure gives the names, sorted, of all entries that the named ones need:
// folders above, links on the way, and shared libraries. A name may be a
// pattern; one that matches nothing is an error.
func (r *tarRoot) closure(names []string) ([]string, error) {
	folders := slices.Clone(libraryFolders)
	for name := range r.entries {
		if ok, _ := path.Match(machineLibraries, name); ok {
			folders = append(folders, name)
		}
	}
	slices.Sort(folders)
	found := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		// The entry itself, and if it is a link also what it leads to.
		at, err := r.real(name, false)
		if err != nil {
			return err
		}
		if found[at] {
			return nil
		}
		for dir := path.Dir(cleanName(name)); dir != "."; dir = path.Dir(dir) {
			if _, ok := r.entries[dir]; ok && !found[dir] {
				found[dir] = true
			}
		}
		for dir := path.Dir(at); dir != "."; dir = path.Dir(dir) {
			found[dir] = true
		}
		found[at] = true
		e := r.entries[at]
		switch e.header.Typeflag {
		case tar.TypeSymlink:
			target := e.header.Linkname
			if !path.IsAbs(target) {
				target = path.Join("/", path.Dir(at), target)
			}
			return visit(target)
		case tar.TypeLink:
			return visit(e.header.Linkname)
		case tar.TypeReg:
			libraries, err := r.libraries(e)
			if err != nil {
				return fmt.Errorf("reading %q: %w", at, err)
			}
			for _, library := range libraries {
				if err := r.visitLibrary(library, folders, visit); err != nil {
					return fmt.Errorf("looking for what %q needs: %w", at, err)
				}
			}
		}
		return nil
	}
	all := r.names()
	for _, pattern := range names {
		matched := false
		for _, name := range all {
			if ok, err := path.Match(pattern, name); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			matched = true
			if err := visit(name); err != nil {
				return nil, err
			}
		}
		if !matched {
			return nil, fmt.Errorf("no %q in the root file system", pattern)
		}
	}
	var list []string
	for name := range found {
		list = append(list, name)
	}
	slices.Sort(list)
	return list, nil
}

func (r *tarRoot) names() []string {
	var names []string
	for name := range r.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *tarRoot) visitLibrary(library string, folders []string, visit func(string) error) error {
	if path.IsAbs(library) {
		return visit(library)
	}
	for _, folder := range folders {
		name := path.Join(folder, library)
		if _, err := r.real(name, true); err == nil {
			return visit(name)
		}
	}
	return fmt.Errorf("library %q: %w", library, fs.ErrNotExist)
}

// libraries are the shared libraries that a program names, and its interpreter.
func (r *tarRoot) libraries(e tarEntry) ([]string, error) {
	content := r.content(e)
	magic := make([]byte, len(elf.ELFMAG))
	if n, _ := content.ReadAt(magic, 0); n < len(magic) || string(magic) != elf.ELFMAG {
		return nil, nil
	}
	file, err := elf.NewFile(content)
	if err != nil {
		return nil, err
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, p := range file.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		data, err := io.ReadAll(p.Open())
		if err != nil {
			return nil, err
		}
		libraries = append(libraries, string(bytes.TrimRight(data, "\x00")))
	}
	return libraries, nil
}
