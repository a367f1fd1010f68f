package kind

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// The label that kind puts on the containers of a cluster, and how it names the
// one that is no node of Kubernetes'.
const (
	clusterLabel       = "io.x-k8s.kind.cluster"
	loadBalancerSuffix = cluster.BalancerSuffix
)

// client drives an engine, by the environment that reaches it.
type client struct {
	name string
	env  []string
	// private is whether inroads started the engine.
	private bool
	// run returns what the command wrote to standard output; its error has the
	// command and all that it wrote.
	run func(ctx context.Context, args ...string) (string, error)
	// feed is run for a command that reads standard input.
	feed func(ctx context.Context, in io.Reader, args ...string) (string, error)
}

// reaching are the variables that say which engine a client of that name reaches.
var reaching = map[string][]string{
	engine.Docker:  {"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"},
	engine.Podman:  {"CONTAINER_HOST", "CONTAINER_CONNECTION"},
	engine.Nerdctl: {"CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE"},
	engine.Finch:   {"CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE"},
}

// clientOf returns the client of an engine. Its environment says all that there
// is to say, so that another process, started otherwise, reaches the same engine.
func clientOf(ctx context.Context, e *engine.Engine) client {
	env := e.Env()
	if len(env) > 0 {
		return newClient(e.Name, env, e.Private)
	}
	for _, name := range reaching[e.Name] {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	if len(env) == 0 && e.Name == engine.Docker {
		// The user's configuration may name another than the default.
		if context, err := run(ctx, e.Name, nil, nil, []string{"context", "show"}); err == nil {
			env = []string{"DOCKER_HOST=", "DOCKER_CONTEXT=" + strings.TrimSpace(context)}
		}
	}
	return newClient(e.Name, env, e.Private)
}

func newClient(name string, env []string, private bool) client {
	c := client{name: name, env: env, private: private}
	c.feed = func(ctx context.Context, in io.Reader, args ...string) (string, error) {
		return run(ctx, name, env, in, args)
	}
	c.run = func(ctx context.Context, args ...string) (string, error) { return run(ctx, name, env, nil, args) }
	return c
}

// What the detail of a ledger entry has about an engine.
const (
	detailProgram = "program"
	detailEnv     = "env"
	detailPrivate = "private"
	yes           = "true"
)

func (c client) detail() map[string]string {
	d := map[string]string{detailProgram: c.name, detailEnv: strings.Join(c.env, "\n")}
	if c.private {
		d[detailPrivate] = yes
	}
	return d
}

// recorded returns the client of the engine that an entry is about.
func recorded(e ledger.Entry) client {
	var env []string
	if all := e.Detail[detailEnv]; all != "" {
		env = strings.Split(all, "\n")
	}
	return newClient(e.Detail[detailProgram], env, e.Detail[detailPrivate] == yes)
}

// has is whether the entry is about a thing in this engine.
func (c client) has(e ledger.Entry) bool {
	return e.Detail[detailProgram] == c.name && e.Detail[detailEnv] == strings.Join(c.env, "\n")
}

// host is the engine's address for messages, "" for that of the default.
func (c client) host() string {
	for _, entry := range c.env {
		if name, value, _ := strings.Cut(entry, "="); (name == "DOCKER_HOST" || name == "CONTAINER_HOST") && value != "" {
			return value
		}
	}
	return ""
}

func (c client) String() string {
	if h := c.host(); h != "" {
		return c.name + " at " + h
	}
	return c.name
}

// nodes returns the names of the cluster's containers, sorted, running or not.
func (c client) nodes(ctx context.Context, cluster string) ([]string, error) {
	return c.list(ctx, cluster, "--all")
}

// running returns the names of those that run, sorted.
func (c client) running(ctx context.Context, cluster string) ([]string, error) {
	return c.list(ctx, cluster)
}

func (c client) list(ctx context.Context, cluster string, options ...string) ([]string, error) {
	args := append([]string{"ps", "--filter", "label=" + clusterLabel + "=" + cluster, "--format", "{{.Names}}"}, options...)
	out, err := c.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	names := strings.Fields(out)
	slices.Sort(names)
	return names, nil
}

// kubernetesNodes leaves out the container that only balances load.
func kubernetesNodes(containers []string) []string {
	return slices.DeleteFunc(slices.Clone(containers), func(n string) bool { return strings.HasSuffix(n, loadBalancerSuffix) })
}

// remove removes the cluster's containers with their volumes, and returns how
// many there were.
func (c client) remove(ctx context.Context, cluster string) (int, error) {
	nodes, err := c.nodes(ctx, cluster)
	if err != nil || len(nodes) == 0 {
		return 0, err
	}
	_, err = c.run(ctx, append([]string{"rm", "--force", "--volumes"}, nodes...)...)
	return len(nodes), err
}

// hasImage is whether the engine has the image.
func (c client) hasImage(ctx context.Context, image string) bool {
	_, err := c.run(ctx, "image", "inspect", "--format", "{{.Id}}", image)
	return err == nil
}

func run(ctx context.Context, name string, env []string, in io.Reader, args []string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &stdout, &stderr
	// A group of its own: the terminal's interrupt reaches it through ctx alone,
	// so that a removal is finished.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		out := strings.Join(strings.Fields(stderr.String()+" "+stdout.String()), " ")
		return stdout.String(), fmt.Errorf("running %q: %w: %s", strings.Join(append([]string{name}, args...), " "), err, out)
	}
	return stdout.String(), nil
}
