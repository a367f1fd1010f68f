package existing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// theirs is a kubeconfig of two contexts, with files and programs beside it.
const theirs = `apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c1, user: u1, namespace: theirs}}
- {name: two, context: {cluster: c2, user: u2}}
clusters:
- {name: c1, cluster: {server: "https://127.0.0.1:1", certificate-authority: pki/ca.crt}}
- {name: c2, cluster: {server: "https://127.0.0.1:2", certificate-authority: none.crt, certificate-authority-data: Y2E=}}
users:
- name: u1
  user: {client-certificate: pki/client.crt, client-key: pki/client.key}
- name: u2
  user:
    tokenFile: pki/token
    exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/plugin, args: [login], interactiveMode: Never}
`

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newProvider(t *testing.T, o Options) (*Provider, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	o.CacheDir, o.Log = t.TempDir(), &log
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.describe = func(_ context.Context, ref *cluster.Ref) error {
		ref.KubernetesVersion, ref.Nodes = "v1.37.2", []cluster.Node{{Name: "n"}}
		return nil
	}
	return p, &log
}

func userFile(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"ca.crt", "client.crt", "client.key", "token"} {
		write(t, dir, "pki/"+name, "content of "+name)
	}
	return write(t, dir, "config", theirs)
}

func TestCreateCopiesTheOneContext(t *testing.T) {
	file := userFile(t)
	p, log := newProvider(t, Options{Kubeconfig: file})
	ref, err := p.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ref.Provider != "existing" || ref.Name != "one" || ref.Context != "one" || ref.KubernetesVersion != "v1.37.2" ||
		ref.Images != cluster.PublicImages() || ref.Preloaded || ref.Engine != "" {
		t.Errorf("ref: %+v", ref)
	}
	copied, err := clientcmd.LoadFromFile(ref.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if len(copied.Contexts) != 1 || copied.CurrentContext != "one" || copied.Contexts["one"].Namespace != "theirs" || len(copied.Clusters) != 1 || len(copied.AuthInfos) != 1 {
		t.Errorf("copied %+v", copied)
	}
	if got := string(copied.Clusters["c1"].CertificateAuthorityData); got != "content of ca.crt" || copied.Clusters["c1"].CertificateAuthority != "" {
		t.Errorf("authority %q", got)
	}
	if got := string(copied.AuthInfos["u1"].ClientKeyData); got != "content of client.key" {
		t.Errorf("key %q", got)
	}
	for path, mode := range map[string]fs.FileMode{ref.Kubeconfig: 0o600, filepath.Dir(ref.Kubeconfig): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, error %v, want mode %o", path, info, err, mode)
		}
	}
	if want := fmt.Sprintf("cluster: using context \"one\" of %q: Kubernetes v1.37.2, nodes: 1\n", file); log.String() != want {
		t.Errorf("log %q, want %q", log, want)
	}
	if now, _ := os.ReadFile(file); string(now) != theirs {
		t.Error("the user's file changed")
	}
	for range 2 {
		if err := p.Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		gone(t, p)
	}
}

func gone(t *testing.T, p *Provider) {
	t.Helper()
	if left, _ := os.ReadDir(filepath.Join(p.o.CacheDir, runsDir)); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if left, _ := p.ledger.List(); len(left) > 0 {
		t.Errorf("ledger entries left: %+v", left)
	}
}

