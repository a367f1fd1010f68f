package ledger

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// here returns what all processes beside this one share with it.
func here() (Owner, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Owner{}, err
	}
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return Owner{}, err
	}
	return Owner{Boot: strings.TrimSpace(string(boot)), Namespace: ns}, nil
}

// processStart returns the start time of a process, in clock ticks since boot,
// and whether it has ended without having been reaped. The error is
// os.ErrNotExist when there is no such process.
func processStart(pid int) (start uint64, ended bool, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, syscall.ESRCH) {
		return 0, false, os.ErrNotExist // it ended between open and read
	}
	if err != nil {
		return 0, false, err
	}
	return parseStat(string(stat))
}

// parseStat reads the line of proc_pid_stat(5). The second field, the command's
// name, may itself hold blanks and brackets.
func parseStat(stat string) (start uint64, ended bool, err error) {
	// The fields of proc_pid_stat(5), counted from its third, the state.
	const state, starttime = 0, 22 - 3
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) <= starttime {
		return 0, false, fmt.Errorf("reading process state %q: too short", stat)
	}
	start, err = strconv.ParseUint(fields[starttime], 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("reading process state %q: %w", stat, err)
	}
	return start, strings.ContainsAny(fields[state], "ZXx"), nil
}
