package kind

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

const libraryImage = "inroads/libraries:1"

func TestLibraries(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "images.tar")
	if err := os.WriteFile(archive, []byte("archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := &nodeimage.MissingError{Missing: "making the image needs root", Remedy: "run it once as root"}
	for _, tt := range []struct {
		name     string
		topology catalog.Topology
		given    string
		built    error
		fails    bool
		image    string
		why      string
		imports  int
	}{
		{name: "built", topology: catalog.TopologyClientLibraries, image: libraryImage, imports: 2},
		{name: "given", topology: catalog.TopologyClientLibraries, given: "example.com/mine:1", image: "example.com/mine:1"},
		{name: "another topology", topology: catalog.TopologyMultiNode},
		{name: "the machine cannot", topology: catalog.TopologyClientLibraries, built: missing, why: "making the image needs root; run it once as root"},
		{name: "the build breaks", topology: catalog.TopologyClientLibraries, built: errors.New("mirror gone"), fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine()
			p, log := newProvider(t, m, Options{Topology: tt.topology, Images: cluster.Images{Library: tt.given}})
			p.libraries = func(context.Context, nodeimage.Options) (nodeimage.Addon, error) {
				return nodeimage.Addon{Archive: archive, Images: map[string]string{"libraries": libraryImage}}, tt.built
			}
			ref, err := p.Create(t.Context())
			if (err != nil) != tt.fails {
				t.Fatalf("making the cluster: %v\n%s", err, log)
			}
			if tt.fails {
				if !strings.Contains(err.Error(), tt.built.Error()) || m.has("x") {
					t.Errorf("got %v, the cluster is there: %t", err, m.has("x"))
				}
				return
			}
			if ref.Images.Library != tt.image || ref.NoLibrary != tt.why {
				t.Errorf("the image is %q, because %q; want %q, because %q", ref.Images.Library, ref.NoLibrary, tt.image, tt.why)
			}
			imports := 0
			for _, call := range m.calls {
				if strings.Contains(call, "images import") {
					imports++
				}
			}
			if imports != tt.imports {
				t.Errorf("%d nodes have imported the archive, want %d: %q", imports, tt.imports, m.calls)
			}
		})
	}
}
