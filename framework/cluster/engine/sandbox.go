package engine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Sandbox says what a Kubernetes node in an engine must do without. The zero
// value, that of an ordinary machine, asks for no special setting.
type Sandbox struct {
	// NoSysResource, when not empty, says why a node cannot lower oom_score_adj:
	// it then needs the feature gate KubeletInUserNamespace and containerd's
	// restrict_oom_score_adj.
	NoSysResource string
	// CgroupV1, when not empty, says how it is known that nodes have cgroup v1:
	// the kubelet then needs failCgroupV1 to be false.
	CgroupV1 string
}

func (s Sandbox) reasons() []string {
	var reasons []string
	if s.NoSysResource != "" {
		reasons = append(reasons, "KubeletInUserNamespace and restrict_oom_score_adj, because "+s.NoSysResource)
	}
	if s.CgroupV1 != "" {
		reasons = append(reasons, "failCgroupV1=false, because "+s.CgroupV1)
	}
	return reasons
}

// sandbox works out the settings from what the engine tells and, when it is on
// this machine, from the capabilities of the process that listens on its socket.
func sandbox(a about, private bool, socket string) Sandbox {
	var s Sandbox
	if a.cgroup == "1" {
		s.CgroupV1 = "the engine says that it uses cgroup v1"
	}
	if a.rootless {
		s.NoSysResource = "the engine is rootless"
		return s
	}
	status, whose := "", ""
	// This process's own capabilities say nothing about an engine that runs
	// elsewhere, or in another container.
	if pid := listener(socket); pid > 0 {
		status, whose = fmt.Sprintf("/proc/%d/status", pid), "the engine"
	} else if private {
		status, whose = "/proc/self/status", "this process"
	}
	if status == "" {
		return s
	}
	data, err := os.ReadFile(status)
	if err != nil {
		return s
	}
	if bounding, err := parseBounding(string(data)); err == nil && !bounding.has(capSysResource) {
		s.NoSysResource = whose + " has no CAP_SYS_RESOURCE in its capability bounding set"
	}
	return s
}

// capSysResource is the number of CAP_SYS_RESOURCE, see capabilities(7).
const capSysResource = 24

// capabilities is a set of them, a bit for each number.
type capabilities uint64

func (c capabilities) has(number int) bool { return c&(1<<number) != 0 }

// parseBounding returns the bounding set from a process's status file, see
// proc_pid_status(5).
func parseBounding(status string) (capabilities, error) {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("reading capability bounding set: %w", err)
			}
			return capabilities(set), nil
		}
	}
	return 0, fmt.Errorf("reading capability bounding set: no CapBnd in the process status")
}

// ownBounding returns the bounding set of this process and the set of all
// capabilities that the kernel knows.
func ownBounding() (own, all capabilities, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	if own, err = parseBounding(string(status)); err != nil {
		return 0, 0, err
	}
	data, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, 0, err
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || last < 0 || last > 62 {
		return 0, 0, fmt.Errorf("reading the last capability %q: not a number from 0 to 62", data)
	}
	return own, 1<<(last+1) - 1, nil
}
