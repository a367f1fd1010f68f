package harness

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

func TestKindConfig(t *testing.T) {
	for _, topology := range append(catalog.Topologies(), "") {
		got, source, err := kindConfig(Options{Topology: topology})
		if err != nil || !strings.Contains(string(got.Config), "kind: Cluster") || !strings.HasPrefix(source, "topology ") {
			t.Errorf("topology %q: %q from %s, error %v", topology, got.Config, source, err)
		}
	}
	path := filepath.Join(t.TempDir(), "k.yaml")
	if _, _, err := kindConfig(Options{KindConfig: path}); err == nil || err.Error() != `reading kind configuration "`+path+`": no such file or directory` {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, source, err := kindConfig(Options{KindConfig: path}); err != nil || string(got.Config) != "theirs" || source != `"`+path+`"` {
		t.Errorf("a file: %q from %s, error %v", got.Config, source, err)
	}
}

// TestSameCluster sees that a cluster that is made by default is the one that a run
// on the topology by its name may take.
func TestSameCluster(t *testing.T) {
	dir := t.TempDir()
	byDefault, err := KindOptions(Options{}, dir, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	byName, err := KindOptions(Options{Topology: catalog.TopologyMultiNode}, dir, io.Discard)
	if err != nil || !reflect.DeepEqual(byDefault, byName) {
		t.Errorf("error %v, by default %+v, by name %+v", err, byDefault, byName)
	}
}

func TestUndoStack(t *testing.T) {
	var u undoStack
	var done []string
	broken := errors.New("broken")
	for _, step := range []struct {
		name string
		err  error
	}{{"engine", nil}, {"cluster", broken}} {
		u.push(func(context.Context) error { done = append(done, step.name); return step.err })
	}
	if err := u.run(t.Context()); !errors.Is(err, broken) || !slices.Equal(done, []string{"cluster", "engine"}) {
		t.Errorf("done %v, error %v", done, err)
	}
	if err := u.run(t.Context()); err != nil || len(done) != 2 {
		t.Errorf("again: done %v, error %v", done, err)
	}
}

func TestProvisionReturnsARelease(t *testing.T) {
	t.Setenv(cache.EnvDir, t.TempDir())
	refs, release, err := Provision(t.Context(), Options{Kubeconfig: filepath.Join(t.TempDir(), "none")}, io.Discard)
	if err == nil || refs != nil || release == nil {
		t.Fatalf("refs %v, error %v", refs, err)
	}
	if err := release(t.Context()); err != nil {
		t.Error(err)
	}
}

// fakeProvider counts.
type fakeProvider struct {
	err     error
	deleted int
}

func (f *fakeProvider) Create(context.Context) (cluster.Ref, error) {
	return cluster.Ref{Name: "x"}, f.err
}
func (f *fakeProvider) Delete(context.Context, cluster.Ref) error { f.deleted++; return nil }

func TestReleaseDeletesOnlyWhatCreateReturned(t *testing.T) {
	for _, tc := range []struct {
		err     error
		deleted int
	}{{nil, 1}, {errors.New("that name is someone else's"), 0}} {
		var undo undoStack
		f := &fakeProvider{err: tc.err}
		_, release, err := createWith(t.Context(), f, &undo, undo.run)
		if !errors.Is(err, tc.err) {
			t.Errorf("got error %v, want %v", err, tc.err)
		}
		if err := release(t.Context()); err != nil || f.deleted != tc.deleted {
			t.Errorf("deleted %d, error %v, want %d", f.deleted, err, tc.deleted)
		}
	}
}

// TestOwnImagesAreKnown proves that nodes are known to have the images that a built
// node image carries.
func TestOwnImagesAreKnown(t *testing.T) {
	image, _, err := nodeimage.Lookup(t.Context(), nodeimage.Options{CacheDir: t.TempDir()})
	if err != nil {
		t.Skip(err) // no machine to build one on
	}
	node := corev1.Node{}
	node.Status.Images = []corev1.ContainerImage{{Names: []string{image.ServerImage}}, {Names: []string{image.ClientImage}}}
	want := cluster.Images{Server: image.ServerImage, Client: image.ClientImage}
	if got := cluster.OwnImages([]corev1.Node{node}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
