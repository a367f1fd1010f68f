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
	limit, err := os.ReadFile(inotifyLimit)
	if err != nil {
		return ""
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(limit)))
	if err != nil {
		return ""
	}
	return shortage(most, inotifyInstances(), nodes)
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