// create returns what the provider gives, and its copy of the kubeconfig.
func create(t *testing.T, p *Provider) (cluster.Ref, *api.Config) {
	t.Helper()
	ref, err := p.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	copied, err := clientcmd.LoadFromFile(ref.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return ref, copied
}

func TestCreateKeepsPluginsAndTokenFiles(t *testing.T) {
	file := userFile(t)
	p, _ := newProvider(t, Options{Kubeconfig: file, Context: "two", Images: cluster.Images{Server: "s"}})
	ref, copied := create(t, p)
	user, beside := copied.AuthInfos["u2"], filepath.Dir(file)
	if user.Exec == nil || user.Exec.Command != filepath.Join(beside, "bin/plugin") || user.TokenFile != filepath.Join(beside, "pki/token") {
		t.Errorf("user %+v, plugin %+v", user, user.Exec)
	}
	if string(copied.Clusters["c2"].CertificateAuthorityData) != "ca" {
		t.Error("a file won over data")
	}
	if ref.Images.Server != "s" || ref.Images.Client != cluster.PublicImages().Client {
		t.Errorf("images %+v", ref.Images)
	}
}

func TestCreateReadsWhatKubectlReads(t *testing.T) {
	t.Setenv("KUBECONFIG", strings.Join([]string{write(t, t.TempDir(), "a", "current-context: one\n"), userFile(t)}, string(os.PathListSeparator)))
	p, _ := newProvider(t, Options{Context: "two"})
	if ref, err := p.Create(t.Context()); err != nil || ref.Context != "two" {
		t.Errorf("got %+v, error %v", ref, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	const clusterless = "contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: u}}]\n"
	for _, tc := range []struct{ name, file, context, want string }{
		{"no file", filepath.Join(dir, "none"), "", "no such file; give another with --kubeconfig"},
		{"a folder", dir, "", "it is a folder"},
		{"no YAML", write(t, dir, "text", "\tkind: ["), "", "reading kubeconfig "},
		{"no context", write(t, dir, "empty", "apiVersion: v1\nkind: Config\n"), "", "it has no context"},
		{"no current context", write(t, dir, "uncurrent", clusterless), "", `it has no current-context; choose with --context one of "a", "b"`},
		{"another context", write(t, dir, "other", clusterless), "c", `it has no context "c"; choose with --context one of "a", "b"`},
		{"no cluster", write(t, dir, "clusterless", clusterless), "a", `context "a" is about cluster "c", which is not in it`},
		{"no user", write(t, dir, "userless", clusterless+"clusters: [{name: c, cluster: {server: https://127.0.0.1:1}}]\n"), "a", `context "a" is about user "u", who is not in it`},
		{"no certificate", write(t, dir, "certless", strings.ReplaceAll(theirs, "pki/ca.crt", "gone.crt")), "", `reading context "one" of kubeconfig `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := newProvider(t, Options{Kubeconfig: tc.file, Context: tc.context})
			_, err := p.Create(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), tc.file) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
			gone(t, p)
		})
	}
}

func TestCreateLeavesNothingWhenTheClusterDoesNotAnswer(t *testing.T) {
	p, _ := newProvider(t, Options{Kubeconfig: userFile(t)})
	refused := errors.New("connection refused")
	p.describe = func(context.Context, *cluster.Ref) error { return refused }
	_, err := p.Create(t.Context())
	if !errors.Is(err, refused) || err.Error() != `checking the cluster of context "one" at https://127.0.0.1:1: connection refused` {
		t.Errorf("got %v", err)
	}
	gone(t, p)
}

// TestOverridesAreInTheCopy proves that each client of a run goes by what
// overrides the kubeconfig, kubectl included, which reads the copy alone.
func TestOverridesAreInTheCopy(t *testing.T) {
	o := probe.Overrides{User: "u2", As: "jane", AsUID: "7", AsGroups: []string{"a", "b"}, RequestTimeout: time.Minute}
	p, _ := newProvider(t, Options{Kubeconfig: userFile(t), Overrides: o})
	ref, copied := create(t, p)
	user := copied.AuthInfos["u2"]
	if user == nil || len(copied.AuthInfos) != 1 || user.Impersonate != "jane" || user.ImpersonateUID != "7" || !slices.Equal(user.ImpersonateGroups, o.AsGroups) {
		t.Errorf("copied %+v", user)
	}
	if ref.Overrides.RequestTimeout != time.Minute || ref.Overrides.As != "" {
		t.Errorf("the ref has %+v", ref.Overrides)
	}
	p, _ = newProvider(t, Options{Kubeconfig: userFile(t), Overrides: probe.Overrides{User: "nobody"}})
	if _, err := p.Create(t.Context()); err == nil || !strings.Contains(err.Error(), `user "nobody", who is not in it`) {
		t.Errorf("got error %v", err)
	}
}
