package cli

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// sample looks at the arguments of this process's descendants.
func (g *guard) sample() {
	g.looking.Lock()
	defer g.looking.Unlock()
	parents := map[int]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, ok := parentOf(pid); ok {
			parents[pid] = parent
		}
	}
	self := os.Getpid()
	for pid := range g.shells {
		if _, there := parents[pid]; !there {
			delete(g.shells, pid)
		}
	}
	for pid := range parents {
		documented, own := false, false
		for at, ok := pid, true; ok && at > 1; at, ok = parents[at] {
			if at == self {
				own = true
				break
			}
			if strings.HasPrefix(arguments(at), documentedShell) {
				g.shells[at] = true
			}
			documented = documented || g.shells[at]
		}
		if !own {
			continue
		}
		if command := arguments(pid); command != "" {
			g.mu.Lock()
			g.commands[command] = g.commands[command] || documented
			g.mu.Unlock()
		}
	}
}

func arguments(pid int) string {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(raw)
}

func parentOf(pid int) (int, bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The name of the program, in parentheses, may have anything in it.
	end := bytes.LastIndexByte(raw, ')')
	if err != nil || end < 0 {
		return 0, false
	}
	fields := strings.Fields(string(raw[end+1:]))
	if len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(fields[1])
	return parent, err == nil
}
