package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a running program, held so that its number cannot be mistaken for
// that of a later one.
type process struct {
	pid  int
	name string // of the program's file
	fd   int    // see pidfd_open(2)
}

// endProcesses ends the daemons, then whatever of the engine still runs. No file
// with a process number is trusted for that: a process is the engine's when its
// program is one of the engine's and its arguments name the engine's folder, or
// when it is in the control group of one of the engine's containers.
func (p private) endProcesses(ctx context.Context) error {
	for _, daemon := range []string{"dockerd", "containerd"} {
		err := p.end(ctx, unix.SIGTERM, func(pid int) bool {
			return program(pid) == daemon && p.names(pid)
		})
		if err != nil {
			return err
		}
	}
	ids := p.containerIDs()
	return p.end(ctx, unix.SIGKILL, func(pid int) bool {
		return contained(pid, ids) || slices.Contains(helpers, program(pid)) && p.names(pid)
	})
}

// helpers are the programs that the daemons start.
var helpers = []string{"containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2", "runc"}

// end signals the processes that are meant, waits until they ended, and kills
// those that do not.
func (p private) end(ctx context.Context, signal unix.Signal, meant func(pid int) bool) error {
	processes, err := hold(meant)
	if err != nil {
		return err
	}
	defer closeAll(processes)
	for _, each := range processes {
		if err := each.signal(signal); err != nil {
			return err
		}
	}
	for _, each := range processes {
		if each.wait(ctx, endTimeout) == nil {
			continue
		}
		p.o.logf("killing %s, process %d, which did not end in %s", each.name, each.pid, endTimeout)
		if err := each.signal(unix.SIGKILL); err != nil {
			return err
		}
		if err := each.wait(context.WithoutCancel(ctx), endTimeout); err != nil {
			return err
		}
	}
	return nil
}

// hold returns the processes that are meant, in the order of their numbers.
func hold(meant func(pid int) bool) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var held []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || !meant(pid) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("holding process %d: %w", pid, err)
		}
		// Asked again, now that the number can no longer pass to another process.
		if !meant(pid) {
			_ = unix.Close(fd)
			continue
		}
		held = append(held, process{pid: pid, name: program(pid), fd: fd})
	}
	slices.SortFunc(held, func(a, b process) int { return a.pid - b.pid })
	return held, nil
}

func closeAll(processes []process) {
	for _, each := range processes {
		_ = unix.Close(each.fd)
	}
}

func (p process) signal(signal unix.Signal) error {
	err := unix.PidfdSendSignal(p.fd, signal, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("sending %s to %s, process %d: %w", unix.SignalName(signal), p.name, p.pid, err)
	}
	return nil
}

// waitStep is how long one wait for a process may be deaf to ctx.
const waitStep = 200 * time.Millisecond

// wait returns nil when the process ended.
func (p process) wait(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(waitStep.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for %s, process %d: %w", p.name, p.pid, err)
		}
		if n > 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting %s for %s, process %d, to end: %w", timeout, p.name, p.pid, ctx.Err())
		}
	}
}

// program returns the name of the file that the process runs, empty for none.
func program(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSuffix(path, " (deleted)"))
}

// names tells whether an argument of the process is below the engine's folder of
// sockets.
func (p private) names(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	for arg := range bytes.SplitSeq(data, []byte{0}) {
		if strings.HasPrefix(string(arg), p.run+"/") {
			return true
		}
	}
	return false
}

// contained tells whether the process is in one of the containers.
func contained(pid int, ids []string) bool {
	if len(ids) == 0 {
		return false
	}
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(string(groups), id) })
}

// unmountBelow takes off all that is mounted below the folders.
func unmountBelow(dirs ...string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("listing mounts: %w", err)
	}
	points := mountPoints(string(data), dirs)
	for _, point := range slices.Backward(points) {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmounting %q: %w", point, err)
		}
	}
	return nil
}

// mountPoints returns the mount points at or below the folders, in the order of
// proc_pid_mountinfo(5), where what is mounted later comes later.
func mountPoints(mountinfo string, dirs []string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape.Replace(fields[4])
		if slices.ContainsFunc(dirs, func(dir string) bool { return point == dir || strings.HasPrefix(point, dir+"/") }) {
			points = append(points, point)
		}
	}
	return points
}

// removeGroups removes the empty control groups of the containers. What cannot
// be removed is in use, or is the kernel's business.
func removeGroups(ids []string) {
	if len(ids) == 0 {
		return
	}
	var groups []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(path, id) }) {
			groups = append(groups, path)
		}
		return nil
	})
	for _, group := range slices.Backward(groups) {
		_ = os.Remove(group)
	}
}
