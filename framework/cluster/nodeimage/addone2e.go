package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// E2E is Kubernetes' own end-to-end test, compiled, and what its pods run.
type E2E struct {
	// Test is the path of e2e.test, and Ginkgo that of the program that runs it in
	// several processes.
	Test, Ginkgo string
	// Addon has one image, of the names that the pods give it.
	Addon
}

const (
	e2ePart        = "e2e"
	e2eProgram     = "e2e.test"
	kubernetesPath = "k8s.io/kubernetes"
	e2ePackage     = kubernetesPath + "/test/e2e"
	ginkgoFile     = "ginkgo"
	ginkgoPath     = "github.com/onsi/ginkgo/v2/ginkgo"
	// e2eCertificates is where upstream keeps what its image serves TLS with.
	e2eCertificates = "test/images/agnhost/porter"
	// socketsProgram does in the image what netstat does in upstream's.
	socketsProgram = "usr/bin/ss"
	netstatScript  = "#!/bin/sh\nexec ss \"$@\"\n"
)

// e2eImages are the images, by name, that the one of an E2E stands for.
var e2eImages = []string{"agnhost", "busybox"}

// BuildE2E returns Kubernetes' end-to-end test of the version, out of the cache when
// it is there. Otherwise it compiles it by the go.mod.txt and go.sum.txt in pins,
// which takes about ten minutes on two processors, and makes the image of what the
// node image is made of; while another process builds, it waits.
func BuildE2E(ctx context.Context, o Options, pins fs.FS) (E2E, error) {
	e, err := buildE2E(ctx, o, pins)
	if missing := (*MissingError)(nil); err != nil && !errors.As(err, &missing) {
		return E2E{}, fmt.Errorf("building the end-to-end test of Kubernetes: %w", err)
	}
	return e, err
}

// LookupE2E tells what BuildE2E would return, and whether it is in the cache.
func LookupE2E(ctx context.Context, o Options, pins fs.FS) (E2E, bool, error) {
	b, p, err := planE2E(ctx, o, pins)
	if err != nil {
		return E2E{}, false, err
	}
	there, err := b.store().has(p)
	return b.e2e(p), there, err
}

func buildE2E(ctx context.Context, o Options, pins fs.FS) (E2E, error) {
	b, p, err := planE2E(ctx, o, pins)
	if err != nil {
		return E2E{}, err
	}
	_, err = b.addon(ctx, p, nil, func(ctx context.Context, s store) error {
		if err := b.require(ctx); err != nil {
			return err
		}
		for _, of := range []part{b.rootfs, b.compiled[0]} {
			if _, _, err := s.ensure(ctx, of); err != nil {
				return err
			}
		}
		b.logf("%s: compiling %s of Kubernetes %s", p.name, e2eProgram, b.image.KubernetesVersion)
		return nil
	})
	return b.e2e(p), err
}

func (b *build) e2e(p part) E2E {
	dir := b.store().folder(p)
	return E2E{
		Test: filepath.Join(dir, e2eProgram), Ginkgo: filepath.Join(dir, ginkgoFile),
		Addon: Addon{Archive: filepath.Join(dir, imagesFile)},
	}
}

// planE2E is the build with the part that has the programs and the image.
func planE2E(ctx context.Context, o Options, pins fs.FS) (*build, part, error) {
	b, err := newBuild(ctx, o)
	if err != nil {
		return nil, part{}, err
	}
	// Compiled as the node image is, so that what both have is compiled once.
	flags := b.modules[0].arguments("")[1:]
	flags = flags[:slices.Index(flags, "-o")]
	key := newInputs().add(e2ePart, b.rootfs.hash, b.compiled[0].hash, b.toolchain.version, runtime.GOARCH).
		add("flags", flags...).add("programs", e2ePackage, ginkgoPath).
		add("images", e2eImages...).add("netstat", socketsProgram, netstatScript)
	if err := key.addTree(pins, "."); err != nil {
		return nil, part{}, err
	}
	p := part{name: e2ePart, hash: key.hex()}
	p.make = func(ctx context.Context, dir, scratch string) error {
		if err := b.compileE2E(ctx, pins, flags, dir, scratch); err != nil {
			return err
		}
		return b.writeE2EImage(ctx, dir, scratch)
	}
	return b, p, nil
}

