package kind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

// machine is what an engine has, with as much of its client as is consumed, and
// with as much of kind.
type machine struct {
	mu         sync.Mutex
	containers map[string][]string // by cluster
	networks   []string
	images     []string
	// calls are the client's commands that change something.
	calls []string
	// pull, create and exec, when set, stand in for what these do.
	pull   func(image string) error
	create func(ctx context.Context) error
	exec   func(args []string) error
	config *v1alpha4.Cluster
	// onMake is called whenever a container was made.
	onMake func()
}

func newMachine() *machine {
	return &machine{containers: map[string][]string{}, networks: []string{"bridge", "host"}}
}

func (m *machine) client() client {
	return client{name: engine.Docker, env: []string{"DOCKER_HOST=unix:///fake.sock"}, run: m.run, feed: m.feed}
}

func (m *machine) feed(ctx context.Context, in io.Reader, args ...string) (string, error) {
	if _, err := io.Copy(io.Discard, in); err != nil {
		return "", err
	}
	return m.run(ctx, args...)
}

func (m *machine) run(ctx context.Context, args ...string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	line := strings.Join(args, " ")
	last := args[len(args)-1]
	switch {
	case strings.HasPrefix(line, "ps --filter label="+clusterLabel):
		name := strings.TrimPrefix(args[2], "label="+clusterLabel+"=")
		return strings.Join(m.containers[name], "\n"), nil
	case strings.HasPrefix(line, "ps --all --quiet --filter network="):
		var all []string
		for _, c := range m.containers {
			all = append(all, c...)
		}
		return strings.Join(all, "\n"), nil
	case line == "network ls --format {{.Name}}":
		return strings.Join(m.networks, "\n"), nil
	case strings.HasPrefix(line, "image inspect"):
		if !slices.Contains(m.images, last) {
			return "", errors.New("no such image")
		}
		return "id", nil
	}
	m.calls = append(m.calls, line)
	switch args[0] {
	case "rm":
		for name, containers := range m.containers {
			m.containers[name] = slices.DeleteFunc(containers, func(c string) bool { return slices.Contains(args, c) })
		}
	case "network":
		m.networks = slices.DeleteFunc(m.networks, func(n string) bool { return n == last })
	case "pull":
		if m.pull != nil {
			return "", m.pull(last)
		}
		m.images = append(m.images, last)
	case "exec":
		if m.exec != nil {
			return "", m.exec(args[1:])
		}
	case "run":
		cluster := strings.TrimPrefix(args[slices.Index(args, "--label")+1], clusterLabel+"=")
		m.containers[cluster] = append(m.containers[cluster], args[slices.Index(args, "--name")+1])
	case "load":
		m.images = append(m.images, "image in "+last)
	default:
		return "", fmt.Errorf("unexpected command %q", line)
	}
	return "", nil
}

func (m *machine) Create(ctx context.Context, name, kubeconfig string, config *v1alpha4.Cluster) error {
	m.mu.Lock()
	m.config = config
	if !slices.Contains(m.networks, network) {
		m.networks = append(m.networks, network)
	}
	m.mu.Unlock()
	if m.create != nil {
		return m.create(ctx)
	}
	m.makeContainer(name, name+"-worker")
	m.makeContainer(name, name+"-control-plane")
	return os.WriteFile(kubeconfig, []byte("kubeconfig"), 0o600)
}

func (m *machine) makeContainer(cluster, container string) {
	m.mu.Lock()
	m.containers[cluster] = append(m.containers[cluster], container)
	m.mu.Unlock()
	if m.onMake != nil {
		m.onMake()
	}
}

func (m *machine) has(cluster string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.containers[cluster]) > 0
}

func (m *machine) Delete(_ context.Context, name, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.containers, name)
	return nil
}

// newProvider returns a provider on the machine, and its log. Its cluster is
// ready at once; its registry does not answer; a build gives an image.
func newProvider(t *testing.T, m *machine, o Options) (*Provider, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	if o.Name == "" {
		o.Name = "x"
	}
	if o.Config == nil {
		o.Config = []byte(twoNodes)
	}
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	o.ConfigSource, o.Log = "the test", &log
	o.Engine = &engine.Engine{Name: engine.Docker, Host: "unix:///fake.sock", Sandbox: o.sandbox()}
	p, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p.engine, p.kind = m.client(), m
	p.answers = func(context.Context, string) error { return errors.New("no route to host") }
	p.build = func(_ context.Context, o nodeimage.Options) (nodeimage.Image, error) {
		return nodeimage.Image{Ref: "inroads/node:1", Archive: "node.tar", KubernetesVersion: "v1.37.2", Kubectl: "/cache/kubectl", ServerImage: "inroads/server", ClientImage: "inroads/client"}, nil
	}
	p.shortage = func(int) string { return "" }
	p.ready = func(_ context.Context, ref *cluster.Ref, nodes []string, _ bool) error {
		ref.KubernetesVersion, ref.Nodes = "v1.37.2", nil
		for _, n := range nodes {
			ref.Nodes = append(ref.Nodes, cluster.Node{Name: n, ControlPlane: strings.HasSuffix(n, "control-plane")})
		}
		return nil
	}
	return p, &log
}

func (o Options) sandbox() engine.Sandbox {
	if o.Engine == nil {
		return engine.Sandbox{}
	}
	return o.Engine.Sandbox
}

const twoNodes = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}, {role: worker}]\n"

// entries are the ledger's, as "kind name".
func entries(t *testing.T, p *Provider) []string {
	t.Helper()
	all, err := p.ledger.List()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		out = append(out, string(e.Kind)+" "+e.Name)
	}
	slices.Sort(out)
	return out
}

// orphan makes the process of all of the ledger's entries one that has ended.
func orphan(t *testing.T, p *Provider) {
	t.Helper()
	all, err := p.ledger.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		e.Owner = ledger.Owner{PID: e.Owner.PID, Start: 1, Boot: "another"}
		if _, err := p.ledger.Note(e); err != nil {
			t.Fatal(err)
		}
		if err := p.ledger.Done(e.ID); err != nil {
			t.Fatal(err)
		}
	}
}
