package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// container stands for a container: this machine's own sh and curl, a folder in
// the place of the service account volume, and an environment.
type container struct {
	w    *world
	dir  string
	env  []string
	conf string
}

// inPod returns a container whose way to the API server is whole.
func (w *world) inPod(a api) *container {
	w.t.Helper()
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			w.t.Skipf("a container has %s, and this machine has not", program)
		}
	}
	c := &container{w: w.at(a), dir: w.t.TempDir()}
	c.file("token", goodToken).file("ca.crt", string(w.ca.pem)).file("namespace", "default")
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(w.cluster.Server, "https://"))
	w.cluster.Server = "https://localhost:" + port
	return c.environment(host, port)
}

func (c *container) file(name, content string) *container {
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600); err != nil {
		c.w.t.Fatal(err)
	}
	return c
}

func (c *container) without(name string) *container {
	if err := os.Remove(filepath.Join(c.dir, name)); err != nil {
		c.w.t.Fatal(err)
	}
	return c
}

func (c *container) environment(host, port string) *container {
	c.env = []string{"PATH=" + os.Getenv("PATH"), "KUBERNETES_SERVICE_HOST=" + host, "KUBERNETES_SERVICE_PORT=" + port}
	return c
}

// beside puts both the API's name and its variable elsewhere.
func (c *container) beside(address string) *container {
	host, port, _ := net.SplitHostPort(address)
	return c.environment(host, port).at(address)
}

// at puts the API's name elsewhere.
func (c *container) at(address string) *container {
	c.w.cluster.Server = "https://" + address
	return c
}

func (c *container) target() probe.PodTarget {
	return probe.PodTarget{Name: "ns/pod", Dir: c.dir, Server: c.w.cluster.Server, Shell: c.shell}
}

func (c *container) walk() probe.Trace { return probe.WalkPod(c.w.ctx, c.target()) }

func (c *container) shell(ctx context.Context, script string) (probe.ShellResult, error) {
	if c.conf != "" {
		script = strings.ReplaceAll(script, "/etc/resolv.conf", c.conf)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	var out, stderr strings.Builder
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env, &out, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		err = nil
	}
	for _, text := range []string{out.String(), stderr.String(), script} {
		if strings.Contains(text, goodToken) {
			c.w.t.Errorf("the token left the container: %s", text)
		}
	}
	return probe.ShellResult{Stdout: out.String(), Stderr: stderr.String(), Exit: cmd.ProcessState.ExitCode()}, err
}

