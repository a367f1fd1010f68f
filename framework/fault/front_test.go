package fault

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// front puts something in front of the API server of the tests and returns the
// site with the run's way through it.
func front(t *testing.T, change func(http.Handler) http.Handler) *Site {
	t.Helper()
	s := testSite(t)
	t.Cleanup(func() { _ = s.Close() })
	if err := frontFault("front", catalog.HopAPI, true, change).Inject(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func unchanged(relay http.Handler) http.Handler { return relay }

func TestFrontLetsTheSameCallersThrough(t *testing.T) {
	s := front(t, unchanged)
	if err := whole(t.Context(), s); err != nil {
		t.Errorf("with the kubeconfig's certificate: %v", err)
	}
	k, err := s.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]access.Kubeconfig{
		"without a credential":      k.WithoutCredentials(),
		"with a token of no server": k.WithToken(access.UnknownToken),
	} {
		s.Dir = t.TempDir()
		if err := s.hand(other); err != nil {
			t.Fatal(err)
		}
		step, _ := s.walk(t.Context()).Broken()
		if step.Code != probe.AuthnRefused {
			t.Errorf("%s: the way ends at %s with %s, want %s", name, step.Hop, step.Code, probe.AuthnRefused)
		}
	}
}

func TestSlowFront(t *testing.T) {
	s := front(t, slowed)
	trace := probe.Walk(t.Context(), probe.Target{Kubeconfig: s.Ref.Kubeconfig, Context: s.Ref.Context, Timeout: 300 * time.Millisecond})
	if step, _ := trace.Broken(); step.Code != probe.APITimeout {
		t.Errorf("the way ends at %s with %s: %v", step.Hop, step.Code, step.Err)
	}
	if slowness <= probe.DefaultAnswerTimeout {
		t.Errorf("an answer comes after %s, a walk waits for %s", slowness, probe.DefaultAnswerTimeout)
	}
}

func TestFrontDropsTheQueryOfBackendsAlone(t *testing.T) {
	relay := withoutQuery(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.RequestURI()) }))
	for path, want := range map[string]string{
		"/api/v1/namespaces/n/services/s:80/proxy/echo?msg=a": "/api/v1/namespaces/n/services/s:80/proxy/echo",
		"/api/v1/namespaces/n/pods/p/proxy?a":                 "/api/v1/namespaces/n/pods/p/proxy",
		"/below/api/v1/nodes/n/proxy/stats?only=cpu":          "/below/api/v1/nodes/n/proxy/stats",
		"/api/v1/namespaces/n/pods?labelSelector=a":           "/api/v1/namespaces/n/pods?labelSelector=a",
		"/api/v1/namespaces/n/pods/p/exec?command=sh":         "/api/v1/namespaces/n/pods/p/exec?command=sh",
		"/api/v1/namespaces/proxy/pods?watch=true":            "/api/v1/namespaces/proxy/pods?watch=true",
	} {
		w := httptest.NewRecorder()
		relay.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if got := w.Body.String(); got != want {
			t.Errorf("%s arrives as %s, want %s", path, got, want)
		}
	}
}

// TestMITMHasNoCredential: a man in the middle has no credential of
// the API server's.
func TestMITMHasNoCredential(t *testing.T) {
	s := testSite(t)
	k, err := s.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	mitm, err := s.startFront(t.Context(), k, access.MITMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.hand(k.WithServer(mitm.URL).WithCA(mitm.CAPEM)); err != nil {
		t.Fatal(err)
	}
	if step, _ := s.walk(t.Context()).Broken(); step.Code != probe.AuthnRefused {
		t.Errorf("the way ends at %s with %s: %v", step.Hop, step.Code, step.Err)
	}
}

func TestFrontOutlivesTheInjection(t *testing.T) {
	s := testSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := frontFault("front", catalog.HopAPI, true, unchanged).Inject(ctx, s); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := whole(t.Context(), s); err != nil {
		t.Errorf("after the injection: %v", err)
	}
	server := s.Ref.Kubeconfig
	k, err := access.LoadKubeconfig(server, "")
	if err != nil {
		t.Fatal(err)
	}
	config, err := k.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if client, err := rest.HTTPClientFor(config); err != nil {
		t.Fatal(err)
	} else if resp, err := client.Get(k.Server() + "/version"); err == nil {
		_ = resp.Body.Close()
		t.Error("the front answers after the site was closed")
	}
}
