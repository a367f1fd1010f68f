package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// TestProbe walks to where there is nothing, or not what there should be.
func TestProbe(t *testing.T) {
	rejecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Forbidden", http.StatusForbidden) }))
	defer rejecting.Close()
	dir := t.TempDir()
	closed, token, none := filepath.Join(dir, "closed"), filepath.Join(dir, "token"), filepath.Join(dir, "none")
	write(t, token, "a-token-of-nobody\n")
	// Nothing listens on port 1 of the loopback.
	write(t, closed, `{"apiVersion":"v1","kind":"Config","current-context":"c",
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
		"clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1"}}],
		"users":[{"name":"u","user":{"token":"secret-token"}}]}`)
	tests := []struct {
		name string
		args []string
		exit int
		code probe.Code
	}{
		{"config", []string{"config-view", "--kubeconfig", closed}, ExitProven, ""},
		{"no config", []string{"config-view", "--kubeconfig", none}, ExitDisproven, probe.ConfigMissing},
		{"kubectl", []string{"kubectl", "--kubeconfig", closed}, ExitDisproven, probe.DialRefused},
		{"direct", []string{"direct", "--kubeconfig", closed}, ExitDisproven, probe.DialRefused},
		{"token", []string{"token", "--kubeconfig", closed, "--token-file", token}, ExitDisproven, probe.DialRefused},
		{"token, not verified", []string{"token", "--kubeconfig", closed, "--token-file", token, "--insecure"}, ExitDisproven, probe.DialRefused},
		{"token without a kubeconfig", []string{"token", "--kubeconfig", none, "--token-file", token}, ExitDisproven, probe.ConfigMissing},
		{"service", []string{"apiserver-proxy", "--kubeconfig", closed, "--service", "a/b:80", "--https"}, ExitDisproven, probe.DialRefused},
		{"node", []string{"apiserver-proxy", "--kubeconfig", closed, "--node", "n"}, ExitDisproven, probe.DialRefused},
		{"no proxy", []string{"kubectl-proxy", "--url", "http://127.0.0.1:1"}, ExitDisproven, probe.ProxyDown},
		{"proxy", []string{"kubectl-proxy", "--url", rejecting.URL, "--path", "/api/"}, ExitDisproven, probe.ProxyFiltered},
		{"own proxy without a kubeconfig", []string{"kubectl-proxy", "--kubeconfig", none}, ExitDisproven, probe.ConfigMissing},
		{"way into the pod", []string{"pod", "--kubeconfig", closed, "--pod", "a/b"}, ExitInconclusive, probe.WalkInside},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := try(t, append([]string{"probe"}, tt.args...)...)
			if code != tt.exit || stderr != "" {
				t.Errorf("exit code %d, want %d; %s%s", code, tt.exit, stdout, stderr)
			}
			for _, secret := range []string{"secret-token", "a-token-of-nobody"} {
				if strings.Contains(stdout, secret) {
					t.Errorf("printed a token: %s", stdout)
				}
			}
			if tt.code == "" {
				if !strings.Contains(stdout, "open: ") {
					t.Errorf("printed %q", stdout)
				}
				return
			}
			for _, want := range []string{"broken", "(" + string(tt.code) + ")", "next: ", "see: https://"} {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q is not in %q", want, stdout)
				}
			}
			_, stdout, _ = try(t, append([]string{"probe", "-o", "json"}, tt.args...)...)
			var v verdict
			if err := json.Unmarshal([]byte(stdout), &v); err != nil || v.Code != tt.code || v.Hint == "" || v.Doc == "" || len(v.Steps) == 0 {
				t.Errorf("%v: %s", err, stdout)
			}
		})
	}
}

func TestProbeCannotStart(t *testing.T) {
	code, stdout, stderr := try(t, "probe", "pod", "--kubeconfig", filepath.Join(t.TempDir(), "none"), "--pod", "a/b")
	if code != ExitInconclusive || stdout != "" || !strings.Contains(stderr, string(probe.ConfigMissing)) {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}

func TestReadToken(t *testing.T) {
	for given, want := range map[string]string{"abc\n": "abc", "": "", "two words": "", " x ": "x"} {
		p := prober{tokenFile: "-", stdin: io.Reader(strings.NewReader(given))}
		got, err := p.readToken()
		if got.Reveal() != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", given, got.Reveal(), err, want)
		}
	}
}

func TestExplainCode(t *testing.T) {
	for _, d := range probe.All() {
		code, stdout, stderr := try(t, "explain", strings.ToLower(string(d.Code)))
		if code != ExitProven || stderr != "" {
			t.Errorf("%s: exit code %d, %q", d.Code, code, stderr)
		}
		for _, want := range []string{string(d.Code), d.Title, string(d.Hop), string(d.Outcome), d.Doc} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: %q is not explained", d.Code, want)
			}
		}
	}
	if _, stdout, _ := try(t, "explain", string(probe.EndpointNone)); !strings.Contains(stdout, "selector-wrong") || !strings.Contains(stdout, "ap/reach-service") {
		t.Errorf("no fault or claim in %q", stdout)
	}
}
