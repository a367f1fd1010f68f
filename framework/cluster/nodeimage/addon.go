package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

// Addon are container images that nodes get once they run, because only clusters
// of some topology want them.
type Addon struct {
	// Archive is the path of an OCI archive of them, for "ctr images import".
	Archive string
	// Images are the names of the images, by the program that each runs.
	Images map[string]string
}

const (
	metallbModule = "metallb"
	metallbPath   = "go.universe.tf/metallb"
	imagesFile    = "images.tar"
)

// metallbPrograms are the packages of MetalLB that run in pods.
var metallbPrograms = []string{"controller", "speaker"}

// BuildLoadBalancer returns the images of MetalLB, a provider of load balancers,
// out of the cache when they are there. Otherwise it compiles them, which needs a
// Go toolchain and takes about a minute; while another process builds, it waits.
func BuildLoadBalancer(ctx context.Context, o Options) (Addon, error) {
	a, err := buildLoadBalancer(ctx, o)
	if err != nil {
		return Addon{}, fmt.Errorf("building the images of the provider of load balancers: %w", err)
	}
	return a, nil
}

func buildLoadBalancer(ctx context.Context, o Options) (Addon, error) {
	b, err := newAddonBuild(o)
	if err != nil {
		return Addon{}, err
	}
	m := module{name: metallbModule, pins: metallbModule}
	for _, name := range metallbPrograms {
		m.packages = append(m.packages, path.Join(metallbPath, name))
	}
	version, err := moduleVersion(m.pins, metallbPath)
	if err != nil {
		return Addon{}, err
	}
	if b.toolchain, err = findToolchain(ctx, []module{m}); err != nil {
		return Addon{}, err
	}
	images := map[string]string{}
	for _, name := range metallbPrograms {
		images[name] = fmt.Sprintf("%s/%s-%s:%s", repository, metallbModule, name, version)
	}
	p, err := b.addonPart(m, images)
	if err != nil {
		return Addon{}, err
	}
	return b.addon(ctx, p, images, func(ctx context.Context, _ store) error {
		b.logf("%s: compiling %s", m.name, version)
		return b.toolchain.fetch(ctx, b.logf)
	})
}

// newAddonBuild is the build of images that are no part of a node image.
func newAddonBuild(o Options) (*build, error) {
	if o.CacheDir == "" {
		var err error
		if o.CacheDir, err = cache.Dir(); err != nil {
			return nil, err
		}
	}
	b := &build{root: filepath.Join(o.CacheDir, cacheFolder), log: o.Log}
	if b.log == nil {
		b.log = io.Discard
	}
	return b, nil
}

// store is where the build keeps its parts.
func (b *build) store() store {
	return store{root: filepath.Join(b.root, partsFolder), logf: b.logf, now: time.Now}
}

// addon returns the images, whose archive the part has, and makes the part unless
// it is there; prepare is called before that, with the build's lock held.
func (b *build) addon(ctx context.Context, p part, images map[string]string, prepare func(context.Context, store) error) (Addon, error) {
	s := b.store()
	a := Addon{Archive: filepath.Join(s.folder(p), imagesFile), Images: images}
	if whole, err := s.has(p); err != nil || whole {
		return a, err
	}
	unlock, err := cache.Lock(ctx, filepath.Join(b.root, lockFile), func() { b.logf("waiting for another build to finish") })
	if err != nil {
		return Addon{}, err
	}
	defer unlock()
	if err := errors.Join(s.clear(), prepare(ctx, s)); err != nil {
		return Addon{}, err
	}
	_, took, err := s.ensure(ctx, p)
	if err == nil && took > 0 {
		b.logf("%s: made in %s", p.name, round(took))
	}
	return a, err
}

// addonPart is the compiled module, each of whose programs is all that there is in
// the image of that name.
func (b *build) addonPart(m module, images map[string]string) (part, error) {
	compiled, err := b.modulePart(m)
	if err != nil {
		return part{}, err
	}
	key := newInputs().add("part", compiled.hash).add("architecture", runtime.GOARCH)
	for _, p := range m.packages {
		key.add("image", images[path.Base(p)])
	}
	return part{name: m.name, hash: key.hex(), make: func(ctx context.Context, dir, scratch string) error {
		programs := filepath.Join(scratch, "programs")
		if err := errors.Join(os.Mkdir(programs, 0o755), compiled.make(ctx, programs, scratch)); err != nil {
			return err
		}
		var list []container
		for _, p := range m.packages {
			name := path.Base(p)
			layer, err := writeBlob(filepath.Join(scratch, name+".layer"), true, func(l *layerWriter) error {
				return l.file(name, 0o755, filepath.Join(programs, name))
			})
			if err != nil {
				return err
			}
			list = append(list, container{[]string{images[name]}, []blob{layer}, v1.Config{Entrypoint: []string{"/" + name}}})
		}
		return writeArchive(filepath.Join(dir, imagesFile), list)
	}}, nil
}
