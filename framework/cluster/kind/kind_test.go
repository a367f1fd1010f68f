package kind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

func TestCreateAndDelete(t *testing.T) {
	m := newMachine()
	p, log := newProvider(t, m, Options{})
	ref, err := p.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ref.Name != "x" || ref.Provider != "kind" || ref.Context != "kind-x" || ref.Kubeconfig != p.kubeconfig() || ref.Engine != "docker" ||
		!slices.Contains(ref.EngineEnv, "DOCKER_HOST=unix:///fake.sock") || ref.KubernetesVersion != "v1.37.2" ||
		!ref.Preloaded || ref.Kubectl != "/cache/kubectl" || ref.Images != (cluster.Images{Server: "inroads/server", Client: "inroads/client"}) {
		t.Errorf("ref: %+v", ref)
	}
	if want := []cluster.Node{{Name: "x-control-plane", ControlPlane: true}, {Name: "x-worker"}}; !slices.Equal(ref.Nodes, want) {
		t.Errorf("nodes: %+v, want %+v", ref.Nodes, want)
	}
	if info, err := os.Stat(p.dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v %v", info, err)
	}
	if got, want := entries(t, p), []string{"cluster x", "network kind"}; !slices.Equal(got, want) {
		t.Errorf("ledger while it runs: %v, want %v", got, want)
	}
	for range 2 { // deleting what is gone is no error
		if err := p.Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		gone(t, p, m)
	}
	if !strings.Contains(log.String(), `cluster "x" is ready: Kubernetes v1.37.2, nodes: 2`) {
		t.Errorf("log:\n%s", log)
	}
}

// gone fails the test unless nothing is left.
func gone(t *testing.T, p *Provider, m *machine) {
	t.Helper()
	if m.has(p.o.Name) {
		t.Errorf("containers left: %v", m.containers)
	}
	if slices.Contains(m.networks, network) {
		t.Errorf("networks left: %v", m.networks)
	}
	if left := entries(t, p); len(left) > 0 {
		t.Errorf("ledger entries left: %v", left)
	}
	if _, err := os.Stat(p.dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder left: %v", err)
	}
}

func TestCreateLeavesNothingWhenItFails(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name  string
		spoil func(*Provider, *machine)
		want  string
	}{
		{"in kind", func(p *Provider, m *machine) {
			m.create = func(context.Context) error { m.makeContainer("x", "x-worker"); return broken }
		}, `creating cluster "x" from the test: broken`},
		{"in kind, on a machine that is short of something", func(p *Provider, m *machine) {
			m.create = func(context.Context) error { return broken }
			p.shortage = func(nodes int) string { return fmt.Sprintf("short of something for %d nodes", nodes) }
		}, `creating cluster "x" from the test: broken; short of something for 2 nodes`},
		{"in the build of the image", func(p *Provider, m *machine) {
			p.build = func(context.Context, nodeimage.Options) (nodeimage.Image, error) { return nodeimage.Image{}, broken }
		}, "broken"},
		{"in the wait for readiness", func(p *Provider, m *machine) {
			p.ready = func(context.Context, *cluster.Ref, []string, bool) error { return broken }
		}, "broken"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine()
			p, _ := newProvider(t, m, Options{})
			tc.spoil(p, m)
			if _, err := p.Create(t.Context()); err == nil || err.Error() != tc.want {
				t.Errorf("got error %v, want %s", err, tc.want)
			}
			gone(t, p, m)
		})
	}
}

