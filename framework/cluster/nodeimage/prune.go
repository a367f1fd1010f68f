package nodeimage

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// keptGenerations is how many images of a Kubernetes version stay in the cache,
// and how many parts of a name beside those that the sources at hand lead to:
// who goes back to the inroads of before finds its image.
const keptGenerations = 2

// stored is an image or a part in the cache. Of a group the newest stay.
type stored struct {
	path, group string
	made        time.Time
}

// surplus gives the paths, sorted, of all but the newest of each group.
func surplus(all []stored) []string {
	slices.SortFunc(all, func(a, b stored) int {
		return cmp.Or(cmp.Compare(a.group, b.group), b.made.Compare(a.made), cmp.Compare(a.path, b.path))
	})
	var paths []string
	group, kept := "", 0
	for _, s := range all {
		if s.group != group {
			group, kept = s.group, 0
		}
		if kept++; kept > keptGenerations {
			paths = append(paths, s.path)
		}
	}
	slices.Sort(paths)
	return paths
}

// prune removes images and parts that later builds superseded. The build's lock
// must be held.
func (b *build) prune() error {
	images, err := b.supersededImages()
	if err != nil {
		return err
	}
	var errs []error
	for _, folder := range images {
		b.logf("removing the superseded image in %s", folder)
		// The record first: without it there is no image. kubectl stays for those
		// who were told its path; it shares the disk with its part.
		for _, name := range []string{imageRecord, archiveFile} {
			if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	parts, err := b.supersededParts()
	errs = append(errs, err)
	for _, folder := range parts {
		b.logf("removing the superseded part in %s", folder)
		errs = append(errs, os.RemoveAll(folder))
	}
	return errors.Join(errs...)
}

func (b *build) supersededImages() ([]string, error) {
	records, err := filepath.Glob(filepath.Join(b.root, "*", imageRecord))
	if err != nil {
		return nil, err
	}
	var all []stored
	for _, record := range records {
		data, err := os.ReadFile(record)
		if err != nil {
			return nil, fmt.Errorf("reading the record of a node image: %w", err)
		}
		info, err := os.Stat(record)
		if err != nil {
			return nil, err
		}
		var image Image
		if json.Unmarshal(data, &image) != nil {
			continue // of a later inroads perhaps
		}
		all = append(all, stored{filepath.Dir(record), image.KubernetesVersion, info.ModTime()})
	}
	return surplus(all), nil
}

func (b *build) supersededParts() ([]string, error) {
	s := store{root: filepath.Join(b.root, partsFolder)}
	needed := map[string]bool{s.folder(b.rootfs): true}
	for _, version := range Versions() {
		list, err := modules(version)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			p, err := b.modulePart(m)
			if err != nil {
				return nil, err
			}
			needed[s.folder(p)] = true
		}
	}
	records, err := filepath.Glob(filepath.Join(s.root, "*", partRecord))
	if err != nil {
		return nil, err
	}
	var all []stored
	for _, record := range records {
		folder := filepath.Dir(record)
		if needed[folder] {
			continue
		}
		info, err := os.Stat(record)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(filepath.Base(folder), "-")
		all = append(all, stored{folder, name, info.ModTime()})
	}
	return surplus(all), nil
}
