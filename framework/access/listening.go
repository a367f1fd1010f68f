package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"strings"
	"sync"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// listening is a kubectl that runs and listens on this host.
type listening struct {
	// Addr is where it says that it listens ("127.0.0.1:41741").
	Addr string
	// Command is what was run, redacted.
	Command string

	cmd    *exec.Cmd
	stderr *lockedBuffer
	done   chan struct{}
	once   sync.Once
}

// start runs kubectl with the arguments and returns once read has found in what it
// prints where it listens. An error carries what it printed instead.
func (l *listening) start(ctx context.Context, h Host, read func(io.Reader) (addr string, ok bool), args []string) error {
	l.Command = commandLine(append([]string{"kubectl"}, args...)...)
	l.cmd, l.stderr, l.done = exec.CommandContext(ctx, h.Kubectl, args...), &lockedBuffer{}, make(chan struct{})
	l.cmd.Env, l.cmd.Dir, l.cmd.Stderr = h.environ(), h.Home, l.stderr
	endWithGroup(l.cmd)
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("running %q: %w", l.Command, err)
	}
	if err := h.Network.start(l.cmd); err != nil {
		return fmt.Errorf("running %q: %w: %w", l.Command, ErrNotStarted, err)
	}
	serving := make(chan string, 1)
	go func() {
		defer close(l.done)
		if addr, ok := read(out); ok {
			serving <- addr
		}
		_, _ = io.Copy(io.Discard, out)
		_ = l.cmd.Wait()
	}()
	select {
	case l.Addr = <-serving:
		return nil
	case <-l.done:
		return fmt.Errorf("running %q: exit code %d: %s", l.Command, l.cmd.ProcessState.ExitCode(), l.Stderr())
	case <-ctx.Done():
		l.Stop()
		return fmt.Errorf("waiting for %q to serve: %w", l.Command, errors.Join(context.Cause(ctx), errors.New(l.Stderr())))
	}
}

// URL returns the address of a path there.
func (l *listening) URL(path string) string {
	return (&url.URL{Scheme: "http", Host: l.Addr}).String() + path
}

// Stderr returns what kubectl has printed to its standard error so far.
func (l *listening) Stderr() string { return probe.Redact(strings.TrimSpace(l.stderr.String())) }

// Stop ends it and waits until it is gone. It may be called again.
func (l *listening) Stop() {
	l.once.Do(func() { _ = l.cmd.Cancel() })
	<-l.done
}

// lockedBuffer is a bytes.Buffer that a process writes while others read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
