package nodeimage

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLibraryImageIsNamedByItsContent(t *testing.T) {
	b := &build{release: release{id: "debian", codename: "bookworm"}}
	first, again := b.librariesPart(b.libraryRootPart()), b.librariesPart(b.libraryRootPart())
	if libraryImage(first) != libraryImage(again) {
		t.Errorf("the same content is %q and %q", libraryImage(first), libraryImage(again))
	}
	b.release = release{id: "ubuntu", codename: "noble"}
	if other := b.librariesPart(b.libraryRootPart()); libraryImage(other) == libraryImage(first) {
		t.Errorf("the packages of another distribution are %q too", libraryImage(other))
	}
	old := libraryPins
	defer func() { libraryPins = old }()
	libraryPins = libraryPins[1:]
	if other := b.librariesPart(b.libraryRootPart()); libraryImage(other) == libraryImage(first) {
		t.Errorf("other pins are %q too", libraryImage(other))
	}
}

func TestLibraryHooksStayInTheRoot(t *testing.T) {
	for _, word := range strings.Fields(libraryHooks[0])[2:] {
		if !strings.HasPrefix(word, `"$1"/`) {
			t.Errorf("the hook removes %s of the machine", word)
		}
	}
}

func TestWriteLibraryRoot(t *testing.T) {
	dir := t.TempDir()
	rootfs := filepath.Join(dir, rootfsFile)
	file, err := os.Create(rootfs)
	if err != nil {
		t.Fatal(err)
	}
	w := newLayerWriter(file)
	err = errors.Join(
		w.data("dev/null", 0o666, nil), w.data("etc/passwd", 0o644, []byte("other")), w.data("usr/bin/python3", 0o755, []byte("python")),
		w.data("tmp/left", 0o644, nil), w.tar.Close(), file.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	b, err := writeBlob(filepath.Join(dir, "layer"), false, func(l *layerWriter) error { return writeLibraryRoot(l, rootfs) })
	if err != nil {
		t.Fatal(err)
	}
	names := entries(t, b, func(h *tar.Header, content io.Reader) {
		if h.Name == "tmp/" && h.Mode != 0o1777 {
			t.Errorf("/tmp has mode %o", h.Mode)
		}
		if text, _ := io.ReadAll(content); h.Name == "etc/passwd" && !strings.Contains(string(text), "nobody") {
			t.Errorf("passwd is %q", text)
		}
	})
	if want := []string{"etc/", "usr/", "usr/bin/", "usr/bin/python3", "etc/passwd", "tmp/"}; !slices.Equal(names, want) {
		t.Errorf("entries %q, want %q", names, want)
	}
}
