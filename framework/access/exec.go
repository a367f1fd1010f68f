package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	r := Result{Exit: -1, Target: fmt.Sprintf("pod %s/%s", c.Namespace, c.Pod), Command: probe.Redact(fmt.Sprintf("kubectl exec --namespace %s %s --container %s -- %s", c.Namespace, c.Pod, c.Container, shellescape.QuoteCommand(command)))}
	req := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(c.Namespace).Name(c.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: c.Container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(cfg, "GET", req.URL().String())
	if err != nil {
		r.Err = fmt.Errorf("preparing %s: %w", r.Command, err)
		return r
	}
	var stdout, stderr bytes.Buffer
	start := time.Now()
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	r.Duration, r.Stdout, r.Stderr = time.Since(start), stdout.String(), stderr.String()
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

// Script runs a shell script in the container.
func (c Container) Script(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, script string) Result {
	return c.Exec(ctx, cfg, client, "sh", "-ec", strings.TrimSpace(script))
}
