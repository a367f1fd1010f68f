package cli

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/harness"
)

// haltFile is the name of the file that says which claim ended the run.
const haltFile = "halt"

// limits are what ends a run early. All parts of a run share them.
type limits struct {
	failFast bool
	budget   time.Duration

	mu       sync.Mutex
	halt     string
	deadline time.Time
}

func (l *limits) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&l.failFast, "fail-fast", false, "begin no further claim once one is disproven; those that run come to their end")
	f.DurationVar(&l.budget, "budget", 0, "time for proving claims, from when the first cluster is there on, the most telling claims first (default no bound)")
}

func (l *limits) check() error {
	if l.budget < 0 {
		return usage(fmt.Sprintf("--budget is %s", l.budget), "give a duration such as 60s, or 0 for no bound")
	}
	return nil
}

// arm makes what the processes of the run tell each other by, which disarm
// removes.
func (l *limits) arm() (disarm func() error, err error) {
	if l == nil || !l.failFast {
		return func() error { return nil }, nil
	}
	dir, remove, err := newWorkDir()
	if err != nil {
		return nil, err
	}
	l.halt = filepath.Join(dir, haltFile)
	return remove, nil
}

// begin returns the limits of the claims that are begun now; the first call starts
// the time.
func (l *limits) begin(now time.Time) harness.Limits {
	if l == nil {
		return harness.Limits{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.budget > 0 && l.deadline.IsZero() {
		l.deadline = now.Add(l.budget)
	}
	return l.limits()
}

// reached returns why no further part of the run is begun, or "".
func (l *limits) reached(now time.Time) string {
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limits().Reached(now)
}

func (l *limits) limits() harness.Limits {
	return harness.Limits{Budget: l.budget, Deadline: l.deadline, Halt: l.halt}
}

// order says in which order the claims go, and how long.
func (l *limits) order() (text string) {
	if l == nil {
		return ""
	}
	if l.failFast || l.budget > 0 {
		text = ", the most telling first"
	}
	if l.failFast {
		text += ", up to the first that is disproven"
	}
	if l.budget > 0 {
		text += fmt.Sprintf(", for at most %s", l.budget)
	}
	return text
}