// kind goes on after the context has ended; what it makes then has to go too.
func TestCreateLeavesNothingWhenItIsInterrupted(t *testing.T) {
	interrupt := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	m := newMachine()
	p, log := newProvider(t, m, Options{})
	m.create = func(context.Context) error {
		m.makeContainer("x", "x-control-plane")
		cancel(interrupt)
		for m.has("x") {
		}
		m.makeContainer("x", "x-worker")
		return errors.New("no such container")
	}
	if _, err := p.Create(ctx); !errors.Is(err, interrupt) {
		t.Errorf("got error %v", err)
	}
	gone(t, p, m)
	if !strings.Contains(log.String(), `stopping the creation of cluster "x": interrupted`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestCreateLeavesNothingWhenTheWaitIsInterrupted(t *testing.T) {
	interrupt := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	m := newMachine()
	p, _ := newProvider(t, m, Options{})
	p.ready = func(ctx context.Context, _ *cluster.Ref, _ []string, _ bool) error {
		cancel(interrupt)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if _, err := p.Create(ctx); !errors.Is(err, interrupt) {
		t.Errorf("got error %v", err)
	}
	gone(t, p, m)
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"inroads": true, "a": true, "e2e-1.37": true,
		"": false, "..": false, "a/b": false, "-a": false, "a-": false, "A": false, strings.Repeat("a", 51): false,
	} {
		p, _ := newProvider(t, newMachine(), Options{})
		p.o.Name = name
		if _, err := New(t.Context(), p.o); (err == nil) != ok {
			t.Errorf("name %q: error %v", name, err)
		}
	}
}

func TestChooseImage(t *testing.T) {
	const own, kinds = "inroads/node:1", defaults.Image
	answer := func(p *Provider, _ *machine) { p.answers = func(context.Context, string) error { return nil } }
	mixed := []byte(strings.Replace(twoNodes, "{role: worker}", "{role: worker, image: example.org/w:1}", 1))
	for _, tc := range []struct {
		name      string
		o         Options
		arrange   func(*Provider, *machine)
		want      []string // of the control plane and the worker
		calls     []string
		log       string
		preloaded bool
	}{
		{"nothing at hand", Options{}, nil, []string{own, own}, []string{"load --input node.tar"}, "using a node image that inroads builds, because kind's own cannot be pulled: no route to host", true},
		{"our own is loaded", Options{}, func(_ *Provider, m *machine) { m.images = []string{own} }, []string{own, own}, nil, "using node image inroads/node:1, Kubernetes v1.37.2, which docker", true},
		{"kind's own is loaded", Options{}, func(_ *Provider, m *machine) { m.images = []string{kinds, own} }, []string{kinds, kinds}, nil, "has it", false},
		{"the registry answers", Options{}, answer, []string{kinds, kinds}, []string{"pull " + kinds}, "because it is kind's own and its registry answers", false},
		{"the registry answers and fails", Options{}, func(p *Provider, m *machine) {
			answer(p, m)
			m.pull = func(string) error { return errors.New("toomanyrequests") }
		}, []string{own, own}, []string{"pull " + kinds, "load --input node.tar"}, "kind's own was not pulled: toomanyrequests", true},
		{"an image asked for", Options{NodeImage: "example.org/n:1"}, nil, []string{"example.org/n:1", "example.org/n:1"}, []string{"pull example.org/n:1"}, "because it was asked for", false},
		{"a version asked for", Options{KubernetesVersion: "v1.36.3"}, func(_ *Provider, m *machine) { m.images = []string{kinds} }, []string{own, own}, []string{"load --input node.tar"}, "because Kubernetes v1.36.3 was asked for", true},
		{"an image in the configuration", Options{Config: mixed}, func(_ *Provider, m *machine) { m.images = []string{own, "example.org/w:1"} }, []string{own, "example.org/w:1"}, nil, "because the configuration names it", true},
		{"an image asked for wins over the configuration", Options{Config: mixed, NodeImage: "n:1"}, func(_ *Provider, m *machine) { m.images = []string{"n:1"} }, []string{"n:1", "n:1"}, nil, "because it was asked for", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine()
			p, log := newProvider(t, m, tc.o)
			if tc.arrange != nil {
				tc.arrange(p, m)
			}
			ref, err := p.Create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range m.config.Nodes {
				got = append(got, n.Image)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("images %q, want %q", got, tc.want)
			}
			if !slices.Equal(m.calls, tc.calls) {
				t.Errorf("commands %q, want %q", m.calls, tc.calls)
			}
			if !strings.Contains(log.String(), tc.log) {
				t.Errorf("no %q in the log:\n%s", tc.log, log)
			}
			want := cluster.PublicImages()
			if tc.preloaded {
				want = cluster.Images{Server: "inroads/server", Client: "inroads/client"}
			}
			if ref.Preloaded != tc.preloaded || ref.Images != want || (ref.Kubectl != "") != tc.preloaded {
				t.Errorf("ref: %+v", ref)
			}
		})
	}
}

// A later node image removes what came with this one.
func TestKubectlStaysWithTheCluster(t *testing.T) {
	p, _ := newProvider(t, newMachine(), Options{Keep: true})
	image := filepath.Join(p.o.CacheDir, "kubectl")
	if err := os.WriteFile(image, []byte("program"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.build = func(context.Context, nodeimage.Options) (nodeimage.Image, error) {
		return nodeimage.Image{Ref: "inroads/node:1", Archive: "node.tar", Kubectl: image}, nil
	}
	ref, err := p.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(ref.Kubectl); err != nil || string(got) != "program" || filepath.Dir(ref.Kubectl) != p.dir() {
		t.Errorf("kubectl %q: %q, error %v", ref.Kubectl, got, err)
	}
}

func TestImagesAskedForWin(t *testing.T) {
	p, _ := newProvider(t, newMachine(), Options{Images: cluster.Images{Client: "example.org/client"}})
	ref, err := p.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ref.Images != (cluster.Images{Server: "inroads/server", Client: "example.org/client"}) || ref.Preloaded {
		t.Errorf("ref: %+v", ref)
	}
}

func TestRegistryAnswers(t *testing.T) {
	for status, ok := range map[int]bool{http.StatusOK: true, http.StatusUnauthorized: true, http.StatusForbidden: false, http.StatusBadGateway: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.WriteHeader(status)
		}))
		image := strings.TrimPrefix(server.URL, "http://") + "/kindest/node:v1"
		if err := registryAnswers(t.Context(), image); (err == nil) != ok {
			t.Errorf("status %d: error %v", status, err)
		}
		server.Close()
		if err := registryAnswers(t.Context(), image); err == nil {
			t.Error("no registry: no error")
		}
	}
}

