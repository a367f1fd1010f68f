package nodeimage

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	sources "github.com/inroads-k8s/inroads/fixtures/nodeimage"
)

// module is a set of programs that one go.mod pins and one call of go builds.
type module struct {
	// name is that of the part and of the folder of sources.
	name string
	// pins is the folder of its go.mod and go.sum, below pinsFolder.
	pins string
	// packages are what go builds; the files are named after their last element.
	packages []string
	tags     string
	// set gives variables of packages their values at link time.
	set map[string]string
}

// Names of the modules: of their parts and of their folders of sources and pins.
const (
	kubernetesModule = "kubernetes"
	addonsModule     = "addons"
	runtimeModule    = "runtime"
)

const (
	versionPackage = "k8s.io/component-base/version"
	containerdPath = "github.com/containerd/containerd/v2"
	cniPath        = "github.com/containernetworking/plugins"
	corednsPath    = "github.com/coredns/coredns"
	etcdPath       = "go.etcd.io/etcd/server/v3"
	kindPath       = "sigs.k8s.io/kind"
)

// cniPlugins are the network plugins that the pod network calls; the last
// element is the file's name.
var cniPlugins = []string{
	"plugins/ipam/host-local", "plugins/main/loopback", "plugins/main/ptp", "plugins/meta/portmap",
}

// modules are those of a Kubernetes version, in the order in which they are
// compiled: the longest first, and each after those whose packages it shares.
func modules(version string) ([]module, error) {
	containerd, err := moduleVersion(runtimeModule, containerdPath)
	if err != nil {
		return nil, err
	}
	shared := module{
		name: runtimeModule, pins: runtimeModule, packages: []string{"./cmd/pause", "./cmd/store"},
		tags: "no_aufs no_zfs no_btrfs no_devmapper",
		set:  map[string]string{containerdPath + "/version.Version": containerd},
	}
	for _, command := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		shared.packages = append(shared.packages, containerdPath+"/cmd/"+command)
	}
	for _, plugin := range cniPlugins {
		shared.packages = append(shared.packages, cniPath+"/"+plugin)
	}
	major, minor, _ := strings.Cut(strings.TrimPrefix(semver.MajorMinor(version), "v"), ".")
	return []module{
		{
			name: kubernetesModule, pins: path.Join(version, kubernetesModule), packages: []string{"./cmd/kube", "./cmd/kubectl"},
			// Without it kubeadm takes itself for another version.
			set: map[string]string{
				versionPackage + ".gitVersion":   version,
				versionPackage + ".gitMajor":     major,
				versionPackage + ".gitMinor":     minor,
				versionPackage + ".gitTreeState": "clean",
			},
		},
		{name: addonsModule, pins: path.Join(version, addonsModule), packages: []string{"./cmd/coredns", "./cmd/etcd"}},
		shared,
	}, nil
}

// compilerFlags leave out what only a debugger reads, which saves a third of
// the files and a tenth of the time.
var compilerFlags = []string{"-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"}

// arguments are those of the call of go that builds the module.
func (m module) arguments(out string) []string {
	linker := []string{"-s", "-w"}
	for _, name := range slices.Sorted(maps.Keys(m.set)) {
		linker = append(linker, "-X", name+"="+m.set[name])
	}
	args := append([]string{"build"}, compilerFlags...)
	args = append(args, "-tags="+m.tags, "-ldflags="+strings.Join(linker, " "), "-o", out)
	return append(args, m.packages...)
}

// modulePart is the compiled module.
func (b *build) modulePart(m module) (part, error) {
	key := newInputs().add("module", m.name, b.toolchain.version, runtime.GOARCH).add("arguments", m.arguments("")...)
	err := key.addTree(sources.Sources, m.folders()...)
	if err != nil {
		return part{}, err
	}
	return part{name: m.name, hash: key.hex(), make: func(ctx context.Context, dir, scratch string) error {
		if err := m.write(scratch); err != nil {
			return err
		}
		_, err := b.goCommand(m.name, scratch, m.arguments(dir+string(filepath.Separator))...).run(ctx)
		return err
	}}, nil
}

