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
// that ending ctx ends its children too, and a terminal's interrupt reaches it
// only through ctx.
func (c command) run(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	if c.arg0 != "" {
		cmd.Args[0] = c.arg0
	}
	cmd.Dir, cmd.Stdin = c.dir, c.in
	cmd.Env = append(os.Environ(), c.env...)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	var stdout, both bytes.Buffer
	sink := io.Writer(&both)
	if c.log != "" {
		if err := os.MkdirAll(filepath.Dir(c.log), 0o700); err != nil {
			return nil, fmt.Errorf("logging %s: %w", strings.Join(c.argv, " "), err)
		}
		file, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("logging %s: %w", strings.Join(c.argv, " "), err)
		}
		defer file.Close()
		sink = io.MultiWriter(&both, file)
	}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, sink), sink
	err := cmd.Run()
	if cmd.Process != nil {
		// What the command left behind must not write on after it.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
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
