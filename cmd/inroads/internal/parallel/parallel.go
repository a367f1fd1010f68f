// Package parallel runs the suite that is linked into this binary: in this
// process, or in several at once by starting the same binary as Ginkgo's
// command line and that one's workers.
package parallel

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"k8s.io/klog/v2"
)

// Suite runs specs, as suites.Run does.
type Suite func(ginkgo.GinkgoTestingT) bool

// Options are how to run a suite.
type Options struct {
	// Procs is the number of processes that run specs. One or less means this
	// process alone, unless Apart.
	Procs int
	// Apart has a single process be another one than this: a process can run a suite
	// once.
	Apart bool
	// Dir is an empty folder for what the processes share. It is not needed for
	// this process alone.
	Dir string
	// Env is what the processes get beside this process's environment.
	Env []string
	// Log gets Ginkgo's own output.
	Log io.Writer
}

const (
	// stopTime bounds the clean-up of the specs after a run was stopped; it is
	// above Ginkgo's own grace period for each node.
	stopTime = 90 * time.Second
	// outputTime bounds the wait for output that a process left behind still
	// holds open.
	outputTime = 5 * time.Second

	binaryName = "inroads.test"
	stopName   = "stop"
)

// Run runs the suite and returns when every process has ended, with nil
// whatever became of the specs: what they have to say is in their report. When
// ctx ends, the specs are interrupted once, so that they clean up.
//
// With one process the suite runs in this one, where Ginkgo takes SIGINT and
// SIGTERM by itself, and a suite can be run once.
func Run(ctx context.Context, o Options, suite Suite) error {
	if o.Procs <= 1 && !o.Apart {
		return runHere(o, suite)
	}
	if err := runThere(ctx, o); err != nil {
		return fmt.Errorf("running %d processes: %w", max(1, o.Procs), err)
	}
	return nil
}

// runHere runs the suite in this process.
func runHere(o Options, suite Suite) error {
	for _, kv := range o.Env {
		if err := setenv(kv); err != nil {
			return err
		}
	}
	// Not -v, with which Ginkgo's writer goes to standard output itself.
	if err := flag.Set("ginkgo.no-color", "true"); err != nil {
		return fmt.Errorf("configuring ginkgo: %w", err)
	}
	// Standard output and standard error are the caller's; what Ginkgo reports
	// and client-go complains about goes here.
	formatter.ColorableStdOut = o.Log
	klog.LogToStderr(false)
	klog.SetOutput(o.Log)
	suite(&verdict{})
	return nil
}

// runThere runs the suite in o.Procs workers below a process of its own, which
// is this binary as Ginkgo's command line. A single worker needs nobody above it.
func runThere(ctx context.Context, o Options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	role, args := roleGinkgo, []string(nil)
	if o.Procs <= 1 {
		role, args = roleWorker, workerFlags
	} else if err := os.Symlink(self, filepath.Join(o.Dir, binaryName)); err != nil {
		// Ginkgo runs a precompiled suite only under a name that ends in .test.
		return err
	}
	stop, err := newStopper(filepath.Join(o.Dir, stopName))
	if err != nil {
		return err
	}
	defer stop.close()
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	// Not CommandContext: the workers have to clean up before they end.
	cmd := exec.Command(self, args...)
	cmd.Env = append(append(os.Environ(), o.Env...),
		envRole+"="+role, envDir+"="+o.Dir, envWorkDir+"="+cwd, envProcs+"="+strconv.Itoa(o.Procs))
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	cmd.WaitDelay = outputTime
	// In a group of their own, a Ctrl-C on the terminal reaches them through
	// this process alone, and once.
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = cmd.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		stop.close()
		late := time.NewTimer(stopTime)
		defer late.Stop()
		select {
		case <-ended:
		case <-late.C:
			killGroup(cmd)
			<-ended
			return fmt.Errorf("the specs did not end within %s of being interrupted", stopTime)
		}
	}
	// Ginkgo exits with 1 when a spec has failed, and then there is a report.
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil
	}
	return err
}

// verdict takes what Ginkgo says of the suite as a whole.
type verdict struct{ failed bool }

// Fail notes that the suite failed.
func (v *verdict) Fail() { v.failed = true }