func TestCreateMeetsAClusterOfTheName(t *testing.T) {
	// make makes a cluster as an earlier run would, which then ends.
	make := func(t *testing.T, m *machine, o Options) string {
		p, _ := newProvider(t, m, o)
		if _, err := p.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p.o.CacheDir
	}
	t.Run("of someone else", func(t *testing.T) {
		m := newMachine()
		m.containers["x"] = []string{"x-control-plane"}
		p, _ := newProvider(t, m, Options{Keep: true})
		_, err := p.Create(t.Context())
		if err == nil || !strings.Contains(err.Error(), "inroads did not make; choose another name with --name") {
			t.Errorf("got error %v", err)
		}
		if !m.has("x") || len(entries(t, p)) > 0 {
			t.Errorf("left containers %v, entries %v", m.containers, entries(t, p))
		}
	})
	t.Run("in use by a live process", func(t *testing.T) {
		m := newMachine()
		dir := make(t, m, Options{Keep: true})
		p, _ := newProvider(t, m, Options{Keep: true, CacheDir: dir})
		_, err := p.Create(t.Context())
		if err == nil || !strings.Contains(err.Error(), "is in use by process") || !m.has("x") {
			t.Errorf("got error %v, containers %v", err, m.containers)
		}
	})
	t.Run("kept, and ready", func(t *testing.T) {
		m := newMachine()
		dir := make(t, m, Options{Keep: true})
		p, log := newProvider(t, m, Options{Keep: true, CacheDir: dir})
		orphan(t, p)
		ref, err := p.Create(t.Context())
		if err != nil || ref.Kubectl != "/cache/kubectl" || len(ref.Nodes) != 2 || !ref.Preloaded {
			t.Errorf("got %+v, error %v", ref, err)
		}
		if !strings.Contains(log.String(), `taking cluster "x" of an earlier run as it is`) {
			t.Errorf("log:\n%s", log)
		}
		if e := p.entries(); len(e) != 1 || !Kept(e[0]) || !e[0].Owner.Alive() {
			t.Errorf("ledger: %+v", e)
		}
	})
	anew := func(t *testing.T, why string, o Options, arrange func(*Provider)) {
		t.Helper()
		m := newMachine()
		dir := make(t, m, Options{Keep: true})
		o.CacheDir = dir
		p, log := newProvider(t, m, o)
		orphan(t, p)
		arrange(p)
		// The removal goes through the engine that the ledger has, which is none.
		m.calls = nil
		_, err := p.Create(t.Context())
		if !strings.Contains(log.String(), why) || !strings.Contains(log.String(), `deleting cluster "x", which an earlier run left`) {
			t.Errorf("error %v, log:\n%s", err, log)
		}
	}
	t.Run("kept, but no longer ready", func(t *testing.T) {
		anew(t, "cannot be taken as it is: dead", Options{Keep: true}, func(p *Provider) {
			p.ready = func(context.Context, *cluster.Ref, []string, bool) error { return errors.New("dead") }
		})
	})
	t.Run("kept, but a node is gone", func(t *testing.T) {
		anew(t, `cannot be taken as it is: node "x-worker" does not run`, Options{Keep: true}, func(p *Provider) {
			if _, err := p.engine.run(t.Context(), "rm", "x-worker"); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("kept, but of another version", func(t *testing.T) {
		anew(t, "another configuration, node image or version", Options{Keep: true, KubernetesVersion: "v1.36.3"}, func(*Provider) {})
	})
	t.Run("kept, but this run keeps none", func(t *testing.T) {
		anew(t, "deleting", Options{}, func(*Provider) {})
	})
}

func TestNetworkStays(t *testing.T) {
	for _, tc := range []struct {
		name    string
		arrange func(*machine)
	}{
		{"when it was there before", func(m *machine) { m.networks = append(m.networks, network) }},
		{"when something else came into it", func(m *machine) { m.onMake = func() { m.containers["theirs"] = []string{"theirs-control-plane"} } }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine()
			tc.arrange(m)
			p, _ := newProvider(t, m, Options{})
			ref, err := p.Create(t.Context())
			if err == nil {
				err = p.Delete(t.Context(), ref)
			}
			if err != nil || !slices.Contains(m.networks, network) {
				t.Errorf("error %v, networks %v", err, m.networks)
			}
		})
	}
}

func TestRecordedEngine(t *testing.T) {
	c := client{name: "docker", env: []string{"DOCKER_HOST=unix:///a.sock", "DOCKER_CONTEXT="}, private: true}
	p, _ := newProvider(t, newMachine(), Options{})
	p.engine = c
	if err := p.note(false, nil); err != nil {
		t.Fatal(err)
	}
	e := p.entries()[0]
	got := recorded(e)
	if got.name != c.name || !slices.Equal(got.env, c.env) || !got.private || !c.has(e) || e.Engine != "unix:///a.sock" {
		t.Errorf("recorded %+v from %+v", got, e)
	}
}

func TestDownWithoutACluster(t *testing.T) {
	var log bytes.Buffer
	err := Down(t.Context(), t.TempDir(), "x", &log)
	if err == nil || err.Error() != `removing cluster "x": inroads made none of that name; see: inroads cluster list` {
		t.Errorf("got %v", err)
	}
}

func TestList(t *testing.T) {
	m := newMachine()
	p, _ := newProvider(t, m, Options{Keep: true})
	if _, err := p.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []State{InUse, KeptState} {
		got, err := List(t.Context(), p.o.CacheDir)
		if err != nil || len(got) != 1 || got[0].Name != "x" || got[0].State != want || got[0].KubernetesVersion != "v1.37.2" {
			t.Errorf("got %+v, error %v, want state %s", got, err, want)
		}
		orphan(t, p)
	}
	if err := os.Remove(filepath.Join(p.dir(), "cluster.json")); err != nil {
		t.Fatal(err)
	}
	if got, err := List(t.Context(), p.o.CacheDir); err != nil || got[0].Name != "x" || got[0].KubernetesVersion != "" {
		t.Errorf("without a description: %+v, error %v", got, err)
	}
}
