package nodeimage

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nodeLinks and podLinks are the programs that the multi-call binary is on a
// node and in a pod.
var (
	nodeLinks = []string{"crictl", "kubeadm", "kubectl", "kubelet"}
	podLinks  = []string{
		"agnhost", "inroads-cni", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl",
	}
)

// userland are the files of the root file system, as patterns, that the images
// of kube-proxy and of specs have: a shell with the usual tools, HTTP clients,
// and the packet filter's tools. What they need comes with them.
var userland = []string{
	"etc/ssl/certs/ca-certificates.crt", "etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/protocols*",
	"usr/bin/bash", "usr/bin/sh", "usr/bin/awk", "usr/bin/mawk", "usr/bin/grep", "usr/bin/sed", "usr/bin/find", "usr/bin/xargs",
	"usr/bin/curl", "usr/bin/wget", "usr/bin/jq", "usr/bin/getent", "usr/bin/hostname", "usr/bin/ps", "usr/bin/which",
	"usr/bin/gzip", "usr/bin/tar",
	"usr/sbin/conntrack", "usr/sbin/nft", "usr/sbin/xtables-*-multi", "usr/lib/*/xtables/*.so", "usr/bin/ip",
	// Of coreutils, what scripts call.
	"usr/bin/base64", "usr/bin/basename", "usr/bin/cat", "usr/bin/chmod", "usr/bin/cp", "usr/bin/cut", "usr/bin/date",
	"usr/bin/dd", "usr/bin/df", "usr/bin/dirname", "usr/bin/echo", "usr/bin/env", "usr/bin/expr", "usr/bin/false",
	"usr/bin/head", "usr/bin/id", "usr/bin/ln", "usr/bin/ls", "usr/bin/md5sum", "usr/bin/mkdir", "usr/bin/mktemp",
	"usr/bin/mv", "usr/bin/nproc", "usr/bin/od", "usr/bin/printenv", "usr/bin/printf", "usr/bin/pwd", "usr/bin/readlink",
	"usr/bin/rm", "usr/bin/rmdir", "usr/bin/seq", "usr/bin/sha256sum", "usr/bin/sleep", "usr/bin/sort", "usr/bin/stat",
	"usr/bin/tail", "usr/bin/tee", "usr/bin/test", "usr/bin/timeout", "usr/bin/touch", "usr/bin/tr", "usr/bin/true",
	"usr/bin/tty", "usr/bin/uname", "usr/bin/uniq", "usr/bin/wc", "usr/bin/whoami", "usr/bin/yes",
}

// packetFilterScript stands for the iptables tools in a pod: there are two
// kinds, and a rule set by one is invisible to the other, so it calls the kind
// that the node's kubelet used.
const packetFilterScript = `#!/bin/sh
kind=nft
if ! xtables-nft-multi iptables-save -t mangle 2>/dev/null | grep -q '^:KUBE-' &&
	xtables-legacy-multi iptables-save -t mangle 2>/dev/null | grep -q '^:KUBE-'; then
	kind=legacy
fi
exec "xtables-$kind-multi" "${0##*/}" "$@"
`

var packetFilterNames = []string{
	"iptables", "iptables-restore", "iptables-save", "ip6tables", "ip6tables-restore", "ip6tables-save",
}

// mergedFolders are the links with which a merged /usr begins.
var mergedFolders = []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"}

