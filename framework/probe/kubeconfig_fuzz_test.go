package probe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// shownSecret is a credential in the text of a kubeconfig, whether or not the
// rest can be read.
var shownSecret = regexp.MustCompile(`(?m)^\s*(?:token|password|client-key-data):\s*"?([A-Za-z0-9_-]{8,})"?\s*$`)

// FuzzKubeconfig reads any text as a kubeconfig: it is one, or there is a known
// code for what it lacks, and no message shows a credential that is in it.
func FuzzKubeconfig(f *testing.F) {
	const stanza = `apiVersion: v1
kind: Config
current-context: c
clusters:
- name: k
  cluster:
    server: https://127.0.0.1:6443
contexts:
- name: c
  context:
    cluster: k
    user: u
users:
- name: u
  user:
`
	for _, s := range []string{
		"", "a", "{}", stanza,
		stanza + "    token: canary-Zk3vQ9xW7b\n",
		stanza + "    username: me\n    password: canary-Zk3vQ9xW7b\n",
		stanza + "    client-certificate-data: YQ==\n    client-key-data: Y2FuYXJ5WmszdlE5eFc3Yg\n",
		strings.Replace(stanza, "https://127.0.0.1:6443", "https://me:canary-Zk3vQ9xW7b@127.0.0.1:6443", 1),
		strings.Replace(stanza, "server:", "proxy-url: socks5://me:canary-Zk3vQ9xW7b@proxy:1080\n    server:", 1),
		strings.Replace(stanza, "server:", "certificate-authority-data: bm9uZQ==\n    server:", 1),
		strings.Replace(stanza, "server:", "insecure-skip-tls-verify: true\n    tls-server-name: x\n    server:", 1),
		stanza + "    auth-provider:\n      name: oidc\n      config:\n        id-token: canary-Zk3vQ9xW7b\n",
		stanza + "    as: somebody\n    token: [canary-Zk3vQ9xW7b]\n",
		"users:\n- name: u\n  user:\n    token: canary-Zk3vQ9xW7b\n   x: y\n",
	} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "kubeconfig")
	f.Fuzz(func(t *testing.T, data []byte) {
		config, errLoad := clientcmd.Load(data)
		if errLoad == nil && reachesOut(config) {
			t.Skip("it would run a program or read a file")
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		w := newWalk(catalog.PathKubectl, Target{Kubeconfig: path}, kubeconfigHops...)
		defer w.close()
		trace := w.through(t.Context(), w.config)
		if step, broken := trace.Broken(); broken {
			if d, ok := Lookup(step.Code); !ok || d.Hop != catalog.HopConfig {
				t.Errorf("code %q is of no kubeconfig", step.Code)
			}
			if errLoad != nil && step.Code != ConfigMalformed {
				t.Errorf("code %q of a kubeconfig that cannot be read: %v", step.Code, errLoad)
			}
		} else if errLoad != nil {
			t.Errorf("a kubeconfig that cannot be read passes: %v", errLoad)
		}
		checkSilent(t, trace, string(data), config, errLoad)
	})
}

// reachesOut is whether using the configuration does more than read it.
func reachesOut(c *clientcmdapi.Config) bool {
	for _, u := range c.AuthInfos {
		if u.Exec != nil || u.TokenFile != "" || u.ClientCertificate != "" || u.ClientKey != "" {
			return true
		}
	}
	for _, cl := range c.Clusters {
		if cl.CertificateAuthority != "" {
			return true
		}
	}
	return false
}

func checkSilent(t *testing.T, trace Trace, text string, config *clientcmdapi.Config, errLoad error) {
	t.Helper()
	asJSON, err := json.Marshal(trace)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := trace.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	said := []string{trace.Summary(), table.String(), string(asJSON)}
	if err := trace.Err(); err != nil {
		said = append(said, err.Error())
	}
	secrets := shownSecret.FindAllStringSubmatch(text, -1)
	if errLoad == nil {
		for _, u := range config.AuthInfos {
			secrets = append(secrets, []string{"", u.Token}, []string{"", u.Password})
		}
	}
	for _, s := range secrets {
		// What stands elsewhere in the text too may be a name.
		if len(s[1]) < 8 || strings.Count(text, s[1]) != 1 {
			continue
		}
		for _, m := range said {
			if strings.Contains(m, s[1]) {
				t.Errorf("%q is in %q", s[1], m)
			}
		}
	}
}
