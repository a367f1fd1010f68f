package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// killDelay is how long a command may take to end after it was told to.
const killDelay = 5 * time.Second

// Host is the environment in which commands of this machine run: a home folder
// and a kubeconfig of the run's own, so that nothing of the user's is read or
// written.
type Host struct {
	// Kubectl is the path of the kubectl under test.
	Kubectl string
	// Kubeconfig is the file that KUBECONFIG names, or "" to leave it unset.
	Kubeconfig string
	// Home is HOME: kubectl keeps its caches there.
	Home string
	// Env is added to the environment, each entry "NAME=value".
	Env []string
	// Network is where the commands run; nil means this machine's own.
	Network *Network
	// Journal is told of the proxies that the host starts; nil for none.
	Journal *Journal
}

// With returns a copy whose environment has the entries too.
func (h Host) With(env ...string) Host {
	h.Env = append(append([]string{}, h.Env...), env...)
	return h
}

// WithKubeconfig returns a copy that uses another kubeconfig.
func (h Host) WithKubeconfig(path string) Host {
	h.Kubeconfig = path
	return h
}

// environ passes on no more of this process's environment than a command
// needs: proxies, locale and PATH, with the kubectl under test first in it.
func (h Host) environ() []string {
	env := []string{"HOME=" + h.Home, "PATH=" + h.path(), "TERM=dumb", "LC_ALL=C.UTF-8"}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	if h.Kubeconfig != "" {
		env = append(env, "KUBECONFIG="+h.Kubeconfig)
	}
	return append(env, h.Env...)
}

// Exec runs a program with arguments and returns what it gave. The arguments
// must hold no secret: any user of this machine can read them.
func (h Host) Exec(ctx context.Context, stdin io.Reader, name string, args ...string) Result {
	return h.exec(ctx, stdin, func(string) bool { return false }, name, args...)
}

// ExecUntil is Exec of a program that does not end by itself: once it has printed
// the words it has done what it was to do, and is ended.
func (h Host) ExecUntil(ctx context.Context, words, name string, args ...string) Result {
	return h.exec(ctx, nil, func(said string) bool { return strings.Contains(said, words) }, name, args...)
}

// errDone ends a program that has done what it was to do.
var errDone = errors.New("it has done what it was to do")

func (h Host) exec(outer context.Context, stdin io.Reader, done func(said string) bool, name string, args ...string) Result {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	stdin, said := keep(stdin)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = h.environ(), h.Home, stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = writer(func(p []byte) (int, error) {
		n, err := stdout.Write(p)
		if done(stdout.String()) {
			cancel(errDone)
		}
		return n, err
	}), &stderr
	endWithGroup(cmd)
	start := time.Now()
	err := h.Network.run(cmd)
	probe.KnownSecrets().Learn(said)
	probe.KnownSecrets().Learn(stdout.String())
	r := Result{
		Command: commandLine(append([]string{base(name)}, args...)...),
		Exit:    cmd.ProcessState.ExitCode(), Duration: time.Since(start),
		Stdout: stdout.String(), Stderr: stderr.String(),
		Recipe: Recipe{Args: append([]string{name}, args...), Host: h, Stdin: said},
	}
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(context.Cause(ctx), errDone):
		r.Outcome = catalog.Reached
	case ctx.Err() != nil:
		r.Outcome, r.Err = catalog.TimedOut, context.Cause(ctx)
	case errors.As(err, &exit):
		r.Outcome = classify(r.Stderr)
	default:
		r.Err = fmt.Errorf("running %q: %w: %w", name, ErrNotStarted, err)
	}
	return r
}

// endWithGroup gives the command a process group of its own and ends the whole
// group when its context does: a shell's pipeline would outlive the shell.
func endWithGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killDelay
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