// User ids that images name by default; specs may choose others.
const (
	nobodyUser = "65534:65534"
	pauseUser  = "65535:65535"
	// podPath is PATH in pods, as container engines set it.
	podPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// container is an image on the node.
type container struct {
	refs   []string
	layers []blob
	config v1.Config
}

// containers makes the images of a node. Layers are shared: the control plane
// has the first alone, kube-proxy, the pod network and specs have it with the
// userland.
func (b *build) containers(ctx context.Context, scratch, rootfs, kube, addons, runtimePart, pause string) ([]container, error) {
	layer := func(name string, fill func(*layerWriter) error) (blob, error) {
		if err := ctx.Err(); err != nil {
			return blob{}, context.Cause(ctx)
		}
		return writeBlob(filepath.Join(scratch, name), true, fill)
	}
	program := func(name, from, to string) (blob, error) {
		return layer(name+".layer", func(l *layerWriter) error { return l.file(to, 0o755, filepath.Join(from, name)) })
	}
	kubeLayer, err := layer("kube.layer", func(l *layerWriter) error {
		if err := l.file("usr/local/bin/kube", 0o755, filepath.Join(kube, "kube")); err != nil {
			return err
		}
		for _, link := range podLinks {
			if err := l.symlink("usr/local/bin/"+link, "kube"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	userLayer, err := layer("userland.layer", func(l *layerWriter) error { return writeUserland(l, rootfs) })
	if err != nil {
		return nil, err
	}
	etcdLayer, err := program("etcd", addons, "usr/local/bin/etcd")
	if err != nil {
		return nil, err
	}
	corednsLayer, err := program("coredns", addons, "coredns")
	if err != nil {
		return nil, err
	}
	pauseLayer, err := program("pause", runtimePart, "pause")
	if err != nil {
		return nil, err
	}
	wanted, err := b.wantedImages(ctx, filepath.Join(kube, "kube"))
	if err != nil {
		return nil, err
	}
	full := []blob{kubeLayer, userLayer}
	var list []container
	for _, ref := range wanted {
		name, _, _ := strings.Cut(path.Base(ref), ":")
		c := container{refs: []string{ref}, config: v1.Config{Env: []string{podPath}}}
		switch name {
		case "pause":
			c.refs = []string{ref, pause}
			c.layers, c.config.Entrypoint, c.config.User = []blob{pauseLayer}, []string{"/pause"}, pauseUser
		case "etcd":
			if err := b.checkAddon(ref, etcdPath); err != nil {
				return nil, err
			}
			c.layers, c.config.Entrypoint = []blob{etcdLayer}, []string{"etcd"}
		case "coredns":
			if err := b.checkAddon(ref, corednsPath); err != nil {
				return nil, err
			}
			c.layers, c.config.Entrypoint = []blob{corednsLayer}, []string{"/coredns"}
		case "kube-proxy":
			c.layers, c.config.Entrypoint = full, []string{name}
		case "kube-apiserver", "kube-controller-manager", "kube-scheduler":
			c.layers, c.config.Entrypoint = []blob{kubeLayer}, []string{name}
		default:
			return nil, fmt.Errorf("kubeadm wants image %q, of which this package knows nothing", ref)
		}
		slices.Sort(c.refs)
		c.refs = slices.Compact(c.refs)
		list = append(list, c)
	}
	return append(list,
		container{[]string{b.cniImage()}, full, v1.Config{Env: []string{podPath}, Entrypoint: []string{"inroads-cni"}}},
		container{[]string{b.image.ServerImage}, full, v1.Config{
			Env: []string{podPath}, Entrypoint: []string{"/usr/local/bin/agnhost"}, Cmd: []string{"pause"},
		}},
		container{[]string{b.image.ClientImage}, full, v1.Config{
			Env: []string{podPath, "HOME=/tmp"}, Cmd: []string{"/usr/local/bin/agnhost", "pause"},
			User: nobodyUser, WorkingDir: "/tmp",
		}},
	), nil
}

// checkAddon makes sure that the pinned module is what the image's tag tells:
// "v1.14.6", or "3.7.0-0" whose last number counts the image's own revisions.
func (b *build) checkAddon(ref, module string) error {
	pinned, err := moduleVersion(path.Join(b.image.KubernetesVersion, addonsModule), module)
	if err != nil {
		return err
	}
	_, tag, _ := strings.Cut(path.Base(ref), ":")
	version, _, _ := strings.Cut(strings.TrimPrefix(tag, "v"), "-")
	if "v"+version != pinned {
		return fmt.Errorf("kubeadm wants image %q, but the pins have %s %s", ref, module, pinned)
	}
	return nil
}

func (b *build) cniImage() string {
	return fmt.Sprintf("%s/cni:%s", repository, b.image.KubernetesVersion)
}

// writeUserland writes the userland out of the root file system.
func writeUserland(l *layerWriter, rootfs string) error {
	root, err := openTarRoot(rootfs)
	if err != nil {
		return err
	}
	defer root.Close()
	names := slices.Clone(userland)
	for _, name := range mergedFolders {
		if _, ok := root.entries[name]; ok {
			names = append(names, name)
		}
	}
	all, err := root.closure(names)
	if err != nil {
		return err
	}
	for _, name := range all {
		if err := l.entry(root, name); err != nil {
			return err
		}
	}
	if err := l.data("usr/local/sbin/packet-filter", 0o755, []byte(packetFilterScript)); err != nil {
		return err
	}
	for _, name := range packetFilterNames {
		if err := l.symlink("usr/local/sbin/"+name, "packet-filter"); err != nil {
			return err
		}
	}
	return l.header(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o1777})
}

// wantedImages asks kubeadm, of the version at hand, which images it wants.
func (b *build) wantedImages(ctx context.Context, kube string) ([]string, error) {
	out, err := command{
		argv: []string{kube, "config", "images", "list", "--kubernetes-version", b.image.KubernetesVersion},
		arg0: "kubeadm",
	}.run(ctx)
	if err != nil {
		return nil, err
	}
	wanted := strings.Fields(string(out))
	slices.Sort(wanted)
	return wanted, nil
}

// oci gives the image as a registry would.
func (c container) oci() (v1.Image, error) {
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		Architecture: runtime.GOARCH, OS: "linux", Created: v1.Time{Time: epoch}, Config: c.config,
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, layer := range c.layers {
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, MediaType: layer.media}); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// Annotations by which containerd names an image that it imports.
const (
	nameAnnotation = "io.containerd.image.name"
	tagAnnotation  = "org.opencontainers.image.ref.name"
)

// writeArchive writes the images as one OCI archive, each blob once.
func writeArchive(to string, list []container) (err error) {
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	archive := newLayerWriter(file)
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	name := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	blobData := func(data []byte, h v1.Hash) error {
		if archive.made[name(h)] {
			return nil
		}
		return archive.data(name(h), 0o644, data)
	}
	for _, c := range list {
		image, err := c.oci()
		if err != nil {
			return fmt.Errorf("making image %q: %w", c.refs[0], err)
		}
		for _, layer := range c.layers {
			if archive.made[name(layer.digest)] {
				continue
			}
			if err := archive.file(name(layer.digest), 0o644, layer.path); err != nil {
				return err
			}
		}
		config, err := image.RawConfigFile()
		if err != nil {
			return err
		}
		configName, err := image.ConfigName()
		if err != nil {
			return err
		}
		manifest, err := image.RawManifest()
		if err != nil {
			return err
		}
		digest, err := image.Digest()
		if err != nil {
			return err
		}
		if err := blobData(config, configName); err != nil {
			return err
		}
		if err := blobData(manifest, digest); err != nil {
			return err
		}
		for _, ref := range c.refs {
			_, tag, _ := strings.Cut(path.Base(ref), ":")
			index.Manifests = append(index.Manifests, v1.Descriptor{
				MediaType: types.OCIManifestSchema1, Size: int64(len(manifest)), Digest: digest,
				Platform:    &v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
				Annotations: map[string]string{nameAnnotation: ref, tagAnnotation: tag},
			})
		}
	}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := archive.data("index.json", 0o644, data); err != nil {
		return err
	}
	if err := archive.data("oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	return archive.tar.Close()
}
