package kind

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/inroads-k8s/inroads/fixtures/topologies"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
)

// haMachine is a machine on which kind ends once the load balancer runs, as
// kubeadm does, or once there will be none.
func haMachine() *machine {
	m := newMachine()
	m.create = func(ctx context.Context) error {
		m.makeContainer("x", "x-control-plane")
		for ctx.Err() == nil {
			m.mu.Lock()
			balanced := slices.Contains(m.containers["x"], "x-external-load-balancer")
			m.mu.Unlock()
			if balanced {
				m.makeContainer("x", "x-worker")
				m.makeContainer("x", "x-worker2")
				m.makeContainer("x", "x-worker3")
				return nil
			}
		}
		return errors.New("no such container")
	}
	return m
}

func haProvider(t *testing.T, m *machine) (*Provider, func() string) {
	t.Helper()
	topology, err := topologies.Get("ha")
	if err != nil {
		t.Fatal(err)
	}
	p, log := newProvider(t, m, Options{Config: topology.Config, Engine: &engine.Engine{Sandbox: engine.Sandbox{CgroupV1: "the test says so"}}})
	return p, log.String
}

func TestSeveralControlPlanes(t *testing.T) {
	m := haMachine()
	p, log := haProvider(t, m)
	ref, err := p.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(ref.Nodes) != 4 {
		t.Errorf("nodes: %+v", ref.Nodes)
	}
	var roles []v1alpha4.NodeRole
	for _, n := range m.config.Nodes {
		roles = append(roles, n.Role)
	}
	if want := []v1alpha4.NodeRole{v1alpha4.ControlPlaneRole, v1alpha4.WorkerRole, v1alpha4.WorkerRole, v1alpha4.WorkerRole}; !slices.Equal(roles, want) {
		t.Errorf("roles for kind: %v", roles)
	}
	patches := strings.Join(m.config.KubeadmConfigPatches, "---\n")
	for _, want := range []string{"failCgroupV1: false", `controlPlaneEndpoint: "x-external-load-balancer:6443"`, `apiServerEndpoint: "x-external-load-balancer:6443"`} {
		if !strings.Contains(patches, want) {
			t.Errorf("no %q in the patches:\n%s", want, patches)
		}
	}
	for i, joins := range []bool{false, false, true, true} {
		n := m.config.Nodes[i]
		if got := strings.Contains(strings.Join(n.KubeadmConfigPatches, ""), "skipPhases"); got != joins || len(n.ExtraMounts) > 0 != joins {
			t.Errorf("node %d: patches %q, mounts %v", i, n.KubeadmConfigPatches, n.ExtraMounts)
		}
	}
	var joined []string
	for _, call := range m.calls {
		fields := strings.Fields(call)
		if fields[0] == "run" && (!strings.Contains(call, "--publish 127.0.0.1:") || strings.Contains(call, "--privileged") ||
			!strings.Contains(call, "io.x-k8s.kind.role=external-load-balancer") || !strings.Contains(call, "--entrypoint haproxy inroads/node:1")) {
			t.Errorf("the load balancer is started by %q", call)
		}
		if strings.Contains(call, "kubeadm join") {
			joined = append(joined, fields[1])
		}
	}
	if want := []string{"x-worker2", "x-worker3"}; !slices.Equal(joined, want) {
		t.Errorf("joined %v, want %v; commands %q", joined, want, m.calls)
	}
	key, err := os.ReadFile(filepath.Join(p.dir(), joinPartFile))
	if err != nil {
		t.Fatal(err)
	}
	secret := string(key[strings.LastIndexByte(string(key), ' ')+1:])
	if said := log() + strings.Join(m.calls, "\n"); len(secret) != 2*certificateKeySize+1 || strings.Contains(said, strings.TrimSpace(secret)) {
		t.Errorf("the key of %d characters, or said:\n%s", len(secret), said)
	}
	config, err := os.ReadFile(filepath.Join(p.dir(), balancerFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"x-control-plane", "x-worker2", "x-worker3"} {
		if !strings.Contains(string(config), "    server "+node+" "+node+":6443\n") {
			t.Errorf("node %q is not in the configuration of the load balancer:\n%s", node, config)
		}
	}
	if err := p.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	gone(t, p, m)
}

// kind's own image comes where its registry answers, and so does that of its load
// balancer.
func TestSeveralControlPlanesAreKindsOwn(t *testing.T) {
	m := newMachine()
	p, _ := haProvider(t, m)
	p.answers = func(context.Context, string) error { return nil }
	if _, err := p.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := (clusterConfig{*m.config}); c.controlPlanes() != 3 || slices.ContainsFunc(m.calls, func(c string) bool { return strings.HasPrefix(c, "run ") }) {
		t.Errorf("nodes %+v, commands %q", m.config.Nodes, m.calls)
	}
}

func TestSeveralControlPlanesLeaveNothing(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name  string
		spoil func(*machine, func(error))
		want  error
	}{
		{"when kind fails", func(m *machine, _ func(error)) { m.create = func(context.Context) error { return broken } }, broken},
		{"when a join fails", func(m *machine, _ func(error)) {
			m.exec = func(args []string) error {
				if args[0] == "x-worker3" {
					return broken
				}
				return nil
			}
		}, broken},
		{"when it is interrupted before the load balancer", func(m *machine, interrupt func(error)) {
			m.exec = func([]string) error { interrupt(broken); return errors.New("no such file") }
		}, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := haMachine()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			tc.spoil(m, cancel)
			p, _ := haProvider(t, m)
			if _, err := p.Create(ctx); !errors.Is(err, tc.want) {
				t.Errorf("got error %v", err)
			}
			gone(t, p, m)
		})
	}
}
