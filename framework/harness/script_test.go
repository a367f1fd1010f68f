package harness

import (
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

const ownToken = "the-users-secret-0123456789"

// mintedToken is of a ServiceAccount; nobody has signed it.
func mintedToken(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","kid":"none"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("a signature of no key"))
}

// userKubeconfig writes the kubeconfig of a user with a token.
func userKubeconfig(t *testing.T, server string) (string, access.Kubeconfig) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"x","clusters":[{"name":"x","cluster":{"server":"` + server + `"}}],
"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"users":[{"name":"x","user":{"token":"` + ownToken + `"}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := access.LoadKubeconfig(path, "")
	if err != nil {
		t.Fatal(err)
	}
	return path, k
}

// checkScript has bash, and shellcheck where there is one, read the script.
func checkScript(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "bash", "-n", path).CombinedOutput(); err != nil {
		t.Fatalf("bash -n: %v: %s\n%s", err, out, text)
	}
	if tool, err := exec.LookPath("shellcheck"); err == nil {
		if out, err := exec.CommandContext(t.Context(), tool, path).CombinedOutput(); err != nil {
			t.Errorf("shellcheck: %v: %s", err, out)
		}
	}
	return path
}

func TestScriptsHoldNoSecret(t *testing.T) {
	minted := mintedToken(`{"sub":"system:serviceaccount:ns:robot","aud":["https://kubernetes.default.svc"]}`)
	stored := mintedToken(`{"sub":"system:serviceaccount:ns:robot","kubernetes.io/serviceaccount/secret.name":"kept"}`)
	path, base := userKubeconfig(t, "https://127.0.0.1:6443")
	home := t.TempDir()
	other := filepath.Join(home, "other")
	if err := base.WithToken(probe.Secret(minted)).WithServer("https://127.0.0.1:6443").Write(other); err != nil {
		t.Fatal(err)
	}
	config, err := base.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	robot := rest.AnonymousClientConfig(config)
	robot.BearerToken = minted
	host := access.Host{Kubectl: "/x/bin/kubectl", Kubeconfig: path, Home: home}
	for _, row := range []struct {
		name   string
		recipe access.Recipe
		want   []string
	}{
		{"a command", access.Recipe{Args: []string{"/x/bin/kubectl", "get", "pods"}, Host: host}, []string{"timeout 30 kubectl get pods"}},
		{"a command with another user", access.Recipe{Args: []string{"/x/bin/kubectl", "get", "pods"}, Host: host.WithKubeconfig(other)},
			[]string{"kubectl create token robot --namespace ns --audience https://kubernetes.default.svc", `server: '"$server"'`}},
		{"a token on standard input", access.Recipe{Args: []string{"curl", "--header", "@-", "https://127.0.0.1:6443/api"}, Host: host, Stdin: "Authorization: Bearer " + stored},
			[]string{"secret_token ns kept", `"$server"/api`, `<"$dir/stdin"`}},
		{"the user's own token on standard input", access.Recipe{Args: []string{"curl", "--header", "@-", "https://x/api"}, Host: host, Stdin: "Authorization: Bearer " + ownToken},
			[]string{`"$user_token"`}},
		{"a pipeline", access.Recipe{Args: []string{"bash", "-e", "-c", "TOKEN=$(kubectl create token default)\ncurl -H \"Authorization: Bearer $TOKEN\" https://127.0.0.1:6443"}, Host: host}, []string{"bash -e -c"}},
		{"a request of the user", access.Recipe{Request: &access.Request{URL: "https://127.0.0.1:6443/api"}, Config: config}, []string{`--config "$dir/own.conf"`, `"$server"/api`}},
		{"a request of a ServiceAccount", access.Recipe{Request: &access.Request{URL: "https://127.0.0.1:6443/api", Method: http.MethodPost, Body: "{}", Header: http.Header{"Accept": {"*/*"}}}, Config: robot},
			[]string{"kubectl create token robot", "--request POST", "--data-binary"}},
		{"a command in a container", access.Recipe{Command: []string{"sh", "-ec", "curl x"}, Container: access.Container{Namespace: "ns", Pod: "p", Container: "c"}},
			[]string{"kubectl exec --namespace ns p --container c -- sh -ec 'curl x'"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScript(subject{Title: [][2]string{{"claim", "a/b"}, {"failed", "no\nBearer " + minted}}, Kubeconfig: path, Context: "x", Kubectl: "kubectl", Want: catalog.Reached, Came: catalog.Refused})
			s.base = &base
			s.line("%s", stepPrelude)
			s.useOwn()
			s.ask(row.recipe, path)
			text := s.String()
			checkScript(t, text)
			for _, secret := range []string{ownToken, minted, stored} {
				if strings.Contains(text, secret) {
					t.Errorf("a secret is in the script:\n%s", text)
				}
			}
			for _, want := range row.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in the script:\n%s", want, text)
				}
			}
		})
	}
}

