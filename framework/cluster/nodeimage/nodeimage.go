// Package nodeimage builds the image that kind's nodes run, on a machine that
// reaches no container registry: from pinned Go modules and the packages of the
// machine's own Debian or Ubuntu mirror. No container engine takes part.
//
// The image is built in parts. Each is kept in the cache folder under the hash
// of its inputs, and counts only once a record of its files, written last, is
// there, so a build that was interrupted goes on at the part that it had begun.
package nodeimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

// Options say what to build and where to keep it.
type Options struct {
	// KubernetesVersion is one of Versions, or the minor version of one ("1.36");
	// empty for the newest.
	KubernetesVersion string
	// CacheDir is the cache folder; empty for cache.Dir.
	CacheDir string
	// Log gets a line per event; nil for none.
	Log io.Writer
}

// Image is a whole node image in the cache folder.
type Image struct {
	// Ref is the image's name in an engine that loaded Archive.
	Ref string `json:"ref"`
	// Archive is the path of the file for "docker load", Bytes its size, and
	// LayerBytes what "docker images" tells as the image's size.
	Archive    string `json:"archive"`
	Bytes      int64  `json:"bytes"`
	LayerBytes int64  `json:"layerBytes"`
	// KubernetesVersion is exact: "v1.37.2".
	KubernetesVersion string `json:"kubernetesVersion"`
	// Hash is that of all inputs.
	Hash string `json:"hash"`
	// Kubectl is the path of the kubectl of this version for the machine itself.
	Kubectl string `json:"kubectl"`
	// ServerImage is agnhost with its usual entry point, and ClientImage has sh,
	// bash, curl, wget, jq and kubectl and by default waits as a user that is not
	// root. Both are on every node.
	ServerImage string `json:"serverImage"`
	ClientImage string `json:"clientImage"`
	// Images are all container images on the node, sorted.
	Images []string `json:"images,omitempty"`
	// Components are the versions of what was compiled, and Packages those of
	// what was installed.
	Components map[string]string `json:"components,omitempty"`
	Packages   map[string]string `json:"packages,omitempty"`
	// Parts tells how long each part took that this build had to make.
	Parts []Timing `json:"parts,omitempty"`
}

// Timing is how long one part took.
type Timing struct {
	Part    string  `json:"part"`
	Seconds float64 `json:"seconds"`
}

// Names of folders and files below the cache folder.
const (
	cacheFolder  = "nodeimage"
	partsFolder  = "parts"
	workFolder   = "work"
	logsFolder   = "logs"
	imageRecord  = "image.json"
	archiveFile  = "node.tar"
	kubectlFile  = "kubectl"
	lockFile     = "build.lock"
	repository   = "inroads.dev"
	hashInTag    = 12
	recordFormat = "  "
)

// MissingError tells what the machine lacks for a build.
type MissingError struct {
	Missing string
	// Remedy is what mends it.
	Remedy string
}

// Error gives both on one line.
func (e *MissingError) Error() string {
	return fmt.Sprintf("building the node image: %s; %s", e.Missing, e.Remedy)
}

// Lookup tells what Build would return, and whether it is in the cache already.
// When it is not, the paths in it are where Build will put the files.
func Lookup(ctx context.Context, o Options) (Image, bool, error) {
	b, err := newBuild(ctx, o)
	if err != nil {
		return Image{}, false, err
	}
	return b.lookup()
}

// Build returns the image of the inputs, out of the cache when it is there whole.
// Otherwise it builds it, as root on Debian or Ubuntu; while another process
// does so, it waits. When ctx ends, the commands that run are ended with it, and
// the parts that were finished stay.
func Build(ctx context.Context, o Options) (Image, error) {
	b, err := newBuild(ctx, o)
	if err != nil {
		return Image{}, err
	}
	return b.ensure(ctx, b.create)
}

// ensure returns the image out of the cache, or else what create returns, which
// is called while no other process builds.
func (b *build) ensure(ctx context.Context, create func(context.Context) (Image, error)) (Image, error) {
	if image, whole, err := b.lookup(); err != nil || whole {
		return image, err
	}
	unlock, err := cache.Lock(ctx, filepath.Join(b.root, lockFile), func() {
		b.logf("waiting for another build of a node image to finish")
	})
	if err != nil {
		return Image{}, fmt.Errorf("building the node image: %w", err)
	}
	defer unlock()
	// Another process may have built it while this one waited.
	if image, whole, err := b.lookup(); err != nil || whole {
		return image, err
	}
	return create(ctx)
}

const megabyte = 1000 * 1000

func round(d time.Duration) time.Duration { return d.Round(time.Second) }

// lookup reads the record of a whole image and checks that its files are as the
// record tells.
func (b *build) lookup() (Image, bool, error) {
	data, err := os.ReadFile(filepath.Join(b.folder, imageRecord))
	if errors.Is(err, fs.ErrNotExist) {
		return b.image, false, nil
	}
	if err != nil {
		return Image{}, false, fmt.Errorf("reading the record of a node image: %w", err)
	}
	image := b.image
	if err := json.Unmarshal(data, &image); err != nil {
		b.logf("the record of %s cannot be read (%v): building anew", b.image.Ref, err)
		return b.image, false, nil
	}
	// A cache folder may have been moved since.
	image.Archive, image.Kubectl = b.image.Archive, b.image.Kubectl
	archive, err := os.Stat(image.Archive)
	if err != nil || archive.Size() != image.Bytes {
		b.logf("%s is not as recorded: building anew", image.Archive)
		return b.image, false, nil
	}
	if _, err := os.Stat(image.Kubectl); err != nil {
		b.logf("%s is gone: building anew", image.Kubectl)
		return b.image, false, nil
	}
	return image, true, nil
}