// folders are those of the module's sources: its pins, and the programs that
// inroads adds to it, if there are any.
func (m module) folders() []string {
	folders := []string{path.Join(pinsFolder, m.pins)}
	if slices.ContainsFunc(m.packages, func(p string) bool { return strings.HasPrefix(p, "./") }) {
		folders = append(folders, path.Join(programsFolder, m.name))
	}
	return folders
}

// write writes the module's sources into a folder, under the names that go
// knows.
func (m module) write(dir string) error {
	for _, from := range m.folders() {
		tree, err := fs.Sub(sources.Sources, from)
		if err != nil {
			return err
		}
		err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			to := filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(name, embeddedSuffix)))
			if entry.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			data, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			return os.WriteFile(to, data, 0o644)
		})
		if err != nil {
			return fmt.Errorf("writing sources of %q: %w", m.name, err)
		}
	}
	return nil
}

// goCommand is a call of go in a folder, free of what the user's environment
// says about other builds.
func (b *build) goCommand(log, dir string, args ...string) command {
	return command{
		dir: dir,
		env: append([]string{
			"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + runtime.GOARCH, "GO111MODULE=on", "GOWORK=off",
			"GOFLAGS=-mod=readonly", "GOTOOLCHAIN=" + b.toolchain.selection, "GOEXPERIMENT=", "PWD=" + dir,
			"GOTMPDIR=" + dir, // what a killed go leaves there goes with the folder
		}, compilerMemory(memoryTotal(), runtime.NumCPU())...),
		log:  b.logFile(log),
		argv: append([]string{"go"}, args...),
	}
}

const (
	gibibyte = 1 << 30
	// compilerLeast is the memory, per processor, below which the compiler's own
	// garbage collector is left alone.
	compilerLeast = 2 * gibibyte
	// compilerMost is more than the largest link needs.
	compilerMost = 4 * gibibyte
)

// compilerMemory lets the compiler use a machine's memory in place of time: its
// processes are short, and collecting their garbage is an eighth of the work.
// total is in bytes, 0 when unknown.
func compilerMemory(total int64, processors int) []string {
	each := total / 2 / int64(max(processors, 1))
	if each < compilerLeast {
		return nil
	}
	return []string{"GOGC=off", fmt.Sprintf("GOMEMLIMIT=%d", min(each, compilerMost))}
}

// memoryTotal reads the machine's memory in bytes, 0 when it cannot.
func memoryTotal() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kilobytes int64
	if _, err := fmt.Sscanf(string(data), "MemTotal: %d kB", &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}

// download fetches what a module needs to compile, so that the network works
// while the processors are busy with another module.
func (b *build) download(ctx context.Context, m module) error {
	dir, err := os.MkdirTemp(b.work, m.name+"-download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := m.write(dir); err != nil {
		return err
	}
	// Listing dependencies fetches the modules of the packages that are needed;
	// "go mod download" would fetch all that the graph names.
	args := append([]string{"list", "-deps", "-tags=" + m.tags, "-f", "{{with .Module}}{{.Path}}{{end}}"}, m.packages...)
	_, err = b.goCommand(m.name, dir, args...).run(ctx)
	return err
}

// moduleFolder gives the folder of a module, in the module cache, in the version
// that the pins of m name and go.sum vouches for.
func (b *build) moduleFolder(ctx context.Context, m module, path, scratch string) (string, error) {
	if err := m.write(scratch); err != nil {
		return "", err
	}
	out, err := b.goCommand(m.name, scratch, "mod", "download", "-json", path).run(ctx)
	if err != nil {
		return "", err
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(out, &answer); err != nil || answer.Dir == "" {
		return "", fmt.Errorf("reading where go keeps %q: %w: %s", path, err, out)
	}
	return answer.Dir, nil
}
