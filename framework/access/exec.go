package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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
	return Result{
		Exit: -1, Recipe: Recipe{Command: command, Container: c}, Target: fmt.Sprintf("pod %s/%s", c.Namespace, c.Pod),
		Command: commandLine(append([]string{"kubectl", "exec", "--namespace", c.Namespace, c.Pod, "--container", c.Container, "--"}, command...)...),
	}
}

// Script runs a shell script in the container.
func (c Container) Script(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, script string) Result {
	return c.Exec(ctx, cfg, client, shell(script)...)
}

// shell returns the command that runs a script.
func shell(script string) []string { return []string{"sh", "-ec", strings.TrimSpace(script)} }
