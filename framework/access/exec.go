package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// Container is one container of a running pod.
type Container struct {
	Namespace, Pod, Container string
}

// Exec runs a command in the container. A Result with an Err means that the
// way into the container broke, which says nothing about what was to be proven.
func (c Container) Exec(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, command ...string) Result {
	var stdout bytes.Buffer
	r := c.stream(ctx, cfg, client, remotecommand.StreamOptions{Stdout: &stdout}, command...)
	r.Stdout = stdout.String()
	probe.KnownSecrets().Learn(r.Stdout)
	return r
}

// Talk is Script with a standard input, and a standard output that goes to the
// writer as it comes. It returns when the script has ended or ctx does.
func (c Container) Talk(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, stdin io.Reader, stdout io.Writer, script string) Result {
	return c.stream(ctx, cfg, client, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout}, shell(script)...)
}

// stream runs a command in the container, whose standard input is empty where there
// is none. The standard error is in the result unless it goes elsewhere.
func (c Container) stream(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, o remotecommand.StreamOptions, command ...string) Result {
	r := c.asked(command...)
	req := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(c.Namespace).Name(c.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: c.Container, Command: command, Stdin: o.Stdin != nil, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(cfg, "GET", req.URL().String())
	if err != nil {
		r.Err = fmt.Errorf("preparing %s: %w", r.Command, err)
		return r
	}
	var stderr bytes.Buffer
	if o.Stderr == nil {
		o.Stderr = &stderr
	}
	start := time.Now()
	err = executor.StreamWithContext(ctx, o)
	r.Duration, r.Stderr = time.Since(start), stderr.String()
	var exit utilexec.CodeExitError
	switch {
	case err == nil:
		r.Exit, r.Outcome = 0, catalog.Reached
	case errors.As(err, &exit):
		r.Exit, r.Outcome = exit.Code, classify(r.Stderr)
	default:
		r.Err = fmt.Errorf("running %s: %w", r.Command, err)
	}
	return r
}

// asked returns the result of a command of which no more is known yet.
func (c Container) asked(command ...string) Result {
	return Result{Exit: -1, Recipe: Recipe{Command: command, Container: c}, Target: fmt.Sprintf("pod %s/%s", c.Namespace, c.Pod), Command: probe.Redact(fmt.Sprintf("kubectl exec --namespace %s %s --container %s -- %s", c.Namespace, c.Pod, c.Container, shellescape.QuoteCommand(command)))}
}

// Script runs a shell script in the container.
func (c Container) Script(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, script string) Result {
	return c.Exec(ctx, cfg, client, shell(script)...)
}

// shell returns the command that runs a script.
func shell(script string) []string { return []string{"sh", "-ec", strings.TrimSpace(script)} }

// together returns the script that runs others at the same time and prints for
// each, in their order, a line of its exit code and of how many bytes its two
// outputs have, and then these.
func together(scripts []string) string {
	var b strings.Builder
	b.WriteString("d=$(mktemp -d)\ntrap 'rm -rf \"$d\"' EXIT\n")
	for i, script := range scripts {
		fmt.Fprintf(&b, "{ code=0; %[2]s >$d/%[1]d.out 2>$d/%[1]d.err || code=$?; echo $code >$d/%[1]d.code; } &\n", i, shellescape.QuoteCommand(shell(script)))
	}
	fmt.Fprintf(&b, "wait\ni=0\nwhile [ $i -lt %d ]; do\necho $(cat $d/$i.code) $(wc -c <$d/$i.out) $(wc -c <$d/$i.err)\ncat $d/$i.out $d/$i.err\ni=$((i+1))\ndone\n", len(scripts))
	return b.String()
}

// part is what one script gave.
type part struct {
	exit           int
	stdout, stderr string
}

// with returns the result of a script that gave this.
func (r Result) with(p part) Result {
	r.Exit, r.Stdout, r.Stderr = p.exit, p.stdout, p.stderr
	if r.Outcome = catalog.Reached; r.Exit != 0 {
		r.Outcome = classify(r.Stderr)
	}
	return r
}

// takeApart reads what a script of together prints for n others.
func takeApart(out string, n int) ([]part, error) {
	all := make([]part, n)
	for i := range all {
		line, rest, _ := strings.Cut(out, "\n")
		var stdout, stderr int
		if _, err := fmt.Sscan(line, &all[i].exit, &stdout, &stderr); err != nil {
			return nil, fmt.Errorf("reading how script %d of %d ended in %q: %w", i+1, n, clip(line), err)
		}
		if stdout < 0 || stderr < 0 || stdout > len(rest) || stderr > len(rest)-stdout {
			return nil, fmt.Errorf("reading what script %d of %d printed: %d and %d bytes are not in the %d that there are", i+1, n, stdout, stderr, len(rest))
		}
		all[i].stdout, all[i].stderr, out = rest[:stdout], rest[stdout:stdout+stderr], rest[stdout+stderr:]
	}
	return all, nil
}
