package fault

import (
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestProxySpeaksTLS(t *testing.T) {
	addr, _ := startBroken(t, "proxy-speaks-tls", "--port=0")
	if a := ask(t, http.DefaultClient, "http://"+addr+"/"); a.status != http.StatusBadRequest {
		t.Errorf("in clear: %+v, want %d", a, http.StatusBadRequest)
	}
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if a := ask(t, trusting, "https://"+addr+"/"); a.status != http.StatusNotFound {
		t.Errorf("over TLS: %+v, want %d", a, http.StatusNotFound)
	}
}

func TestClientHeaderIsDropped(t *testing.T) {
	addr, _ := startBroken(t, "client-header-dropped", "--port=0")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/credential", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer of-the-client")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("status %d, want %d: the real proxy got the header", resp.StatusCode, http.StatusNoContent)
	}
}

func TestProxyHelp(t *testing.T) {
	const help = "    --address='127.0.0.1':\n\tThe IP address on which to serve on.\n    -u, --unix-socket='':\n"
	for _, tt := range []struct{ fault, args, want string }{
		{"proxy-option-missing", "proxy --help", "    --address='127.0.0.1':\n\tThe IP address on which to serve on.\n"},
		{"proxy-default-other", "proxy --help", strings.Replace(help, loopback, "0.0.0.0", 1)},
		{"proxy-option-missing", "proxy", help},
		{"proxy-default-other", "proxy", help},
	} {
		if got, stderr, code := call(t, tt.fault, "", help, strings.Fields(tt.args)...); got != tt.want || code != 0 {
			t.Errorf("%s of %s: it prints %q, want %q (%s)", tt.args, tt.fault, got, tt.want, stderr)
		}
	}
}

func TestFilesReversed(t *testing.T) {
	c := &toolCall{env: []string{envKubeconfig + "=a" + string(os.PathListSeparator) + "b"}}
	if err := reverseKubeconfigs(c); err != nil {
		t.Fatal(err)
	}
	if want := envKubeconfig + "=b" + string(os.PathListSeparator) + "a"; len(c.env) != 1 || c.env[0] != want {
		t.Errorf("got %q, want %q", c.env, want)
	}
}
