package fault

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/access"
)

func TestRedirecting(t *testing.T) {
	relay := redirecting(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for path, want := range map[string]int{
		"/api/v1/redirect/nodes/n":                    http.StatusTemporaryRedirect,
		"/api/v1/namespaces/n/services/s/redirect":    http.StatusTemporaryRedirect,
		"/api/v1/namespaces/n/services/s/proxy/a":     http.StatusNoContent,
		"/api/v1/namespaces/redirect/services":        http.StatusNoContent,
		"/apis/apps/v1/namespaces/n/deployments/redi": http.StatusNoContent,
	} {
		w := httptest.NewRecorder()
		relay.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
}

func TestUpgradesAreDropped(t *testing.T) {
	relay := withoutUpgrades(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Upgrade")+r.Header.Get("Connection")+r.Header.Get("Accept"))
	}))
	q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Accept": "kept"} {
		q.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	relay.ServeHTTP(w, q)
	if got := w.Body.String(); got != "kept" {
		t.Errorf("there arrives %q", got)
	}
}

// TestPlainIsServedToo: the way stays whole, and the same port answers who does
// not speak TLS.
func TestPlainIsServedToo(t *testing.T) {
	s := testSite(t)
	t.Cleanup(func() { _ = s.Close() })
	f, err := Lookup("plain-http-served")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Inject(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := f.Took(t.Context(), s); err != nil {
		t.Error(err)
	}
	k, err := s.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	plain := "http://" + strings.TrimPrefix(k.Server(), "https://") + "/version"
	if r := access.Do(t.Context(), access.PlainClient(), access.Request{URL: plain}); r.Status == 0 {
		t.Errorf("plain HTTP is not answered: %s", r)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := access.Do(t.Context(), access.PlainClient(), access.Request{URL: plain}); r.Status != 0 {
		t.Errorf("plain HTTP is answered after the site was closed: %s", r)
	}
}

func TestHeaderFilesAreIgnored(t *testing.T) {
	c := &toolCall{args: strings.Fields("--silent --header @file --header Accept:x https://x --header")}
	if err := ignoreHeaderFiles(c); err != nil {
		t.Fatal(err)
	}
	if want := strings.Fields("--silent --header Accept:x https://x --header"); !slices.Equal(c.args, want) {
		t.Errorf("curl is given %q, want %q", c.args, want)
	}
}
