package nodeimage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// inputs is the hash of what a part is made from. Each item is named and its
// length told, so that no two lists of items have the same bytes.
type inputs struct{ sum hash.Hash }

func newInputs() *inputs { return &inputs{sum: sha256.New()} }

func (i *inputs) add(name string, values ...string) *inputs {
	for _, v := range append([]string{name}, values...) {
		fmt.Fprintf(i.sum, "%d:%s\n", len(v), v)
	}
	fmt.Fprintln(i.sum, "-")
	return i
}

// addTree adds every file below the folders, by path and content, but no tests.
func (i *inputs) addTree(tree fs.FS, folders ...string) error {
	for _, folder := range slices.Sorted(slices.Values(folders)) {
		err := fs.WalkDir(tree, folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.go") {
				return err
			}
			data, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			i.add(name, string(data))
			return nil
		})
		if err != nil {
			return fmt.Errorf("hashing %q: %w", folder, err)
		}
	}
	return nil
}

// hex gives the hash of what was added so far.
func (i *inputs) hex() string { return hex.EncodeToString(i.sum.Sum(nil)) }

// fileSum gives the hash and the size of a file's content.
func fileSum(path string) (sum string, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	h := sha256.New()
	size, err = io.Copy(h, file)
	if err != nil {
		return "", 0, fmt.Errorf("reading %q: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
