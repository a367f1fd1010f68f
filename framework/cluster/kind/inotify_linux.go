package kind

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	inotifyLimit = "/proc/sys/fs/inotify/max_user_instances"
	// inotifyPerNode is about how many inotify instances a node has, most of them
	// systemd's and the kubelet's: 14 were counted on a worker, 27 on a control plane.
	inotifyPerNode = 25
	// inotifyRemedy is a limit that kind's own documentation advises.
	inotifyRemedy = "sudo sysctl -w fs.inotify.max_user_instances=512"
)

// inotifyShortage says that the machine has too few inotify instances left for so
// many nodes, which then end as they start, without a word of why; it is empty
// when there are enough, or when that cannot be told.
func inotifyShortage(nodes int) string {
	most, known := inotifyMost()
	if !known {
		return ""
	}
	return shortage(most, inotifyInstances(), nodes)
}

// inotifyMost is how many instances a user may have; false where that cannot be
// told.
func inotifyMost() (int, bool) {
	limit, err := os.ReadFile(inotifyLimit)
	if err != nil {
		return 0, false
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(limit)))
	return most, err == nil
}

// inotifyFree is how many of them are free.
func inotifyFree() (int, bool) {
	most, known := inotifyMost()
	return max(0, most-inotifyInstances()), known
}

// availableMemory is how many bytes the kernel thinks that programs may take
// without swapping.
func availableMemory() (uint64, bool) {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(meminfo)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemAvailable:" {
			kilobytes, err := strconv.ParseUint(f[1], 10, 64)
			return kilobytes << 10, err == nil
		}
	}
	return 0, false
}

func shortage(most, used, nodes int) string {
	free, wanted := max(0, most-used), nodes*inotifyPerNode
	if free >= wanted {
		return ""
	}
	return fmt.Sprintf("only %d of this machine's %d inotify instances are free, and %d nodes want about %d; if nodes do not start: %s", free, most, nodes, wanted, inotifyRemedy)
}

// inotifyInstances counts those that this process may see.
func inotifyInstances() int {
	n := 0
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, f := range files {
		if to, _ := os.Readlink(f); to == "anon_inode:inotify" {
			n++
		}
	}
	return n
}
