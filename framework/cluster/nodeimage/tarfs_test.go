package nodeimage

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// item is an entry of a root file system: a folder when the name ends in a
// slash, a link to target when there is one, else a file.
type item struct{ name, target, content string }

func openRoot(t *testing.T, items ...item) *tarRoot {
	t.Helper()
	name := filepath.Join(t.TempDir(), "root.tar")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(file)
	for _, i := range items {
		h := tar.Header{Typeflag: tar.TypeReg, Name: "./" + i.name, Mode: 0o755, Size: int64(len(i.content))}
		switch {
		case i.target != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, i.target
		case i.name[len(i.name)-1] == '/':
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	root, err := openTarRoot(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// merged is a small system with a merged /usr.
var merged = []item{
	{"./", "", ""}, {"usr/", "", ""}, {"usr/bin/", "", ""}, {"bin", "usr/bin", ""},
	{"usr/bin/dash", "", "#!shell"}, {"usr/bin/sh", "dash", ""},
	{"etc/", "", ""}, {"etc/alternatives/", "", ""}, {"etc/alternatives/awk", "/usr/bin/mawk", ""},
	{"usr/bin/awk", "/etc/alternatives/awk", ""}, {"usr/bin/mawk", "", "awk"},
	{"usr/bin/loop", "loop", ""}, {"usr/bin/lost", "/nowhere", ""},
}

func TestClosureBringsWhatIsNeeded(t *testing.T) {
	root := openRoot(t, merged...)
	for _, row := range []struct {
		names []string
		want  []string // nil for an error
	}{
		{[]string{"usr/bin/dash"}, []string{"usr", "usr/bin", "usr/bin/dash"}},
		{[]string{"usr/bin/sh"}, []string{"usr", "usr/bin", "usr/bin/dash", "usr/bin/sh"}},
		{[]string{"usr/bin/*awk"}, []string{"etc", "etc/alternatives", "etc/alternatives/awk", "usr", "usr/bin", "usr/bin/awk", "usr/bin/mawk"}},
		{[]string{"bin"}, []string{"bin", "usr", "usr/bin"}},
		{[]string{"usr/bin/none"}, nil},
		{[]string{"usr/bin/lost"}, nil},
		{[]string{"["}, nil},
	} {
		have, err := root.closure(row.names)
		if !slices.Equal(have, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("closure(%q) = %q, %v; want %q", row.names, have, err, row.want)
		}
	}
}

func TestRealFollowsLinksLikeAKernel(t *testing.T) {
	root := openRoot(t, merged...)
	for _, row := range []struct {
		name string
		last bool
		want string
	}{
		{"bin/sh", true, "usr/bin/dash"},
		{"/bin/sh", false, "usr/bin/sh"},
		{"bin/awk", true, "usr/bin/mawk"},
		{"bin/../etc", true, "etc"},
		{"bin/loop", true, ""},
		{"bin/lost", true, ""},
		{"none", true, ""},
	} {
		have, err := root.real(row.name, row.last)
		if have != row.want || (err == nil) != (row.want != "") {
			t.Errorf("real(%q, %t) = %q, %v; want %q", row.name, row.last, have, err, row.want)
		}
	}
	if _, err := root.real("none", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("real of what is not there: %v", err)
	}
}

func TestATruncatedRootIsAnError(t *testing.T) {
	name := openRoot(t, merged...).file.Name()
	if err := os.Truncate(name, 700); err != nil {
		t.Fatal(err)
	}
	if root, err := openTarRoot(name); err == nil {
		t.Errorf("opening it gives %d entries", len(root.entries))
	}
}
