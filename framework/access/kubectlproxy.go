package access

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"unicode"

	"al.essio.dev/pkg/shellescape"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// KubectlProxyReady is how kubectl says that its proxy listens; the address
// follows.
const KubectlProxyReady = "Starting to serve on "

// KubectlProxyServes is whether the last line that a kubectl proxy printed, in a
// container say, is that it listens.
func KubectlProxyServes(lines []string) bool {
	return strings.HasPrefix(lines[len(lines)-1], KubectlProxyReady)
}

// KubectlProxy is a running kubectl proxy.
type KubectlProxy struct {
	// Addr is where it says that it listens ("127.0.0.1:41741"), or the path
	// of its socket.
	Addr string
	// Command is what was run, redacted.
	Command string

	cmd    *exec.Cmd
	stderr *lockedBuffer
	done   chan struct{}
	once   sync.Once
}

// StartKubectlProxy runs kubectl proxy with the arguments and returns once it
// says that it serves. An error carries what kubectl printed instead. The proxy
// ends with Stop, with ctx or with this process, whichever comes first.
func (h Host) StartKubectlProxy(ctx context.Context, args ...string) (*KubectlProxy, error) {
	args = append([]string{"proxy"}, args...)
	p := &KubectlProxy{
		Command: probe.Redact(shellescape.QuoteCommand(append([]string{"kubectl"}, args...))),
		cmd:     exec.CommandContext(ctx, h.Kubectl, args...),
		stderr:  &lockedBuffer{},
		done:    make(chan struct{}),
	}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stderr = h.environ(), h.Home, p.stderr
	endWithGroup(p.cmd)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("running %q: %w", p.Command, err)
	}
	if err := h.Network.start(p.cmd); err != nil {
		return nil, fmt.Errorf("running %q: %w: %w", p.Command, ErrNotStarted, err)
	}
	serving := make(chan string, 1)
	go func() {
		defer close(p.done)
		if addr, ok := readServing(out); ok {
			serving <- addr
		}
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait()
	}()
	select {
	case p.Addr = <-serving:
		h.Journal.note(Started{Addr: p.Addr, Args: args, Host: h})
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("running %q: exit code %d: %s", p.Command, p.cmd.ProcessState.ExitCode(), p.Stderr())
	case <-ctx.Done():
		p.Stop()
		return nil, fmt.Errorf("waiting for %q to serve: %w", p.Command, errors.Join(context.Cause(ctx), errors.New(p.Stderr())))
	}
}

// readServing reads what kubectl proxy prints until it says where it listens, and
// returns that, or false when the output ends before. It reads no further.
func readServing(out io.Reader) (addr string, ok bool) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said, ok := strings.CutPrefix(lines.Text(), KubectlProxyReady)
		if addr = strings.TrimSpace(said); ok && addr != "" && !strings.ContainsFunc(addr, unicode.IsControl) {
			return addr, true
		}
	}
	return "", false
}

// URL returns the address of a path of the API below the proxy.
func (p *KubectlProxy) URL(path string) string {
	return (&url.URL{Scheme: "http", Host: p.Addr}).String() + path
}

// Stderr returns what kubectl has printed to its standard error so far.
func (p *KubectlProxy) Stderr() string { return probe.Redact(strings.TrimSpace(p.stderr.String())) }

// Stop ends the proxy and waits until it is gone. It may be called again.
func (p *KubectlProxy) Stop() {
	p.once.Do(func() { _ = p.cmd.Cancel() })
	<-p.done
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