func (b *build) compileE2E(ctx context.Context, pins fs.FS, flags []string, dir, scratch string) error {
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := fs.ReadFile(pins, name+embeddedSuffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(scratch, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	for _, call := range [][]string{
		slices.Concat([]string{"test", "-c"}, flags, []string{"-o", filepath.Join(dir, e2eProgram), e2ePackage}),
		slices.Concat([]string{"build"}, flags, []string{"-o", filepath.Join(dir, ginkgoFile), ginkgoPath}),
	} {
		if _, err := b.goCommand(e2ePart, scratch, call...).run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// writeE2EImage writes the archive of the image: agnhost of the node image, with
// the paths that upstream's has.
func (b *build) writeE2EImage(ctx context.Context, dir, scratch string) error {
	refs, err := e2eRefs(ctx, filepath.Join(dir, e2eProgram))
	if err != nil {
		return err
	}
	// The pins of Kubernetes are those of another module than the one compiled.
	source, err := b.moduleFolder(ctx, b.modules[0], kubernetesPath, filepath.Join(scratch, kubernetesModule))
	if err != nil {
		return err
	}
	s := b.store()
	rootfs := filepath.Join(s.folder(b.rootfs), rootfsFile)
	system, err := writeBlob(filepath.Join(scratch, "system.layer"), true, func(l *layerWriter) error { return writeUserland(l, rootfs) })
	if err != nil {
		return err
	}
	server, err := writeBlob(filepath.Join(scratch, "server.layer"), true, func(l *layerWriter) error {
		return writeE2EServer(l, rootfs, filepath.Join(s.folder(b.compiled[0]), "kube"), filepath.Join(source, e2eCertificates))
	})
	if err != nil {
		return err
	}
	return writeArchive(filepath.Join(dir, imagesFile), []container{{refs, []blob{system, server}, v1.Config{
		Env: []string{podPath}, Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}, WorkingDir: "/",
	}}})
}

// writeE2EServer writes agnhost as upstream's image has it, beside the userland.
func writeE2EServer(l *layerWriter, rootfs, kube, certificates string) error {
	root, err := openTarRoot(rootfs)
	if err != nil {
		return err
	}
	defer root.Close()
	sockets, err := root.closure([]string{socketsProgram})
	if err != nil {
		return err
	}
	for _, name := range sockets {
		if err := l.entry(root, name); err != nil {
			return err
		}
	}
	err = errors.Join(
		l.data("usr/local/bin/netstat", 0o755, []byte(netstatScript)),
		l.file("usr/local/bin/kube", 0o755, kube),
		l.symlink("agnhost", "usr/local/bin/kube"),
	)
	for _, name := range []string{"localhost.crt", "localhost.key"} {
		err = errors.Join(err, l.file(name, 0o644, filepath.Join(certificates, name)))
	}
	return err
}

// e2eRefs asks e2e.test for the names of the images that the one stands for.
func e2eRefs(ctx context.Context, test string) ([]string, error) {
	out, err := command{argv: []string{test, "--list-images"}}.run(ctx)
	if err != nil {
		return nil, err
	}
	refs := slices.DeleteFunc(strings.Fields(string(out)), func(ref string) bool {
		name, _, _ := strings.Cut(path.Base(ref), ":")
		return !slices.Contains(e2eImages, name)
	})
	slices.Sort(refs)
	if refs = slices.Compact(refs); len(refs) < len(e2eImages) {
		return nil, fmt.Errorf("%s lists no image for each of %q: %q", test, e2eImages, refs)
	}
	return refs, nil
}
