package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// OnNode runs a shell script, with sh -e, on a node of kind's and returns what
// it printed. The error has what it printed to standard error.
func (r Ref) OnNode(ctx context.Context, node, script string) (string, error) {
	if node == "" {
		return "", errors.New("entering a node: no node is named")
	}
	out, err := r.engine(ctx, script, "exec", "-i", node, "sh", "-e")
	if err != nil {
		return out, fmt.Errorf("running a script on node %q: %w", node, err)
	}
	return out, nil
}

// RunEngine runs the client of the container engine whose containers the nodes
// are and returns what it printed.
func (r Ref) RunEngine(ctx context.Context, args ...string) (string, error) {
	out, err := r.engine(ctx, "", args...)
	if err != nil {
		return out, fmt.Errorf("running %q: %w", strings.Join(append([]string{r.Engine}, args...), " "), err)
	}
	return out, nil
}

func (r Ref) engine(ctx context.Context, stdin string, args ...string) (string, error) {
	if r.Engine == "" {
		return "", errors.New("the nodes of this cluster cannot be entered")
	}
	cmd := exec.CommandContext(ctx, r.Engine, args...)
	cmd.Env = append(os.Environ(), r.EngineEnv...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}

// BalancerSuffix is how kind names the container of a cluster's load balancer,
// behind the name of the cluster.
const BalancerSuffix = "-external-load-balancer"

// Balancer returns the name of the container of the cluster's load balancer and
// what it runs, or "" where the engine has none.
func (r Ref) Balancer(ctx context.Context) (name, program string, err error) {
	name = r.Name + BalancerSuffix
	names, err := r.RunEngine(ctx, "ps", "--all", "--filter", "name=^"+name+"$", "--format", "{{.Names}}")
	if err != nil || strings.TrimSpace(names) == "" {
		return "", "", err
	}
	program, err = r.RunEngine(ctx, "inspect", "--format", "{{.Path}}", name)
	return name, strings.TrimSpace(program), err
}
