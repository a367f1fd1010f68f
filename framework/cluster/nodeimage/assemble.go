package nodeimage

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	sources "github.com/inroads-k8s/inroads/fixtures/nodeimage"
)

// Files of kind's own base image, below its module.
const (
	kindFiles        = "images/base/files"
	containerdConfig = "etc/containerd/config.toml"
	containerdRoot   = "var/lib/containerd"
	// cniImageMark stands for the image of the pod network in its manifest.
	cniImageMark = "@CNI_IMAGE@"
	// productHook gives each container the node's product files; kind's
	// Dockerfile puts it into containerd's base specification.
	productHook = "/kind/bin/mount-product-files.sh"
)

// seldomStats is added to kind's configuration of containerd. By default containerd
// asks the shim of every container once a second what it uses, though the kubelet
// asks the kernel itself: that is a fifth of what an idle node does.
const seldomStats = `
[plugins."io.containerd.cri.v1.runtime"]
  stats_collect_period = "1m"
`

// rootless are files of kind that only its rootless mode needs, for which the
// image has no program.
var rootless = []string{"etc/systemd/system/containerd-fuse-overlayfs.service"}

// units start with the node.
var units = []string{"containerd.service", "kubelet.service", "undo-mount-hacks.service"}

// assemble makes the image out of the folders of the parts.
func (b *build) assemble(ctx context.Context, rootfs, kube, addons, runtimePart string) (image Image, took time.Duration, err error) {
	start := time.Now()
	defer func() {
		if err != nil {
			err = fmt.Errorf("making part %q: %w", "image", err)
		}
	}()
	shared := b.modules[len(b.modules)-1]
	kindFolder, err := b.moduleFolder(ctx, shared, kindPath, filepath.Join(b.work, "kind"))
	if err != nil {
		return Image{}, 0, err
	}
	base := os.DirFS(filepath.Join(kindFolder, filepath.FromSlash(kindFiles)))
	pause, err := sandboxImage(base)
	if err != nil {
		return Image{}, 0, err
	}
	rootfsTar := filepath.Join(rootfs, rootfsFile)
	list, err := b.containers(ctx, b.work, rootfsTar, kube, addons, runtimePart, pause)
	if err != nil {
		return Image{}, 0, err
	}
	contentRoot, err := b.contentStore(ctx, runtimePart, list)
	if err != nil {
		return Image{}, 0, err
	}
	spec, err := baseSpec(ctx, filepath.Join(runtimePart, "ctr"))
	if err != nil {
		return Image{}, 0, err
	}
	node, err := writeBlob(filepath.Join(b.work, "node.layer"), false, func(l *layerWriter) error {
		return errors.Join(
			writeKindFiles(l, base),
			b.writeManifests(l),
			writePrograms(l, kube, runtimePart),
			l.data("etc/containerd/cri-base.json", 0o644, spec),
			writeTree(l, containerdRoot, contentRoot),
		)
	})
	if err != nil {
		return Image{}, 0, err
	}
	system, err := fileBlob(rootfsTar)
	if err != nil {
		return Image{}, 0, err
	}
	if err := os.MkdirAll(b.folder, 0o755); err != nil {
		return Image{}, 0, err
	}
	if err := b.writeNode(system, node); err != nil {
		return Image{}, 0, err
	}
	if err := replaceFile(b.image.Kubectl, filepath.Join(kube, kubectlFile)); err != nil {
		return Image{}, 0, err
	}
	info, err := os.Stat(b.image.Archive)
	if err != nil {
		return Image{}, 0, err
	}
	image = b.image
	image.Bytes, image.LayerBytes = info.Size(), system.unpacked+node.unpacked
	for _, c := range list {
		image.Images = append(image.Images, c.refs...)
	}
	slices.Sort(image.Images)
	if image.Packages, err = readPackages(filepath.Join(rootfs, packagesFile)); err != nil {
		return Image{}, 0, err
	}
	if image.Components, err = b.components(); err != nil {
		return Image{}, 0, err
	}
	return image, time.Since(start), ctx.Err()
}

// components are the versions of what was compiled.
func (b *build) components() (map[string]string, error) {
	components := map[string]string{"go": b.toolchain.version, "kubernetes": b.image.KubernetesVersion}
	for _, c := range []struct{ name, pins, module string }{
		{"containerd", runtimeModule, containerdPath},
		{"cni-plugins", runtimeModule, cniPath},
		{"kind", runtimeModule, kindPath},
		{"coredns", path.Join(b.image.KubernetesVersion, addonsModule), corednsPath},
		{"etcd", path.Join(b.image.KubernetesVersion, addonsModule), etcdPath},
	} {
		version, err := moduleVersion(c.pins, c.module)
		if err != nil {
			return nil, err
		}
		components[c.name] = version
	}
	return components, nil
}

var sandboxLine = regexp.MustCompile(`(?m)^\s*sandbox_image = "([^"]+)"`)

// sandboxImage reads which pause image containerd's configuration names.
func sandboxImage(base fs.FS) (string, error) {
	data, err := fs.ReadFile(base, containerdConfig)
	if err != nil {
		return "", fmt.Errorf("reading kind's base files: %w", err)
	}
	match := sandboxLine.FindSubmatch(data)
	if match == nil {
		return "", fmt.Errorf("no sandbox_image in kind's %s", containerdConfig)
	}
	return string(match[1]), nil
}

