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

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func fillLayer(l *layerWriter) error {
	return errors.Join(
		l.data("usr/bin/program", 0o755, []byte("program")),
		l.symlink("/usr/bin/link", "program"),
		l.folder("usr/bin"),
		l.data("etc/file", 0o644, []byte(strings.Repeat("file", 1000))),
	)
}

// entries returns the names of what is in the layer, after a look at each.
func entries(t *testing.T, b blob, look func(h *tar.Header, content io.Reader)) (names []string) {
	t.Helper()
	content, err := b.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	for reader := tar.NewReader(content); ; {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		look(h, reader)
	}
}

func TestALayerHasFoldersOnceAndNoClock(t *testing.T) {
	b, err := writeBlob(filepath.Join(t.TempDir(), "a.layer"), false, fillLayer)
	if err != nil {
		t.Fatal(err)
	}
	names := entries(t, b, func(h *tar.Header, _ io.Reader) {
		if !h.ModTime.Equal(epoch) || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s is of %s and belongs to %d:%d", h.Name, h.ModTime, h.Uid, h.Gid)
		}
	})
	if want := []string{"usr/", "usr/bin/", "usr/bin/program", "usr/bin/link", "etc/", "etc/file"}; !slices.Equal(names, want) {
		t.Errorf("entries %q, want %q", names, want)
	}
}

func TestTheSameLayerIsTheSameBlob(t *testing.T) {
	dir := t.TempDir()
	for _, compressed := range []bool{false, true} {
		a, err := writeBlob(filepath.Join(dir, "a"), compressed, fillLayer)
		if err != nil {
			t.Fatal(err)
		}
		b, err := writeBlob(filepath.Join(dir, "b"), compressed, fillLayer)
		if err != nil {
			t.Fatal(err)
		}
		if a.digest != b.digest || a.content != b.content || a.size != b.size || a.unpacked != b.unpacked {
			t.Errorf("compressed %t: %+v and %+v", compressed, a, b)
		}
		if compressed == (a.digest == a.content) || compressed != (a.size < a.unpacked) {
			t.Errorf("compressed %t: %+v", compressed, a)
		}
	}
}

func TestAnImageNamesItsLayers(t *testing.T) {
	dir := t.TempDir()
	plain, err := writeBlob(filepath.Join(dir, "plain"), false, fillLayer)
	if err != nil {
		t.Fatal(err)
	}
	again, err := fileBlob(plain.path)
	if err != nil || again != plain {
		t.Errorf("fileBlob = %+v, %v; want %+v", again, err, plain)
	}
	image, err := container{refs: []string{"a/b:c"}, layers: []blob{plain}, config: v1.Config{User: nobodyUser}}.oci()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil || config.Config.User != nobodyUser || !slices.Equal(config.RootFS.DiffIDs, []v1.Hash{plain.content}) {
		t.Errorf("configuration %+v, %v", config, err)
	}
	zipped, err := writeBlob(filepath.Join(dir, "zipped"), true, fillLayer)
	if err != nil {
		t.Fatal(err)
	}
	content, err := zipped.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if size, err := io.Copy(io.Discard, content); err != nil || size != zipped.unpacked {
		t.Errorf("unpacked to %d bytes, %v; want %d", size, err, zipped.unpacked)
	}
}

func TestAnArchiveHasEachBlobOnceAndEachName(t *testing.T) {
	dir := t.TempDir()
	shared, err := writeBlob(filepath.Join(dir, "shared"), true, fillLayer)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "images.tar")
	list := []container{
		{refs: []string{"x/pause:1", "x/pause:2"}, layers: []blob{shared}},
		{refs: []string{"x/other:1"}, layers: []blob{shared}, config: v1.Config{User: nobodyUser}},
	}
	if err := writeArchive(to, list); err != nil {
		t.Fatal(err)
	}
	root, err := openTarRoot(to)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	blobs := 0
	for name, e := range root.entries {
		if strings.HasPrefix(name, "blobs/sha256/") && e.header.Typeflag == tar.TypeReg {
			blobs++
		}
	}
	if blobs != 5 { // one layer, and a configuration and a manifest of each image
		t.Errorf("%d blobs, want 5", blobs)
	}
	data, err := io.ReadAll(root.content(root.entries["index.json"]))
	if err != nil {
		t.Fatal(err)
	}
	index, err := v1.ParseIndexManifest(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range index.Manifests {
		names = append(names, m.Annotations[nameAnnotation])
	}
	if want := []string{"x/pause:1", "x/pause:2", "x/other:1"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
}

func TestTheNodeImageIsOneThatDockerLoads(t *testing.T) {
	b := planned(t, Versions()[0], nil)
	b.work = t.TempDir()
	layer, err := writeBlob(filepath.Join(t.TempDir(), "layer"), false, fillLayer)
	if err != nil {
		t.Fatal(err)
	}
	fakeImage(t, b) // makes the folder
	if err := b.writeNode(layer, layer); err != nil {
		t.Fatal(err)
	}
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(b.image.Archive) })
	if err != nil || len(manifest) != 1 || !slices.Equal(manifest[0].RepoTags, []string{b.image.Ref}) || len(manifest[0].Layers) != 2 {
		t.Errorf("manifest %+v, %v", manifest, err)
	}
}
