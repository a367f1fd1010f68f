package nodeimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// killDelay is how long a command that was told to end may take before it
	// is killed: mmdebstrap unmounts and removes its folder in that time.
	killDelay = 20 * time.Second
	// errorTail is how many bytes of a command's output its error carries.
	errorTail = 3000
)

// command is a program to run to its end.
type command struct {
	dir  string
	env  []string // added to the environment; the last of a name counts
	in   io.Reader
	log  string // a file that gets all output; empty for none
	argv []string
	arg0 string // the name under which argv[0] is called, when another
}

// run returns standard output. The command has a process group of its own, so
// that ending ctx, or this process, ends its children too, and a terminal's
// interrupt reaches it only through ctx.
func (c command) run(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	if c.arg0 != "" {
		cmd.Args[0] = c.arg0
	}
	cmd.Dir, cmd.Stdin = c.dir, c.in
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = killDelay
	var stdout, both bytes.Buffer
	sink := &sharedWriter{to: &both}
	if c.log != "" {
		if err := os.MkdirAll(filepath.Dir(c.log), 0o700); err != nil {
			return nil, fmt.Errorf("logging %s: %w", strings.Join(c.argv, " "), err)
		}
		file, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("logging %s: %w", strings.Join(c.argv, " "), err)
		}
		defer file.Close()
		sink.to = io.MultiWriter(&both, file)
	}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, sink), sink
	err := runGuarded(cmd)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("running %s: %w", strings.Join(c.argv, " "), context.Cause(ctx))
	}
	if err != nil {
		said := strings.TrimSpace(both.String())
		if len(said) > errorTail {
			said = "…" + said[len(said)-errorTail:]
		}
		if errors.Is(err, exec.ErrNotFound) {
			said = "not installed"
		}
		return nil, fmt.Errorf("running %s: %w: %s", strings.Join(c.argv, " "), err, said)
	}
	return stdout.Bytes(), nil
}

// sharedWriter takes the output of both streams, which come at the same time.
type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *sharedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// guardScript ends its process group once its standard input ends.
const guardScript = "trap '' TERM; read -r line; kill -KILL 0"

// runGuarded runs a command in a process group of its own. A shell leads the
// group and reads from a pipe of this process, so that the command and its
// children are ended even when this process is killed.
func runGuarded(cmd *exec.Cmd) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("guarding it: %w", err)
	}
	defer writer.Close()
	defer reader.Close()
	guard := exec.Command("sh", "-c", guardScript)
	guard.Stdin = reader
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := guard.Start(); err != nil {
		return fmt.Errorf("guarding it: %w", err)
	}
	group := guard.Process.Pid
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	cmd.Cancel = func() error { return syscall.Kill(-group, syscall.SIGTERM) }
	err = cmd.Run()
	// What the command left behind must not write on after it.
	_ = syscall.Kill(-group, syscall.SIGKILL)
	_ = guard.Wait() // it was killed with its group
	return err
}
