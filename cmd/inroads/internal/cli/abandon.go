package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// Abandon is for a program that leaves at once, in the middle of a run: it says
// what stays behind, all of which a sweep mends, and returns the exit code.
func Abandon(s Streams) int {
	left := "what it made, if anything, stays"
	if things := mine(); len(things) > 0 {
		left = strings.Join(things, ", ")
	}
	fmt.Fprintln(s.Err, s.own("inroads: left without cleaning up: "+oneLine(left)+"; 'inroads sweep' mends it"))
	return ExitAbandoned
}

// mine returns what this process and its workers have in the ledger, in words.
func mine() (things []string) {
	folders := 0
	for _, e := range noted() {
		switch {
		case !descends(e.Owner.PID, os.Getpid()):
		case e.Kind == ledger.File:
			folders++
		case e.Kind == cluster.Namespaces:
			things = append(things, fmt.Sprintf("namespaces of run %q", e.Name))
		default:
			things = append(things, fmt.Sprintf("%s %q", e.Kind, e.Name))
		}
	}
	if folders > 0 {
		things = append(things, fmt.Sprintf("%d folders with files of the run", folders))
	}
	return things
}

// generations bounds the search for a process's ancestors.
const generations = 8

// descends is whether the process is the ancestor or comes from it. Without /proc
// only the process itself is known.
func descends(pid, ancestor int) bool {
	for range generations {
		if pid == ancestor {
			return true
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		// The parent is the second field after the name in brackets.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 2 {
			return false
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil || pid <= 1 {
			return false
		}
	}
	return false
}
