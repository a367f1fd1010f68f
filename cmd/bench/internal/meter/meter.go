// Package meter runs a program and tells what it took: time, processor and
// memory, with those of all processes that it started and waited for.
package meter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what a program took.
type Usage struct {
	// Seconds are from its start to its end.
	Seconds float64 `json:"seconds"`
	// CPUSeconds are those of all its processes, in user mode and in the kernel.
	CPUSeconds float64 `json:"cpuSeconds"`
	// MaxRSS is the most memory that one of its processes had, in bytes. A process
	// begins with that of the one that started it, so less than Floor cannot be told.
	MaxRSS int64 `json:"maxRSS"`
	// Floor is the memory of the process that started it, in bytes.
	Floor int64 `json:"floor"`
	// Exit is its exit code.
	Exit int `json:"exit"`
}

// Command is a program to run.
type Command struct {
	// Args begin with the program.
	Args []string
	// Env is what it gets beside this process's environment.
	Env []string
	// Dir is its working folder; "" is this process's.
	Dir string
	// Output gets what it prints.
	Output io.Writer
}

const (
	// usageFile is the descriptor on which Watch tells what it saw.
	usageFile = 3
	// cleanUpTime is how long an interrupted program may take to clean up.
	cleanUpTime = 5 * time.Minute
)

// Run runs the program by way of another, whose path is given and which does
// nothing but Watch: its memory, and not this process's, is what the program begins
// with. When ctx ends the program is interrupted once, and may clean up. An exit
// code other than 0 is no error.
func Run(ctx context.Context, watcher string, c Command) (Usage, error) {
	told, tells, err := os.Pipe()
	if err != nil {
		return Usage{}, err
	}
	defer told.Close()
	cmd := exec.CommandContext(ctx, watcher, c.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, c.Output, c.Output
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.ExtraFiles = []*os.File{tells}
	// In a group of its own, a Ctrl-C on the terminal reaches it once, by ctx.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = cleanUpTime
	err = cmd.Start()
	_ = tells.Close()
	if err == nil {
		err = cmd.Wait()
	}
	if ctx.Err() != nil {
		return Usage{}, context.Cause(ctx)
	}
	var u Usage
	if err == nil {
		err = json.NewDecoder(told).Decode(&u)
	}
	if err != nil {
		return Usage{}, fmt.Errorf("running %q: %w", c.Args, err)
	}
	return u, nil
}

// Watch starts the program, waits for it and tells Run what it took. It is all that
// the process does.
func Watch(args []string) error {
	if len(args) == 0 {
		return errors.New("there is no program to run")
	}
	// An interrupt is the program's, in the same group; this process waits for it.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	// The program is not to hold it open.
	syscall.CloseOnExec(usageFile)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	floor, err := peakMemory()
	if err != nil {
		return err
	}
	started := time.Now()
	err = cmd.Run()
	took := time.Since(started)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not tell what a process took")
	}
	return json.NewEncoder(os.NewFile(usageFile, "usage")).Encode(Usage{
		Seconds:    took.Seconds(),
		CPUSeconds: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		MaxRSS:     usage.Maxrss * kilobyte,
		Floor:      floor,
		Exit:       cmd.ProcessState.ExitCode(),
	})
}

// kilobyte is the unit of Maxrss on Linux, and of what it calls kB.
const kilobyte = 1024

// peakMemory is the most memory that this process has had, in bytes. What
// getrusage says of it begins with that of the one that started it.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
			return n * kilobyte, err
		}
	}
	return 0, errors.New("this system does not tell how much memory a process has had")
}
