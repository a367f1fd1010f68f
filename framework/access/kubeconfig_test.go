package access

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/probe"
)

const testKubeconfig = `apiVersion: v1
kind: Config
clusters:
- name: one
  cluster: {server: "https://one.example:6443", certificate-authority: ca.crt, tls-server-name: kubernetes}
- name: two
  cluster: {server: "https://two.example:6443"}
contexts:
- name: first
  context: {cluster: one, user: alice}
- name: second
  context: {cluster: two, user: bob, namespace: blue}
- name: nobody
  context: {cluster: two}
- name: nowhere
  context: {user: bob}
current-context: first
users:
- name: alice
  user: {client-certificate: alice.crt, client-key: alice.key}
- name: bob
  user: {token: bobs-token}
`

func writeTestKubeconfig(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"config": testKubeconfig, "ca.crt": "the authority", "alice.crt": "her certificate", "alice.key": "her key",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "config")
}

func TestLoadKubeconfig(t *testing.T) {
	path := writeTestKubeconfig(t)
	for _, row := range []struct {
		name, path, context string
		server, ca          string
		err                 string
	}{
		{name: "current", path: path, server: "https://one.example:6443", ca: "the authority"},
		{name: "named", path: path, context: "second", server: "https://two.example:6443"},
		{name: "no user", path: path, context: "nobody", server: "https://two.example:6443"},
		{name: "no cluster", path: path, context: "nowhere", err: "names no cluster"},
		{name: "no such context", path: path, context: "third", err: "cannot locate context"},
		{name: "no such file", path: path + "x", err: "no such file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			k, err := LoadKubeconfig(row.path, row.context)
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Fatalf("want an error that says %q, got %v", row.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if k.Server() != row.server || string(k.CA()) != row.ca {
				t.Errorf("got server %q and CA %q", k.Server(), k.CA())
			}
			if n := len(k.Config().Contexts); n != 1 {
				t.Errorf("it has %d contexts", n)
			}
		})
	}
}

func TestKubeconfigChanges(t *testing.T) {
	path := writeTestKubeconfig(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := LoadKubeconfig(path, "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := LoadKubeconfig(path, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	const token = probe.Secret("another-token")
	for _, row := range []struct {
		name   string
		change Kubeconfig
		check  func(c *clientcmdapi.Config) bool
	}{
		{"nothing", k, func(c *clientcmdapi.Config) bool {
			return string(c.AuthInfos["alice"].ClientKeyData) == "her key" && c.AuthInfos["alice"].ClientKey == ""
		}},
		{"server", k.WithServer("https://dead.example"), func(c *clientcmdapi.Config) bool {
			return c.Clusters["one"].Server == "https://dead.example" && c.Clusters["one"].TLSServerName == "kubernetes"
		}},
		{"authority", k.WithCA([]byte("foreign")), func(c *clientcmdapi.Config) bool {
			return string(c.Clusters["one"].CertificateAuthorityData) == "foreign" && c.Clusters["one"].TLSServerName == ""
		}},
		{"insecure", k.WithInsecureTLS(), func(c *clientcmdapi.Config) bool {
			return c.Clusters["one"].InsecureSkipTLSVerify && c.Clusters["one"].CertificateAuthorityData == nil
		}},
		{"token", k.WithToken(token), func(c *clientcmdapi.Config) bool {
			return c.AuthInfos["alice"].Token == token.Reveal() && c.AuthInfos["alice"].ClientKeyData == nil
		}},
		{"token for no user", second.WithToken(token), func(c *clientcmdapi.Config) bool {
			return c.AuthInfos[c.Contexts["nobody"].AuthInfo].Token == token.Reveal()
		}},
		{"password", k.WithPassword("carol", "hers"), func(c *clientcmdapi.Config) bool {
			a := c.AuthInfos["alice"]
			return a.Username == "carol" && a.Password == "hers" && a.ClientKeyData == nil
		}},
		{"no credentials", k.WithoutCredentials(), func(c *clientcmdapi.Config) bool {
			return c.AuthInfos["alice"].ClientKeyData == nil && c.AuthInfos["alice"].ClientCertificateData == nil
		}},
		{"no cluster", k.WithoutCluster(), func(c *clientcmdapi.Config) bool {
			return len(c.Clusters) == 0 && c.AuthInfos["alice"] != nil
		}},
		{"namespace", k.WithNamespace("green"), func(c *clientcmdapi.Config) bool {
			return c.Contexts["first"].Namespace == "green"
		}},
		{"another context", k.WithContext("b", second), func(c *clientcmdapi.Config) bool {
			return c.CurrentContext == "first" && c.Clusters["b"].Server == "https://two.example:6443" && c.Contexts["b"].AuthInfo == "b"
		}},
		{"current context", k.WithCurrentContext("gone"), func(c *clientcmdapi.Config) bool {
			return c.CurrentContext == "gone"
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "config")
			if err := row.change.Write(out); err != nil {
				t.Fatal(err)
			}
			written, err := clientcmd.LoadFromFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if !row.check(written) {
				t.Error("the file does not say so")
			}
			if info, err := os.Stat(out); err != nil || info.Mode().Perm() != kubeconfigMode {
				t.Errorf("its mode is %v, %v", info.Mode(), err)
			}
			if err := row.change.Write(out); err == nil {
				t.Error("it was written over")
			}
		})
	}
	if k.Server() != "https://one.example:6443" || len(k.Config().Clusters) != 1 {
		t.Error("a change changed the original")
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
}

func TestKubeconfigHidesCredentials(t *testing.T) {
	k, err := LoadKubeconfig(writeTestKubeconfig(t), "second")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, k); strings.Contains(out, "bobs-token") || !strings.Contains(out, "second") {
			t.Errorf("%s prints %q", verb, out)
		}
	}
}
