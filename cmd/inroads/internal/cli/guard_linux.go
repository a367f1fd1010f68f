package cli

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// sample looks at the arguments of this process's descendants. Of a process that
// is none it reads nothing but, once, who its parent is.
func (g *guard) sample() {
	g.looking.Lock()
	defer g.looking.Unlock()
	pids, err := processes()
	if err != nil {
		return
	}
	for pid := range g.processes {
		if _, there := slices.BinarySearch(pids, pid); !there {
			delete(g.processes, pid)
		}
	}
	self := os.Getpid()
	g.processes[self] = process{own: true}
	commands := map[int]string{}
	for _, pid := range pids {
		p := g.known(pid)
		if !p.own || pid == self {
			continue
		}
		commands[pid] = arguments(pid)
		p.documented = p.documented || strings.HasPrefix(commands[pid], documentedShell)
		g.processes[pid] = p
	}
	for pid, command := range commands {
		p := g.processes[pid]
		for at := p; at.own && !p.documented; at = g.processes[at.parent] {
			p.documented = at.documented
		}
		g.processes[pid] = p
		if command != "" {
			g.mu.Lock()
			g.commands[command] = g.commands[command] || p.documented
			g.mu.Unlock()
		}
	}
}

// known returns what is known of the process, after that of its parents.
func (g *guard) known(pid int) process {
	p, is := g.processes[pid]
	if is || pid <= 1 {
		return p
	}
	if parent, ok := parentOf(pid); ok {
		p = process{parent: parent, own: g.known(parent).own}
	}
	g.processes[pid] = p
	return p
}

// processes returns those of this machine, sorted.
func processes() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	var all []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	slices.Sort(all)
	return all, err
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