func TestWayScriptJudges(t *testing.T) {
	kubectl := filepath.Join(t.TempDir(), "kubectl")
	path, _ := userKubeconfig(t, "https://127.0.0.1:1")
	step := probe.Step{Hop: catalog.HopDial, State: probe.Broken, Target: "127.0.0.1:1", Code: probe.DialRefused, Saw: "connection refused"}
	script := checkScript(t, WayScript(Options{Kubeconfig: path, Kubectl: kubectl}, cluster.Ref{}, step, [][2]string{{"claim", "a/b"}}))
	for _, row := range []struct {
		name, does, says string
		exit             int
	}{
		{"as in the run", "echo 'connection refused' >&2; exit 1", "came:     Refused", ScriptUnmet},
		{"healed", "echo me", "came:     Reached", ScriptMet},
		{"nobody", "echo system:anonymous", "came:     Forbidden", ScriptUnmet},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := os.WriteFile(kubectl, []byte("#!/bin/sh\n"+row.does+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "bash", script)
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != row.exit || !strings.Contains(string(out), row.says) {
				t.Errorf("exit code %d, want %d: %s", cmd.ProcessState.ExitCode(), row.exit, out)
			}
		})
	}
}

func TestAnAddressIsNoPartOfALongerOne(t *testing.T) {
	s := newScript(subject{})
	s.variable("10.0.0.1", "pod", "$(x)")
	for text, want := range map[string]string{
		"http://10.0.0.1:80/":  `http://"$pod":80/`,
		"http://10.0.0.12:80/": "http://10.0.0.12:80/",
		"110.0.0.1":            "110.0.0.1",
		"it's":                 `'it'"'"'s'`,
	} {
		if got := s.word(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestScriptsHaveNamesOfTheirOwn(t *testing.T) {
	of := map[string]catalog.ID{reports.ScriptOf("way"): "way"}
	for _, c := range catalog.Claims() {
		name := reports.ScriptOf(string(c.ID))
		if of[name] != "" {
			t.Errorf("%s and %s have the same script %s", of[name], c.ID, name)
		}
		of[name] = c.ID
	}
}

// TestScriptTakesPodsOffTheirNodes proves that a script ends only after its pods in a
// node's network are gone.
func TestScriptTakesPodsOffTheirNodes(t *testing.T) {
	s := newScript(subject{})
	for _, m := range []snapshot{{namespace: "one", early: []string{"x"}, onNodes: []string{"a", "b"}}, {namespace: "two", early: []string{"x"}}} {
		m.write(s)
	}
	checkScript(t, s.String())
	_, last, _ := strings.Cut(s.String()[strings.LastIndex(s.String(), "trap '"):], "'")
	pods, namespaces := strings.Index(last, "delete pod a b --namespace one "), strings.Index(last, "delete namespace one two --wait=false")
	if pods < 0 || namespaces < pods {
		t.Errorf("the script ends with %s", last[:strings.Index(last, "' EXIT")])
	}
}

func TestAScriptWaitsHardlyLongerThanTheRun(t *testing.T) {
	for _, row := range []struct {
		outcome catalog.Outcome
		took    time.Duration
		want    int
	}{
		{catalog.TimedOut, 4001 * time.Millisecond, 6},
		{catalog.TimedOut, time.Second, leastLimit},
		{catalog.TimedOut, time.Minute, limit},
		{catalog.Refused, 4 * time.Second, limit},
	} {
		if got := scriptTime(access.Result{Outcome: row.outcome, Duration: row.took}); got != row.want {
			t.Errorf("%s after %s: %d s, want %d", row.outcome, row.took, got, row.want)
		}
	}
}
