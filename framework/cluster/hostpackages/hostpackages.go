// Package hostpackages installs packages of the machine's own distribution,
// Debian or Ubuntu, when a run needs them and they are absent. It only adds: it
// never removes, upgrades or starts anything.
package hostpackages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"sort"
	"strings"
	"syscall"
)

// lockTimeout is how long, in seconds, apt-get waits for another package
// manager to finish.
const lockTimeout = "600"

// outputTail is how many bytes of each output of a failed command an error
// carries: apt-get says what went wrong last.
const outputTail = 1500

// MissingError tells that the machine lacks something that only its owner can
// add.
type MissingError struct {
	// Missing says what is absent, and why it is needed or was not added.
	Missing string
	// Remedy is the command or act that mends it.
	Remedy string
}

// Error gives both on one line.
func (e *MissingError) Error() string {
	return fmt.Sprintf("missing %s; to mend it: %s", e.Missing, e.Remedy)
}

// Ensure makes sure that the packages are installed. It does nothing, and needs
// no privilege, when they are. Otherwise it writes to log what it is about to
// install, a line per event, and installs it with apt-get without recommended
// packages; services of what it installs are neither started nor enabled.
// The error is a *MissingError when the machine has no apt-get or the process is
// not root, and carries apt-get's output when apt-get refused.
//
// When ctx ends, a download stops; a package that is being unpacked is finished
// first, because a half-installed one is worse than a late return.
func Ensure(ctx context.Context, log io.Writer, packages ...string) error {
	return host{root: os.Geteuid() == 0, lookPath: exec.LookPath, run: run}.ensure(ctx, log, packages)
}

// host is the machine as far as this package looks at it; tests put in their own.
type host struct {
	root     bool
	lookPath func(name string) (string, error)
	// run returns what the command wrote to standard output, and an error with
	// all that it wrote when it exits with another status than 0.
	run func(ctx context.Context, name string, args ...string) ([]byte, error)
}

func (h host) ensure(ctx context.Context, log io.Writer, packages []string) error {
	missing, err := h.missing(ctx, packages)
	if err != nil || len(missing) == 0 {
		return err
	}
	list := strings.Join(missing, " ")
	remedy := "sudo apt-get install --no-install-recommends " + list
	if _, err := h.lookPath("apt-get"); err != nil {
		return &MissingError{
			Missing: list + " (this machine has no apt-get to install it with)",
			Remedy:  "install " + list + " with this machine's package manager",
		}
	}
	if !h.root {
		return &MissingError{Missing: list + " (only root can install it)", Remedy: remedy}
	}
	before, err := h.installed(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "installing %s from this machine's distribution: apt-get install --no-install-recommends %s\n", list, list)
	fresh := false
	for _, p := range missing {
		if h.known(ctx, p) {
			continue
		}
		if fresh {
			return &MissingError{Missing: p + " (this machine's package lists do not have it)", Remedy: remedy}
		}
		if err := h.update(ctx, log); err != nil {
			return err
		}
		if fresh = true; !h.known(ctx, p) {
			return &MissingError{Missing: p + " (this machine's package lists do not have it)", Remedy: remedy}
		}
	}
	err = h.install(ctx, missing)
	// Lists older than the mirror name files that it no longer has.
	if err != nil && !fresh && ctx.Err() == nil && strings.Contains(err.Error(), "Failed to fetch") {
		if err := h.update(ctx, log); err != nil {
			return err
		}
		err = h.install(ctx, missing)
	}
	if err != nil {
		return fmt.Errorf("installing %s: %w", list, err)
	}
	after, err := h.installed(ctx)
	if err != nil {
		return err
	}
	added := slices.DeleteFunc(after, func(p string) bool { _, had := slices.BinarySearch(before, p); return had })
	fmt.Fprintf(log, "installed %d packages: %s\n", len(added), strings.Join(added, " "))
	return h.disable(ctx, log, added)
}