var podRows = []pathRow{
	{name: "in", walk: func(w *world) probe.Trace {
		t := w.inPod(api{}).target()
		t.Attributes, t.Namespace = getPods, "default"
		return probe.WalkPod(w.ctx, t)
	}, saw: []string{`namespace \"default\"`, "as KUBERNETES_SERVICE_HOST says", `user \"alice\"`, "get pods in default", "v1.37.2, ready", "test-subject"}},
	{name: "no variable", walk: func(w *world) probe.Trace {
		c := w.inPod(api{})
		c.env = c.env[:1]
		return c.walk()
	}, saw: []string{"KUBERNETES_SERVICE_HOST is not set"}},

	{name: "no way in", walk: func(w *world) probe.Trace {
		return probe.WalkPod(w.ctx, probe.PodTarget{Name: "ns/pod", Shell: func(context.Context, string) (probe.ShellResult, error) {
			return probe.ShellResult{}, errors.New("container not found")
		}})
	}, code: probe.WalkInside, hop: catalog.HopMount, saw: []string{"container not found"}, target: "ns/pod"},
	{name: "no curl", walk: func(w *world) probe.Trace {
		c := w.inPod(api{})
		c.env[0] = "PATH=" + w.t.TempDir()
		return c.walk()
	}, code: probe.WalkInside, hop: catalog.HopMount, saw: []string{"no curl"}},
	{name: "killed", walk: func(w *world) probe.Trace {
		return probe.WalkPod(w.ctx, probe.PodTarget{Name: "ns/pod", Shell: func(context.Context, string) (probe.ShellResult, error) {
			return probe.ShellResult{Exit: 137, Stderr: "Killed"}, nil
		}})
	}, code: probe.WalkInside, hop: catalog.HopMount, saw: []string{"137", "Killed"}},
	{name: "canceled", walk: func(w *world) probe.Trace {
		w.ctx = canceled(w.t)
		return w.inPod(api{}).walk()
	}, code: probe.WalkStopped, hop: catalog.HopMount},

	{name: "no volume", walk: func(w *world) probe.Trace {
		return w.inPod(api{}).without("token").without("ca.crt").without("namespace").walk()
	}, code: probe.MountMissing},
	{name: "no token", walk: func(w *world) probe.Trace { return w.inPod(api{}).without("token").walk() }, code: probe.MountWrong, saw: []string{"token"}},
	{name: "authority is empty", walk: func(w *world) probe.Trace { return w.inPod(api{}).file("ca.crt", "").walk() }, code: probe.MountWrong, saw: []string{"ca.crt is empty"}},
	{name: "authority is none", walk: func(w *world) probe.Trace { return w.inPod(api{}).file("ca.crt", "hello\n").walk() }, code: probe.MountWrong, saw: []string{"no certificate"}},
	{name: "another namespace", walk: func(w *world) probe.Trace {
		t := w.inPod(api{}).target()
		t.Namespace = "prod"
		return probe.WalkPod(w.ctx, t)
	}, code: probe.MountWrong, saw: []string{`"default" and not "prod"`}},

	{name: "no such name", walk: func(w *world) probe.Trace {
		c := w.inPod(api{}).at("nosuchhost.invalid")
		c.conf = w.file("resolv.conf", []byte("search svc.test cluster.test\nnameserver 127.0.0.1:"))
		return c.walk()
	}, code: probe.ResolveNoHost, saw: []string{"has no address", "search svc.test cluster.test"}},
	{name: "nobody at the name server", walk: func(w *world) probe.Trace {
		c := w.inPod(api{}).at("nosuchhost.invalid")
		c.conf = w.file("resolv.conf", []byte("nameserver 127.0.0.99\n"))
		return c.walk()
	}, code: probe.ResolveFailed, saw: []string{"127.0.0.99"}},
	{name: "name of somebody else", walk: func(w *world) probe.Trace {
		other := newAuthority(w.t, "another-ca").issue(w.t, nil)
		elsewhere := serve(w.t, api{}, &tls.Config{Certificates: []tls.Certificate{other.tls}})
		_, port, _ := net.SplitHostPort(elsewhere)
		return w.inPod(api{}).at("localhost:" + port).walk()
	}, code: probe.ResolveElsewhere, saw: []string{"somebody else"}},

	{name: "address refuses", walk: func(w *world) probe.Trace { return w.inPod(api{}).at(closedPort(w.t)).walk() }, code: probe.ServiceRefused, saw: []string{"the name has"}, target: "127.0.0.1:"},
	{name: "address is silent", walk: func(w *world) probe.Trace {
		t := w.inPod(api{}).at(blackHole(w.t)).target()
		t.Timeout = soon
		return probe.WalkPod(w.ctx, t)
	}, code: probe.ServiceSilent},
	{name: "name refuses, variable does not", walk: func(w *world) probe.Trace {
		host, port, _ := net.SplitHostPort(strings.TrimPrefix(w.at(api{}).cluster.Server, "https://"))
		_, closed, _ := net.SplitHostPort(closedPort(w.t))
		return w.inPod(api{}).environment(host, port).at("127.0.0.2:" + closed).walk()
	}, code: probe.ResolveElsewhere, saw: []string{"where the API is"}},
	{name: "address refuses, endpoint does not", walk: func(w *world) probe.Trace {
		closed := closedPort(w.t)
		t := w.inPod(api{}).beside(closed).target()
		t.Endpoints = []string{accept(w.t, readThenClose)}
		return probe.WalkPod(w.ctx, t)
	}, code: probe.ServiceRefused, saw: []string{"is reached"}},
	{name: "address and endpoint refuse", walk: func(w *world) probe.Trace {
		t := w.inPod(api{}).beside(closedPort(w.t)).target()
		t.Endpoints = []string{closedPort(w.t)}
		return probe.WalkPod(w.ctx, t)
	}, code: probe.DialRefused, saw: []string{"the endpoint of the Service"}},
	{name: "address and endpoint are silent", walk: func(w *world) probe.Trace {
		hole := blackHole(w.t)
		t := w.inPod(api{}).beside(hole).target()
		t.Timeout, t.Endpoints = soon, []string{hole}
		return probe.WalkPod(w.ctx, t)
	}, code: probe.DialTimeout, saw: []string{"the endpoint of the Service"}},
	{name: "variable refuses", walk: func(w *world) probe.Trace {
		host, port, _ := net.SplitHostPort(closedPort(w.t))
		return w.inPod(api{}).environment(host, port).walk()
	}, code: probe.ServiceRefused, saw: []string{"KUBERNETES_SERVICE_HOST"}},
	{name: "variable of somebody else", walk: func(w *world) probe.Trace {
		other := newAuthority(w.t, "another-ca").issue(w.t, nil)
		host, port, _ := net.SplitHostPort(serve(w.t, api{}, &tls.Config{Certificates: []tls.Certificate{other.tls}}))
		return w.inPod(api{}).environment(host, port).walk()
	}, code: probe.ServiceSilent, saw: []string{"KUBERNETES_SERVICE_HOST leads to somebody else"}},

	{name: "another authority", walk: func(w *world) probe.Trace {
		return w.inPod(api{}).file("ca.crt", string(newAuthority(w.t, "another-ca").pem)).walk()
	}, code: probe.TLSAuthority},
	{name: "another name", walk: func(w *world) probe.Trace {
		w.server = w.ca.issue(w.t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.test"} })
		return w.inPod(api{}).walk()
	}, code: probe.TLSName},
	{name: "plain HTTP", walk: func(w *world) probe.Trace {
		plain := serve(w.t, api{}, nil)
		host, port, _ := net.SplitHostPort(plain)
		return w.inPod(api{}).at(plain).environment(host, port).walk()
	}, code: probe.TLSNotTLS},
	{name: "cut handshake", walk: func(w *world) probe.Trace {
		cut := accept(w.t, readThenClose)
		host, port, _ := net.SplitHostPort(cut)
		return w.inPod(api{}).at(cut).environment(host, port).walk()
	}, code: probe.TLSBroken},

	{name: "401", walk: func(w *world) probe.Trace { return w.inPod(api{}).file("token", badToken).walk() }, code: probe.AuthnRefused},
	{name: "denied", walk: func(w *world) probe.Trace {
		t := w.inPod(api{access: allow(false, "no RBAC policy matched")}).target()
		t.Attributes = getPods
		return probe.WalkPod(w.ctx, t)
	}, code: probe.AuthzDenied},
	{name: "503", walk: func(w *world) probe.Trace {
		return w.inPod(api{version: say(http.StatusServiceUnavailable, "no leader")}).walk()
	}, code: probe.APIUnavailable},
	{name: "token repeated", walk: func(w *world) probe.Trace {
		return w.inPod(api{version: func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(rw, r.Header.Get("Authorization")+"\n"+r.Header.Get("Authorization"))
		}}).walk()
	}, code: probe.APINotKubernetes},
	{name: "no answer", walk: func(w *world) probe.Trace {
		t := w.inPod(api{review: hang}).target()
		t.Timeout = later
		return probe.WalkPod(w.ctx, t)
	}, code: probe.APITimeout},
}

func TestWalkPod(t *testing.T) {
	testPaths(t, podRows, catalog.HopMount, catalog.HopResolve, catalog.HopService, catalog.HopDial, catalog.HopTLS, catalog.HopAuthn, catalog.HopAuthz, catalog.HopAPI)
}

// TestPodDurations wants separate times that add up to no more than the whole.
func TestPodDurations(t *testing.T) {
	w := newWorld(t)
	c := w.inPod(api{})
	began := time.Now()
	trace := c.walk()
	var sum time.Duration
	for _, s := range trace.Steps {
		if s.Duration < 0 {
			t.Errorf("%s took %s", s.Hop, s.Duration)
		}
		sum += s.Duration
	}
	if whole := time.Since(began); sum == 0 || sum > whole {
		t.Errorf("the steps took %s of %s", sum, whole)
	}
}
