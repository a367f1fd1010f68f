package access

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestResolverRules(t *testing.T) {
	got := resolverRules(map[string]string{"b.invalid": "127.0.0.1", "a.invalid:443": "127.0.0.1:8443"})
	if want := "MAP a.invalid:443 127.0.0.1:8443,MAP b.invalid 127.0.0.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBrowserOutcome(t *testing.T) {
	for text, want := range map[string]catalog.Outcome{
		"net::ERR_CERT_AUTHORITY_INVALID": catalog.Untrusted, "net::ERR_CONNECTION_REFUSED": catalog.Refused, "net::ERR_UNSAFE_PORT": catalog.Failed,
	} {
		if got := browserOutcome(text); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	for text := range browserErrors {
		if !strings.HasPrefix(text, "net::ERR_") {
			t.Errorf("%q is no name of Chromium's", text)
		}
	}
}

// TestBrowser runs a real browser where there is one.
func TestBrowser(t *testing.T) {
	for _, program := range []string{BrowserProgram, CertutilProgram} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/empty" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, "%s %t", r.Host, r.Header.Get("Authorization") == "Bearer shown-on-purpose")
	}))
	defer server.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	address := server.Listener.Addr().String()
	_, port, _ := strings.Cut(address, ":")

	for name, tt := range map[string]struct {
		options BrowserOptions
		url     string
		want    catalog.Outcome
		text    string
	}{
		"no authority": {BrowserOptions{}, server.URL, catalog.Untrusted, ""},
		"imported":     {BrowserOptions{Authorities: authority}, server.URL, catalog.Reached, address + " true"},
		"other name":   {BrowserOptions{Authorities: authority, Elsewhere: map[string]string{"other.invalid": "127.0.0.1"}}, "https://other.invalid:" + port, catalog.Untrusted, ""},
		"name of it":   {BrowserOptions{Authorities: authority, Elsewhere: map[string]string{"example.com": "127.0.0.1"}}, "https://example.com:" + port, catalog.Reached, "example.com:" + port + " true"},
		"unknown name": {BrowserOptions{}, "https://other.invalid", catalog.Unresolved, ""},
		"no body":      {BrowserOptions{Authorities: authority}, server.URL + "/empty", catalog.Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt.options.Dir = filepath.Join(t.TempDir(), "browser")
			b, err := Host{}.StartBrowser(t.Context(), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			r := b.Get(t.Context(), tt.url, "shown-on-purpose")
			if r.Outcome != tt.want || r.Stdout != tt.text {
				t.Errorf("got %q %s, want %s and %q", r.Stdout, r, tt.want, tt.text)
			}
			if strings.Contains(r.Command, "shown") {
				t.Errorf("the command tells the token: %s", r.Command)
			}
			b.Close()
			if r := b.Get(t.Context(), tt.url, ""); r.Outcome != catalog.Unknown || r.Err == nil {
				t.Errorf("after its end: %s", r)
			}
		})
	}
}
