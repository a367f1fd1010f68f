package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/cluster/engine/internal/capability"
	"github.com/inroads-k8s/inroads/framework/cluster/engine/internal/ociruntime"
	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
)

// permitted tells why this process cannot have a private engine, nil when it can.
func permitted() error {
	release, _ := os.ReadFile("/etc/os-release")
	_, err := exec.LookPath("dockerd")
	return mayStart(os.Geteuid() == 0, err == nil, string(release))
}

func mayStart(root, dockerd bool, osRelease string) error {
	debian := false
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			ids := strings.Fields(strings.Trim(value, `"'`))
			debian = debian || slices.Contains(ids, "debian") || slices.Contains(ids, "ubuntu")
		}
	}
	missing := &MissingError{Missing: "a container engine: no docker, nerdctl or podman answers"}
	switch {
	case root && debian:
		return nil
	case dockerd:
		missing.Remedy = "sudo systemctl start docker"
	case debian:
		missing.Remedy = "sudo apt-get install docker.io && sudo usermod -aG docker \"$USER\", then log in again; or run as root, for a private one"
	default:
		missing.Remedy = "install and start Docker: https://docs.docker.com/engine/install/"
	}
	return missing
}

// programs are what a private engine runs, with the packages that have them.
var programs = []struct{ name, pkg string }{
	{"dockerd", "docker.io"}, {"containerd", "docker.io"}, {"runc", "docker.io"},
	{"iptables", "iptables"}, {"ip", "iproute2"},
}

// clientPackage has Docker's client in those releases, Debian 13 for one, whose
// docker.io only recommends it.
const clientPackage = "docker-cli"

// install adds the packages whose programs are missing: a machine may have these
// from elsewhere, and then keeps them.
func (p private) install(ctx context.Context) error {
	var packages []string
	for _, program := range programs {
		if _, err := exec.LookPath(program.name); err != nil && !slices.Contains(packages, program.pkg) {
			packages = append(packages, program.pkg)
		}
	}
	_, err := exec.LookPath(Docker)
	if len(packages) == 0 && err == nil {
		return nil
	}
	if p.o.NoInstall {
		if len(packages) == 0 {
			packages = []string{clientPackage}
		}
		return &MissingError{
			Missing: "a container engine: no docker, nerdctl or podman answers, and nothing may be installed",
			Remedy:  "sudo apt-get install --no-install-recommends " + strings.Join(packages, " "),
		}
	}
	p.o.logf("no container engine answers; this machine gets Docker of its distribution, of which a private daemon will run below %s", p.root)
	if err := hostpackages.Ensure(ctx, p.o.Log, packages...); err != nil {
		return err
	}
	if _, err := exec.LookPath(Docker); err == nil {
		return nil
	}
	return hostpackages.Ensure(ctx, p.o.Log, clientPackage)
}

// installRuntime puts the runtime in place and returns its path; empty when this
// machine has all capabilities, so that runc itself will do.
func (p private) installRuntime() (string, error) {
	own, err := capability.Bounding("self")
	if err != nil {
		return "", err
	}
	all, err := capability.All()
	if err != nil {
		return "", err
	}
	if own&all == all {
		return "", nil
	}
	p.o.logf("this machine lacks some capabilities (it has %s of %s), so containers get what it has", own, all)
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	dir := filepath.Join(p.root, "bin")
	path, err := installProgram(self, dir, ociruntime.NamePrefix)
	if err != nil {
		return "", fmt.Errorf("copying %q for the engine's runtime: %w", self, err)
	}
	old, _ := filepath.Glob(filepath.Join(dir, ociruntime.NamePrefix+"*"))
	for _, other := range old {
		if other != path {
			_ = os.Remove(other) // the engine that had it is gone
		}
	}
	return path, nil
}

// installProgram copies a program into the folder, under a name made of the
// prefix and the program's content, and returns the copy's path. A copy, because
// a link would change with the next build of the program.
func installProgram(program, dir, prefix string) (path string, err error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", err
	}
	in, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	if err := errors.Join(err, out.Chmod(0o755), out.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(dir, prefix+hex.EncodeToString(sum.Sum(nil)[:8]))
	return path, os.Rename(out.Name(), path)
}
