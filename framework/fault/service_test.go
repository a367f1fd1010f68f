package fault

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// TestForwardRequests: the proxy of fault http-aware-proxy asks once for each
// request of its one connection, and says for whom.
func TestForwardRequests(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	var callers []string
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		callers = append(callers, r.RemoteAddr)
		_, _ = io.WriteString(w, r.URL.RequestURI()+" for "+r.Header.Get("X-Forwarded-For"))
	}))
	t.Cleanup(backend.Close)
	host := strings.TrimPrefix(backend.URL, "http://")
	var requests strings.Builder
	for _, path := range []string{"/a?1", "/b"} {
		requests.WriteString("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: */*\r\n\r\n")
	}
	requests.WriteString("\x01not HTTP\x02\r\n")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", standInFunctions+forwardRequests)
	cmd.Env = append(cmd.Environ(), "REMOTE_ADDR=192.0.2.7", "no_proxy=*")
	cmd.Stdin = strings.NewReader(requests.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(bytes.NewReader(out))
	for _, want := range []string{"/a?1 for 192.0.2.7", "/b for 192.0.2.7", ""} {
		r, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("reading an answer: %v of %q", err, out)
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil || string(body) != want || want == "" && r.StatusCode != http.StatusBadRequest {
			t.Errorf("got %s %q, %v, want %q", r.Status, body, err, want)
		}
	}
	if len(callers) != 2 || callers[0] == callers[1] {
		t.Errorf("the backend was asked from %q, want from two ports", callers)
	}
}
