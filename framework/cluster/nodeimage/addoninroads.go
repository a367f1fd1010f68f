package nodeimage

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

const (
	inroadsProgram = "usr/local/bin/inroads"
	// inroadsCache is the cache folder in a container, where nobody has a home.
	inroadsCache = "/tmp/inroads"
)

// WriteInroads writes an archive for "docker load" and "ctr images import", of one
// image of the given name: the program, which is an inroads, with kubectl and the
// tools of the client image, as a user that is not root. No container engine takes
// part. What a node image is made of is taken from the cache, or made as for Build.
func WriteInroads(ctx context.Context, o Options, ref, program, to string) error {
	if err := writeInroads(ctx, o, ref, program, to); err != nil {
		return fmt.Errorf("writing an image of inroads: %w", err)
	}
	return nil
}

func writeInroads(ctx context.Context, o Options, ref, program, to string) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	if err := checkStatic(program); err != nil {
		return err
	}
	b, err := newBuild(ctx, o)
	if err != nil {
		return err
	}
	unlock, err := cache.Lock(ctx, filepath.Join(b.root, lockFile), func() { b.logf("waiting for another build to finish") })
	if err != nil {
		return err
	}
	defer unlock()
	s := store{root: filepath.Join(b.root, partsFolder), logf: b.logf, now: time.Now}
	var folders []string
	for _, p := range []part{b.rootfs, b.compiled[0]} {
		whole, err := s.has(p)
		if err == nil && !whole {
			b.logf("%s: making it", p.name)
			err = errors.Join(s.clear(), b.require(ctx))
		}
		if err != nil {
			return err
		}
		dir, _, err := s.ensure(ctx, p)
		if err != nil {
			return err
		}
		folders = append(folders, dir)
	}
	return writeInroadsImage(tag, filepath.Join(folders[0], rootfsFile), filepath.Join(folders[1], kubectlFile), program, to)
}

// writeInroadsImage writes the archive whole or not at all.
func writeInroadsImage(tag name.Tag, rootfs, kubectl, program, to string) (err error) {
	work, err := os.MkdirTemp(filepath.Dir(to), "."+filepath.Base(to)+"-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var layers []blob
	for _, l := range []struct {
		file string
		fill func(*layerWriter) error
	}{
		{"userland", func(l *layerWriter) error { return writeUserland(l, rootfs) }},
		{"kubectl", func(l *layerWriter) error { return l.file("usr/local/bin/kubectl", 0o755, kubectl) }},
		{"inroads", func(l *layerWriter) error { return l.file(inroadsProgram, 0o755, program) }},
	} {
		layer, err := writeBlob(filepath.Join(work, l.file), false, l.fill)
		if err != nil {
			return err
		}
		layers = append(layers, layer)
	}
	image, err := container{layers: layers, config: v1.Config{
		Env: []string{podPath, "HOME=/tmp", "INROADS_CACHE=" + inroadsCache}, Entrypoint: []string{"/" + inroadsProgram},
		User: nobodyUser, WorkingDir: "/tmp",
	}}.oci()
	if err != nil {
		return err
	}
	half := filepath.Join(work, filepath.Base(to))
	if err := tarball.WriteToFile(half, tag, image); err != nil {
		return err
	}
	return os.Rename(half, to)
}

// checkStatic refuses a program that needs a dynamic linker, and with it the C
// library of the machine that it was built on.
func checkStatic(program string) error {
	file, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("reading %q: %w", program, err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return &MissingError{
				fmt.Sprintf("%q needs the C library of this machine, which another may not have", program),
				"build it with CGO_ENABLED=0, as 'make image' does",
			}
		}
	}
	return nil
}
