package nodeimage

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	sources "github.com/inroads-k8s/inroads/fixtures/nodeimage"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
)

// builder is this package's own code: what it puts into the image changes with
// it. The last part, which takes seconds, is made anew after each change; the
// others know their inputs.
//
//go:embed *.go
var builder embed.FS

// addonCode is how the files begin of which no node image has anything.
const addonCode = "addon"

// progressPeriod is how often a part that is being made is spoken of.
const progressPeriod = 30 * time.Second

// build is one call of Build or Lookup.
type build struct {
	root      string // below the cache folder
	folder    string // of the image
	work      string // of this build alone; removed at its end
	toolchain toolchain
	release   release
	modules   []module
	rootfs    part
	compiled  []part // of modules, in the same order
	image     Image  // as far as known before it is built

	mu  sync.Mutex // serialises log
	log io.Writer
}

func (b *build) logf(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.log, "node image: "+format+"\n", args...)
}

// logFile is where the output of a part's commands goes.
func (b *build) logFile(part string) string { return filepath.Join(b.root, logsFolder, part+".log") }

func newBuild(ctx context.Context, o Options) (*build, error) {
	version, err := Resolve(o.KubernetesVersion)
	if err != nil {
		return nil, err
	}
	if o.CacheDir == "" {
		if o.CacheDir, err = cache.Dir(); err != nil {
			return nil, err
		}
	}
	b := &build{root: filepath.Join(o.CacheDir, cacheFolder), log: o.Log}
	if b.log == nil {
		b.log = io.Discard
	}
	if runtime.GOOS != "linux" {
		return nil, &MissingError{"this machine runs " + runtime.GOOS, "build on Linux, or give kind an image by --node-image"}
	}
	if b.release, err = readRelease(); err != nil {
		return nil, &MissingError{err.Error(), "use kind's own image where a registry is reachable"}
	}
	if b.modules, err = modules(version); err != nil {
		return nil, err
	}
	if b.toolchain, err = findToolchain(ctx, b.modules); err != nil {
		return nil, err
	}
	return b, b.plan(version)
}

// plan finds out which parts an image of the version has and what it is called.
func (b *build) plan(version string) error {
	b.rootfs = b.rootfsPart()
	key := newInputs().add("part", b.rootfs.hash)
	for _, m := range b.modules {
		p, err := b.modulePart(m)
		if err != nil {
			return err
		}
		b.compiled = append(b.compiled, p)
		key.add("part", p.hash)
	}
	code, err := fs.Glob(builder, "*.go")
	if err != nil {
		return err
	}
	code = slices.DeleteFunc(code, func(name string) bool { return strings.HasPrefix(name, addonCode) })
	if err := errors.Join(key.addTree(sources.Sources, manifestsFolder, filesFolder), key.addTree(builder, code...)); err != nil {
		return err
	}
	hash := key.hex()
	b.folder = filepath.Join(b.root, hash)
	b.image = Image{
		Ref:               fmt.Sprintf("%s/node:%s-%s", repository, version, hash[:hashInTag]),
		Archive:           filepath.Join(b.folder, archiveFile),
		KubernetesVersion: version,
		Hash:              hash,
		Kubectl:           filepath.Join(b.folder, kubectlFile),
		ServerImage:       fmt.Sprintf("%s/server:%s", repository, version),
		ClientImage:       fmt.Sprintf("%s/client:%s", repository, version),
	}
	return nil
}

// require tells what a build lacks on this machine and cannot add itself.
func (b *build) require(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return &MissingError{"making a root file system needs root", "run it once as root (sudo -E), or give kind an image by --node-image"}
	}
	return b.toolchain.fetch(ctx, b.logf)
}

// install adds packages to the machine.
func (b *build) install(ctx context.Context, packages ...string) error {
	return hostpackages.Ensure(ctx, b.log, packages...)
}

// create builds the image and removes those that it supersedes.
func (b *build) create(ctx context.Context) (Image, error) {
	if err := b.require(ctx); err != nil {
		return Image{}, err
	}
	start := time.Now()
	b.logf("building %s; interrupt it at will, it goes on where it was", b.image.Ref)
	image, err := b.run(ctx)
	if err != nil {
		return Image{}, fmt.Errorf("building the node image: %w", err)
	}
	b.logf("built %s in %s: %d MB", image.Ref, round(time.Since(start)), image.LayerBytes/megabyte)
	if err := b.prune(); err != nil {
		b.logf("removing what is superseded: %v", err)
	}
	return image, nil
}

// run makes the parts: the root file system beside the compiler, since the one
// waits for the network and the other for the processors.
func (b *build) run(ctx context.Context) (image Image, err error) {
	b.work = filepath.Join(b.root, workFolder)
	s := store{root: filepath.Join(b.root, partsFolder), logf: b.logf, now: time.Now}
	// The lock makes these folders this build's own; what is in them was left by
	// one that was killed.
	if err := errors.Join(os.RemoveAll(b.work), s.clear()); err != nil {
		return Image{}, err
	}
	if err := os.MkdirAll(b.work, 0o700); err != nil {
		return Image{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()

	last := part{name: "image", hash: b.image.Hash}
	p := newProgress(b.logf, time.Now, append(append([]part{b.rootfs}, b.compiled...), last))
	done := make(chan struct{})
	defer close(done)
	go p.tell(done, progressPeriod)

	folders := make([]string, 1+len(b.compiled)) // of the root file system and of the modules
	group, groupCtx := errgroup.WithContext(ctx)
	ensure := func(i int, part part) error {
		p.begin(part.name)
		dir, took, err := s.ensure(groupCtx, part)
		if err != nil {
			return err
		}
		folders[i] = dir
		p.end(part.name, took)
		return nil
	}
	group.Go(func() error { return ensure(0, b.rootfs) })
	group.Go(func() error {
		for i, part := range b.compiled {
			if err := ensure(i+1, part); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		// Ahead of the compiler, and no error: go tells it again where it counts.
		for i, m := range b.modules[1:] {
			if whole, err := s.has(b.compiled[i+1]); err == nil && !whole {
				_ = b.download(groupCtx, m)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return Image{}, err
	}
	p.begin(last.name)
	// From here to its end the image is not the one that an older record tells of.
	if err := os.Remove(filepath.Join(b.folder, imageRecord)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Image{}, err
	}
	image, took, err := b.assemble(ctx, folders[0], folders[1], folders[2], folders[3])
	if err != nil {
		return Image{}, err
	}
	p.end(last.name, took)
	image.Parts = p.timings()
	return image, writeJSON(filepath.Join(b.folder, imageRecord), image)
}