// missing returns those of the packages that are not installed, in the given
// order: where there is no dpkg, all of them.
func (h host) missing(ctx context.Context, packages []string) ([]string, error) {
	installed, err := h.installed(ctx)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, p := range packages {
		if _, ok := slices.BinarySearch(installed, p); !ok {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// installed returns the names of all installed packages, sorted; none where
// there is no dpkg.
func (h host) installed(ctx context.Context) ([]string, error) {
	if _, err := h.lookPath("dpkg-query"); err != nil {
		return nil, nil
	}
	out, err := h.run(ctx, "dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n")
	if err != nil {
		return nil, fmt.Errorf("listing the installed packages: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if status, name, _ := strings.Cut(strings.TrimSpace(line), " "); status == "installed" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return slices.Compact(names), nil
}

func (h host) known(ctx context.Context, name string) bool {
	out, err := h.run(ctx, "apt-cache", "show", "--no-all-versions", name)
	return err == nil && len(bytes.TrimSpace(out)) > 0
}

func (h host) update(ctx context.Context, log io.Writer) error {
	fmt.Fprintln(log, "refreshing the package lists: apt-get update")
	if _, err := h.run(ctx, "apt-get", append(aptOptions(), "update")...); err != nil {
		return fmt.Errorf("refreshing the package lists: %w", err)
	}
	return nil
}

func (h host) install(ctx context.Context, packages []string) error {
	args := append(aptOptions(),
		// What is there stays as it is: a machine's docker-ce is not traded for docker.io.
		"--no-remove", "--no-upgrade", "--no-install-recommends",
		"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
		"-y", "install")
	_, err := h.run(ctx, "apt-get", append(args, packages...)...)
	return err
}

func aptOptions() []string {
	return []string{"-q", "-o", "DPkg::Lock::Timeout=" + lockTimeout, "-o", "Acquire::Retries=3"}
}

// disable takes back that Debian enables a service for the next boot as soon as
// its package is installed.
func (h host) disable(ctx context.Context, log io.Writer, packages []string) error {
	if _, err := h.lookPath("systemctl"); err != nil || len(packages) == 0 {
		return nil
	}
	out, err := h.run(ctx, "dpkg-query", append([]string{"--listfiles"}, packages...)...)
	if err != nil {
		return fmt.Errorf("listing the files of the new packages: %w", err)
	}
	var units []string
	for line := range strings.Lines(string(out)) {
		file := strings.TrimSpace(line)
		dir, unit := path.Split(file)
		inUnits := dir == "/lib/systemd/system/" || dir == "/usr/lib/systemd/system/"
		if inUnits && !strings.Contains(unit, "@") && slices.Contains([]string{".service", ".socket", ".timer"}, path.Ext(unit)) {
			units = append(units, unit)
		}
	}
	if len(units) == 0 {
		return nil
	}
	sort.Strings(units)
	units = slices.Compact(units)
	if _, err := h.run(ctx, "systemctl", append([]string{"disable", "--quiet"}, units...)...); err != nil {
		return fmt.Errorf("disabling the services of the new packages: %w", err)
	}
	fmt.Fprintf(log, "left off, neither started nor enabled: %s\n", strings.Join(units, " "))
	return nil
}

// quiet is the environment that keeps the packages' own scripts from asking
// questions, from talking to the service manager and from starting services.
// SYSTEMD_OFFLINE makes systemctl work on files alone; RUNLEVEL makes invoke-rc.d
// believe in single-user mode, in which no service is to be started.
var quiet = []string{
	"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "SYSTEMD_OFFLINE=1",
	"RUNLEVEL=1", "PREVLEVEL=N", "NEEDRESTART_SUSPEND=1", "APT_LISTCHANGES_FRONTEND=none",
}

func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), quiet...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A group of its own: an interrupt at the terminal reaches apt-get through
	// ctx only, and as SIGINT, which it puts off while dpkg works.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		said := bytes.TrimSpace(append(tail(stdout.Bytes()), tail(stderr.Bytes())...))
		return stdout.Bytes(), fmt.Errorf("running %q: %w: %s", strings.Join(append([]string{name}, args...), " "), err, said)
	}
	return stdout.Bytes(), nil
}

// tail returns a copy of the end.
func tail(output []byte) []byte {
	return bytes.Clone(output[max(0, len(output)-outputTail):])
}
