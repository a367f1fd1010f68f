package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

// envRealTool makes this test binary a real client program: it prints the
// environment and the arguments that it was called with.
const envRealTool = "INROADS_TEST_REAL_TOOL"

func TestMain(m *testing.M) {
	if code, ok := Tool(context.Background(), os.Args[1:]); ok {
		os.Exit(code)
	}
	if os.Getenv(envRealTool) == serving {
		serveAsRealProxy()
		os.Exit(1)
	}
	if say := os.Getenv(envRealTool); say != "" {
		fmt.Print(strings.ReplaceAll(say, "ARGS", strings.Join(os.Args[1:], " ")))
		if kubeconfig := os.Getenv("KUBECONFIG"); kubeconfig != "" {
			raw, err := os.ReadFile(kubeconfig)
			fmt.Println(string(raw), err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// site returns a site of no cluster, whose kubectl is this test binary.
func toolSite(t *testing.T) *Site {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Site{Ref: cluster.Ref{Kubectl: self}, Dir: t.TempDir(), Config: &rest.Config{Host: "https://cluster.invalid:6443"}}
}

// call injects the fault and runs the broken kubectl, as the real one that says
// so.
func call(t *testing.T, name, kubeconfig, real string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	f, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	s := toolSite(t)
	if err := f.Inject(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Ref.Kubectl, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), envRealTool + "=" + real, "KUBECONFIG=" + kubeconfig}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestToolArguments(t *testing.T) {
	tests := []struct {
		fault, args, want string
	}{
		{"server-ignored", "get --raw /api", "get --raw /api --server=https://cluster.invalid:6443"},
		{"server-ignored", "exec pod -- ls --server=x", "exec pod --server=https://cluster.invalid:6443 -- ls --server=x"},
		{"view-context-ignored", "config view --minify --context second", "config view --minify"},
		{"view-context-ignored", "config view --context=second --minify", "config view --minify"},
		{"kubectl-verification-off", "get pods", "get pods --insecure-skip-tls-verify=true"},
		{"view-minified", "config view --output=json", "config view --output=json --minify"},
		{"view-minified", "get pods", "get pods"},
		{"view-minify-ignored", "config view --minify -o json", "config view -o json"},
		{"minify-ignored", "config view --minify=true", "config view"},
		{"view-always-raw", "config view", "config view --raw"},
		{"raw-ignored", "config view --raw", "config view"},
		{"raw-ignored", "get --raw /api", "get --raw /api"},
		{"context-ignored", "proxy --port=0 --context second", "proxy --port=0"},
		{"context-ignored", "get pods --context second", "get pods --context second"},
		{"prefix-moved", "proxy --api-prefix=/x", "proxy --api-prefix=/x --api-prefix=/inroads-moved/"},
		{"methods-rejected", "proxy", "proxy --reject-methods=^PATCH$"},
		{"hosts-all-accepted", "proxy --address=[::1]", "proxy --address=[::1] --accept-hosts=.*"},
		{"port-ignored", "proxy --port=8080", "proxy --port=8080 --port=0"},
		{"describe-reworded", "get secret", "get secret"},
		{"flatten-ignored", "config view --raw --flatten", "config view --raw"},
		{"flatten-ignored", "get --raw /api", "get --raw /api"},
		{"paths-unfiltered", "proxy --port=0", "proxy --port=0 --reject-paths=^$"},
		{"unknown-flags-taken", "get --inroads-no-such-flag --help", "get --help"},
		{"examples-gone", "get --raw /api", "get --raw /api"},
	}
	for _, tt := range tests {
		t.Run(tt.fault+" "+tt.args, func(t *testing.T) {
			got, stderr, code := call(t, tt.fault, "", "ARGS", strings.Fields(tt.args)...)
			if got != tt.want || code != 0 {
				t.Errorf("the real tool got %q, want %q (exit code %d, %s)", got, tt.want, code, stderr)
			}
		})
	}
}

func TestToolOutput(t *testing.T) {
	const shown = "Data\n====\ntoken:      abc\n"
	tests := []struct {
		fault, real, want string
	}{
		{"describe-reworded", shown, "Data\n====\nToken:      abc\n"},
		{"describe-invents-token", shown, shown},
		{"describe-invents-token", "Data\n====\n", "Data\n====\ntoken:      inroads-token-that-is-not-there\n"},
		{"examples-gone", "Examples:\n  kubectl describe\n", "See also:\n  kubectl describe\n"},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			if got, stderr, _ := call(t, tt.fault, "", tt.real, "describe", "secret", "x", "--help"); got != tt.want {
				t.Errorf("it prints %q, want %q (%s)", got, tt.want, stderr)
			}
		})
	}
}

// twoContexts writes a kubeconfig of two contexts, the second of which is the
// current one.
func twoContexts(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	for _, name := range []string{"a", "b"} {
		config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://" + name + ".invalid"}
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: "namespace-" + name}
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1", Command: "true", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
			Env: []clientcmdapi.ExecEnvVar{{Name: "SECRET", Value: "value-" + name}},
		}}
	}
	config.CurrentContext = "b"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestToolKubeconfig(t *testing.T) {
	tests := []struct {
		fault, args   string
		with, without []string
	}{
		{"kubeconfig-ignored", "get pods", nil, []string{"a.invalid"}},
		{"location-ignored", "proxy", nil, []string{"a.invalid"}},
		{"location-ignored", "get pods", []string{"a.invalid"}, nil},
		{"first-context-taken", "config view", []string{"current-context: a"}, []string{"current-context: b"}},
		{"first-context-taken", "get pods", []string{"current-context: b"}, nil},
		{"namespace-ignored", "get pods", []string{"a.invalid"}, []string{"namespace-a"}},
		{"namespace-ignored", "describe pods", []string{"namespace-a"}, nil},
		{"plugin-environment-hidden", "config view", []string{"REDACTED"}, []string{"value-a", "value-b"}},
		{"server-leg-plain", "proxy", []string{"http://a.invalid", "http://b.invalid"}, []string{"https://"}},
		{"server-leg-plain", "get pods", []string{"https://a.invalid"}, nil},
		{"missing-location-refused", "get pods", []string{"b.invalid"}, nil},
		{"no-prompt", "get pods", []string{"get pods", "b.invalid"}, []string{"--server"}},
		{"credentials-dropped", "get pods", []string{"get pods --server=http://127.0.0.1:"}, nil},
		{"flatten-redacts", "config view --flatten --minify", []string{"config view --minify", "b.invalid"}, []string{"--flatten"}},
	}
	for _, tt := range tests {
		t.Run(tt.fault+" "+tt.args, func(t *testing.T) {
			got, stderr, code := call(t, tt.fault, twoContexts(t), "ARGS\n", strings.Fields(tt.args)...)
			if code != 0 {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			for _, w := range tt.with {
				if !strings.Contains(got, w) {
					t.Errorf("the real tool did not get %q but\n%s", w, got)
				}
			}
			for _, w := range tt.without {
				if strings.Contains(got, w) {
					t.Errorf("the real tool got %q:\n%s", w, got)
				}
			}
		})
	}
}

func TestToolRefuses(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "no-such-file")
	for _, tt := range []struct{ fault, args string }{
		{"missing-location-refused", "get pods"},
		{"view-fails-when-empty", "config view"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			stdout, stderr, code := call(t, tt.fault, nowhere, "ARGS", strings.Fields(tt.args)...)
			if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "error: ") {
				t.Errorf("exit code %d, %q, %q; want 1 and an error", code, stdout, stderr)
			}
		})
	}
}

