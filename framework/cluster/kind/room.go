package kind

import (
	"cmp"
	"runtime"
)

const (
	// nodesPerCore is how many nodes one core keeps up with while specs run on
	// them, and memoryPerNode how much of the machine's memory one may take: 560 MB
	// were seen of an idle control plane.
	nodesPerCore  = 2
	memoryPerNode = 1 << 30
)

// Room is for how many nodes this machine has room at a time, at least one.
func Room() int {
	room := nodesPerCore * runtime.NumCPU()
	if free, known := availableMemory(); known {
		room = min(room, int(free/memoryPerNode))
	}
	if free, known := inotifyFree(); known {
		room = min(room, free/inotifyPerNode)
	}
	return cmp.Or(max(room, 0), 1)
}
