// Package capability reads the sets of Linux capabilities that a process may
// have, see capabilities(7).
package capability

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// SysResource is the number of CAP_SYS_RESOURCE.
const SysResource = 24

// Set is a set of capabilities, a bit for each number.
type Set uint64

// Has tells whether the capability of that number is in the set.
func (s Set) Has(number int) bool { return s&(1<<number) != 0 }

// String gives the set as the kernel does.
func (s Set) String() string { return fmt.Sprintf("%016x", uint64(s)) }

// Bounding returns the bounding set of a process, which is its number or "self".
func Bounding(process string) (Set, error) {
	status, err := os.ReadFile(filepath.Join("/proc", process, "status"))
	if err != nil {
		return 0, fmt.Errorf("reading capability bounding set: %w", err)
	}
	return parseBounding(string(status))
}

// parseBounding reads a status file, see proc_pid_status(5).
func parseBounding(status string) (Set, error) {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("reading capability bounding set: %w", err)
			}
			return Set(set), nil
		}
	}
	return 0, fmt.Errorf("reading capability bounding set: no CapBnd in the process status")
}

// All returns the set of all capabilities that this kernel knows.
func All() (Set, error) {
	data, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, fmt.Errorf("reading the last capability: %w", err)
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || last < 0 || last > 62 {
		return 0, fmt.Errorf("reading the last capability %q: not a number from 0 to 62", data)
	}
	return 1<<(last+1) - 1, nil
}

// Numbers has the number of each capability by its name, such as CAP_CHOWN.
var Numbers = func() map[string]int {
	names := []string{
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
		"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
		"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
		"CHECKPOINT_RESTORE",
	}
	numbers := make(map[string]int, len(names))
	for number, name := range names {
		numbers["CAP_"+name] = number
	}
	return numbers
}()