// contentStore puts the images into a store such as containerd keeps below its
// root folder.
func (b *build) contentStore(ctx context.Context, runtimePart string, list []container) (string, error) {
	archive := filepath.Join(b.work, "images.tar")
	if err := writeArchive(archive, list); err != nil {
		return "", fmt.Errorf("writing the images of the node: %w", err)
	}
	file, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer file.Close()
	root := filepath.Join(b.work, "containerd")
	_, err = command{argv: []string{filepath.Join(runtimePart, "store"), root}, in: file, log: b.logFile("image")}.run(ctx)
	return root, err
}

// baseSpec is what containers start from, as in kind's Dockerfile: containerd's
// own with a hook, and without limits that a sandbox may not raise.
func baseSpec(ctx context.Context, ctr string) ([]byte, error) {
	out, err := command{argv: []string{ctr, "oci", "spec"}}.run(ctx)
	if err != nil {
		return nil, err
	}
	var spec map[string]any
	if err := json.Unmarshal(out, &spec); err != nil {
		return nil, fmt.Errorf("reading the specification of ctr: %w", err)
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return nil, errors.New("the specification of ctr has no process")
	}
	delete(process, "rlimits")
	spec["hooks"] = map[string]any{"createContainer": []any{map[string]any{"path": productHook}}}
	return json.Marshal(spec)
}

// writeKindFiles copies kind's base files, or what stands in for them, with the modes
// of its Dockerfile and turns on its services.
func writeKindFiles(l *layerWriter, base fs.FS) error {
	err := fs.WalkDir(base, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains(rootless, file) {
			return err
		}
		data, err := fs.ReadFile(sources.Sources, path.Join(filesFolder, file))
		if errors.Is(err, fs.ErrNotExist) {
			data, err = fs.ReadFile(base, file)
		}
		if err != nil {
			return err
		}
		if file == containerdConfig {
			data = append(data, seldomStats...)
		}
		mode := int64(0o644)
		if strings.HasPrefix(file, "usr/local/bin/") || strings.HasPrefix(file, "kind/bin/") {
			mode = 0o755
		}
		return l.data(file, mode, data)
	})
	if err != nil {
		return fmt.Errorf("copying kind's base files: %w", err)
	}
	for _, unit := range units {
		if err := l.symlink("etc/systemd/system/multi-user.target.wants/"+unit, "/etc/systemd/system/"+unit); err != nil {
			return err
		}
	}
	// It registers formats with the machine's kernel.
	if err := l.symlink("etc/systemd/system/systemd-binfmt.service", "/dev/null"); err != nil {
		return err
	}
	return l.folder("etc/kubernetes/manifests")
}

// writeManifests writes what kind reads from a node.
func (b *build) writeManifests(l *layerWriter) error {
	manifests, err := fs.Sub(sources.Sources, manifestsFolder)
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(manifests, ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		data, err := fs.ReadFile(manifests, entry.Name())
		if err != nil {
			return err
		}
		data = bytes.ReplaceAll(data, []byte(cniImageMark), []byte(b.cniImage()))
		if err := l.data("kind/manifests/"+entry.Name(), 0o644, data); err != nil {
			return err
		}
	}
	return l.data("kind/version", 0o644, []byte(b.image.KubernetesVersion))
}

// writePrograms writes what was compiled for the node itself.
func writePrograms(l *layerWriter, kube, runtimePart string) error {
	if err := l.file("usr/bin/kube", 0o755, filepath.Join(kube, "kube")); err != nil {
		return err
	}
	for _, link := range nodeLinks {
		if err := l.symlink("usr/bin/"+link, "kube"); err != nil {
			return err
		}
	}
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		if err := l.file("usr/local/bin/"+program, 0o755, filepath.Join(runtimePart, program)); err != nil {
			return err
		}
	}
	for _, plugin := range cniPlugins {
		file := path.Base(plugin)
		if err := l.file("opt/cni/bin/"+file, 0o755, filepath.Join(runtimePart, file)); err != nil {
			return err
		}
	}
	return nil
}

// writeTree copies a folder of the machine with its modes, owned by root.
func writeTree(l *layerWriter, to, from string) error {
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		at := path.Join(to, filepath.ToSlash(rel))
		if entry.IsDir() {
			if err := l.folder(path.Dir(at)); err != nil {
				return err
			}
			return l.header(&tar.Header{Typeflag: tar.TypeDir, Name: at, Mode: int64(info.Mode().Perm())})
		}
		return l.file(at, int64(info.Mode().Perm()), file)
	})
}

// writeNode writes the archive of the node image.
func (b *build) writeNode(layers ...blob) error {
	tag, err := name.NewTag(b.image.Ref)
	if err != nil {
		return err
	}
	image, err := container{layers: layers, config: v1.Config{
		// systemd looks for the variable, and ends on this signal alone.
		Env:        []string{podPath, "container=docker"},
		StopSignal: "SIGRTMIN+3",
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
	}}.oci()
	if err != nil {
		return err
	}
	half := filepath.Join(b.work, archiveFile)
	if err := tarball.WriteToFile(half, tag, image); err != nil {
		return fmt.Errorf("writing the node image: %w", err)
	}
	return os.Rename(half, b.image.Archive)
}

// replaceFile makes a file be another one's content, sharing the disk where the
// file system can.
func replaceFile(to, from string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Link(from, to)
}
