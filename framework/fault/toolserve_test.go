package fault

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
)

// serving makes this test binary a real kubectl proxy.
const serving = "SERVING"

// serveAsRealProxy serves on the loopback address, until it is ended: /stream
// answers in two parts, the second after /go, and /arrived once that was asked;
// /credential tells by its status whether one came.
func serveAsRealProxy() {
	arrived, proceed := make(chan bool, 1), make(chan bool, 1)
	http.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first ")
		_ = http.NewResponseController(w).Flush()
		arrived <- true
		<-proceed
		_, _ = io.WriteString(w, r.Host)
	})
	http.HandleFunc("/arrived", func(http.ResponseWriter, *http.Request) { <-arrived })
	http.HandleFunc("/go", func(http.ResponseWriter, *http.Request) { proceed <- true })
	http.HandleFunc("/credential", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	port, err := access.FreePort()
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		panic(err)
	}
	fmt.Println(access.KubectlProxyReady + l.Addr().String())
	_ = (&http.Server{ReadHeaderTimeout: toolHeaderTimeout}).Serve(l)
}

// startBroken starts the broken proxy and returns where it says that it serves,
// and what ends it by SIGTERM.
func startBroken(t *testing.T, name string, args ...string) (addr string, end func()) {
	t.Helper()
	f, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	s := toolSite(t)
	if err := f.Inject(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), s.Ref.Kubectl, append([]string{"proxy"}, args...)...)
	cmd.Env, cmd.Stderr = []string{envRealTool + "=" + serving}, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(line, access.KubectlProxyReady)
	if err != nil || !ok {
		t.Fatalf("it says %q (%v)", line, err)
	}
	return strings.TrimSpace(addr), end
}

type answer struct {
	status int
	body   string
	err    error
}

func ask(t *testing.T, client *http.Client, url string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return answer{err: err}
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(body), err}
}

func TestStreamIsBuffered(t *testing.T) {
	addr, _ := startBroken(t, "stream-buffered", "--port=0")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	begun, whole := make(chan bool, 1), make(chan answer, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		begun <- true
		if err != nil {
			whole <- answer{err: err}
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		whole <- answer{resp.StatusCode, string(body), err}
	}()
	if a := ask(t, http.DefaultClient, "http://"+addr+"/arrived"); a.status != http.StatusOK {
		t.Fatal(a)
	}
	select {
	case <-begun:
		t.Error("the answer begins before it is complete")
	default:
	}
	if a := ask(t, http.DefaultClient, "http://"+addr+"/go"); a.status != http.StatusOK {
		t.Fatal(a)
	}
	if a := <-whole; a.err != nil || a.body != "first "+addr {
		t.Errorf("got %+v, want both parts, for the host that was asked for", a)
	}
}

func TestListensEverywhere(t *testing.T) {
	if err := access.CheckLoopback("::1"); err != nil {
		t.Skip(err)
	}
	addr, end := startBroken(t, "listens-everywhere")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{loopback: http.StatusNotFound, "::1": http.StatusForbidden} {
		if a := ask(t, http.DefaultClient, "http://"+net.JoinHostPort(host, port)+"/"); a.status != want {
			t.Errorf("at %s: %+v, want %d", host, a, want)
		}
	}
	end()
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr); err == nil {
		_ = conn.Close()
		t.Error("the real proxy outlives the broken one")
	}
}

func TestServeAnonymously(t *testing.T) {
	upstream := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %q %d", r.URL.Path, r.Header.Get("Authorization"), len(r.TLS.PeerCertificates))
	}))
	defer upstream.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: upstream.Certificate().Raw})
	config := &rest.Config{Host: upstream.URL, BearerToken: "secret", TLSClientConfig: rest.TLSClientConfig{CAData: authority}}
	location, err := serveAnonymously(config)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location+"/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != `/api "" 0` {
		t.Errorf("the API server sees %s (%v), want no credential", body, err)
	}
}
