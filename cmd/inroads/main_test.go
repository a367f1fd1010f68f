package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// program is the binary, built once for all tests of it.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "inroads-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "inroads")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as 'make build' does
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the binary: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// start starts the binary with a cache folder and a home folder of its own.
func start(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd = exec.Command(program, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "INROADS_CACHE="+t.TempDir(), "HOME="+cmd.Dir, "KUBECONFIG=")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout, stderr
}

// wait returns the exit code.
func wait(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	content := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
"clusters":[{"name":"c","cluster":{"server":%q,"insecure-skip-tls-verify":true}}],
"users":[{"name":"u","user":{"token":"of-nobody"}}]}`, server)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// apiServer says as much as a walk to an API server asks for.
func apiServer(t *testing.T) *httptest.Server {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/apis/authentication.k8s.io/v1/selfsubjectreviews":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"jane"}}}`)
		case "/version":
			fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
		case "/readyz":
			fmt.Fprint(w, "ok")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// silent accepts connections and never answers; accepted tells of each.
func silent(t *testing.T) (url string, accepted <-chan struct{}) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	told := make(chan struct{}, 100)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			told <- struct{}{}
		}
	}()
	return "https://" + listener.Addr().String(), told
}

// TestExitCodes runs the binary to each of its exit codes that needs no cluster.
func TestExitCodes(t *testing.T) {
	up := apiServer(t)
	down := kubeconfig(t, "https://127.0.0.1:1") // where nothing listens
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"the way is open", []string{"probe", "kubectl", "--kubeconfig", kubeconfig(t, up.URL)}, 0, ""},
		{"a hop is broken", []string{"probe", "kubectl", "--kubeconfig", down}, 1, ""},
		{"unknown flag", []string{"run", "--bogus"}, 2, "inroads: unknown flag: --bogus; 'inroads run --help' lists the flags\n"},
		{"nothing is selected", []string{"run", "--match", "nothing like it"}, 2, "inroads: no claim meets --match nothing like it; "},
		{"unknown command", []string{"rnu"}, 2, `inroads: unknown command "rnu"; `},
		{"no cluster there", []string{"run", "--kubeconfig", down}, 3, "inroads: dial refused at 127.0.0.1:1: "},
		{"no kubeconfig", []string{"doctor", "--kubeconfig", "none"}, 3, "inroads: config broke at none: no such kubeconfig"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd, stdout, stderr := start(t, tt.args...)
			if code := wait(t, cmd); code != tt.code || !strings.HasPrefix(stderr.String(), tt.stderr) || tt.stderr == "" && stderr.Len() > 0 {
				t.Errorf("exit code %d, want %d; %q, want %q\n%s", code, tt.code, stderr, tt.stderr, stdout)
			}
			if strings.Contains(stdout.String()+stderr.String(), "of-nobody") {
				t.Error("the token is printed")
			}
		})
	}
}

// TestInterrupted interrupts a run once, which ends it with reports that say so.
func TestInterrupted(t *testing.T) {
	url, accepted := silent(t)
	cmd, stdout, stderr := start(t, "run", "--kubeconfig", kubeconfig(t, url), "--request-timeout", "1m")
	<-accepted
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := wait(t, cmd); code != 4 || !strings.HasPrefix(stderr.String(), "inroads: interrupted, cleaning up; once more leaves at once\n") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if !strings.Contains(stdout.String(), "interrupted: nothing of the run is left\n") {
		t.Errorf("it does not say what is left:\n%s", stdout)
	}
	for _, name := range []string{"report.json", "junit.xml"} {
		if content, err := os.ReadFile(filepath.Join(cmd.Dir, "_artifacts", name)); err != nil || !bytes.Contains(content, []byte("interrupted")) {
			t.Errorf("%s: error %v: does not say that the run was interrupted", name, err)
		}
	}
}

// TestPluginByName runs the binary under the name of a plugin of kubectl.
func TestPluginByName(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "kubectl-inroads")
	if err := os.Symlink(program, plugin); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(plugin, "run", "--help").Output()
	if err != nil || !bytes.Contains(out, []byte("\n  kubectl inroads run [flags]\n")) {
		t.Errorf("error %v, printed\n%s", err, out)
	}
}