func TestProxyIsKilled(t *testing.T) {
	stdout, stderr, code := call(t, "proxy-killed", "", "Starting to serve on 127.0.0.1:1\nafter\n", "proxy")
	if want := "Starting to serve on 127.0.0.1:1\n"; !strings.HasSuffix(stdout, want) || code == 0 {
		t.Errorf("it says %q (%s), exit code %d; want %q at the end and another code than 0", stdout, stderr, code, want)
	}
}

func TestCurlIsFirstInPath(t *testing.T) {
	real := filepath.Join(t.TempDir(), "curl")
	if err := os.WriteFile(real, []byte("#!/bin/sh\necho \"$@\"\n"), toolMode); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(real)+":/bin")
	for name, want := range map[string]string{"verification-off": "-k https://x --insecure", "insecure-ignored": "https://x"} {
		f, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		s := toolSite(t)
		if err := f.Inject(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := f.Took(t.Context(), s); err != nil {
			t.Error(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "curl -k https://x")
		cmd.Env = s.Env
		if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: the real curl got %q (%v), want %q", name, out, err, want)
		}
	}
}

func TestBrowserIsFirstInPath(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f, err := Lookup("browser-verification-off")
	if err != nil {
		t.Fatal(err)
	}
	s := toolSite(t)
	if f.Missing(t.Context(), s) == "" {
		t.Error("a browser can be broken that is not there")
	}
	real := filepath.Join(t.TempDir(), browserProgram)
	if err := os.WriteFile(real, []byte("#!/bin/sh\necho \"$@\"\n"), toolMode); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(real)+":/bin")
	if why := f.Missing(t.Context(), s); why != "" {
		t.Error(why)
	}
	if err := f.Inject(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "chromium --headless about:blank")
	cmd.Env = s.Env
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "--headless about:blank --ignore-certificate-errors" {
		t.Errorf("the real browser got %q (%v)", out, err)
	}
}

// TestToolFile finds nothing secret in what a tool is told.
func TestToolFile(t *testing.T) {
	s := toolSite(t)
	s.Config.BearerToken = "secret"
	if err := kubectlTools[0].inject(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.Dir, "kubectl.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got toolFile
	if err := json.Unmarshal(raw, &got); err != nil || got.Fault != kubectlTools[0].name || strings.Contains(string(raw), "secret") {
		t.Errorf("%s (%v)", raw, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

// TestToolsAreCatalogued finds every fault of the catalogue that another client
// program makes, on the hop that it names.
func TestToolsAreCatalogued(t *testing.T) {
	named := map[string]catalog.Hop{}
	for _, c := range catalog.Claims() {
		for _, f := range c.Faults {
			own := []string{"a kubectl ", "a curl ", "a wget ", "a chromium ", "a python3 ", "a node ", "a go "}
			if slices.ContainsFunc(own, func(a string) bool { return strings.HasPrefix(f.How, a) }) || f.Name == authorityInSystemStore.Name {
				named[f.Name] = f.Hop
			}
		}
	}
	for _, f := range toolFaults {
		if hop, ok := named[f.Name]; !ok || hop != f.Hop {
			t.Errorf("the catalogue has fault %q on hop %q, here it is on %q", f.Name, hop, f.Hop)
		}
		delete(named, f.Name)
		for _, id := range f.Spares {
			if c, err := catalog.Lookup(id); err != nil || slices.ContainsFunc(c.Faults, func(of catalog.Fault) bool { return of.Name == f.Name }) {
				t.Errorf("fault %q spares claim %q, which it breaks or which is none", f.Name, id)
			}
		}
	}
	for name := range named {
		t.Errorf("no tool is broken in the way of %q", name)
	}
}
