package access

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func TestUnpack(t *testing.T) {
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name         string
		user         clientcmdapi.AuthInfo
		header       string // in the file that curl is given; "" for none
		certificates bool
	}{
		{"nothing", clientcmdapi.AuthInfo{}, "", false},
		{"certificate", clientcmdapi.AuthInfo{ClientCertificateData: []byte("certificate"), ClientKeyData: []byte("key")}, "", true},
		{"token", clientcmdapi.AuthInfo{Token: "in-it"}, "Authorization: Bearer in-it", false},
		{"token file", clientcmdapi.AuthInfo{TokenFile: tokenFile}, "Authorization: Bearer from-a-file", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := clientcmdapi.NewConfig()
			c.CurrentContext = "c"
			c.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
			c.Clusters["c"] = &clientcmdapi.Cluster{Server: "https://192.0.2.1:6443/", CertificateAuthorityData: []byte("authority")}
			c.AuthInfos["u"] = &tc.user
			dir := filepath.Join(t.TempDir(), "unpacked")
			u, err := Kubeconfig{c}.Unpack(dir)
			if err != nil {
				t.Fatal(err)
			}
			curl := u.Curl("/api", "--fail")
			if want := []string{"--cacert", filepath.Join(dir, authorityFile)}; !slices.Equal(curl[4:6], want) || curl[len(curl)-2] != "--fail" || curl[len(curl)-1] != "https://192.0.2.1:6443/api" {
				t.Errorf("curl is given %q", curl)
			}
			wget, env := u.Wget("/api")
			if slices.Contains(curl, "--cert") != tc.certificates || strings.Contains(strings.Join(wget, " "), "--private-key=") != tc.certificates {
				t.Errorf("curl is given %q, wget %q, want a certificate: %t", curl, wget, tc.certificates)
			}
			if (u.Header != "") != (tc.header != "") || len(env) > 0 != (tc.header != "") || u.HasCredential() != (tc.header != "" || tc.certificates) {
				t.Errorf("unpacked as %+v, wget with %q", u, env)
			}
			if tc.header != "" {
				if raw, err := os.ReadFile(u.Header); err != nil || string(raw) != tc.header {
					t.Errorf("curl is given the header %q (%v)", raw, err)
				}
				if info, err := os.Stat(u.Startup); err != nil || info.Mode().Perm() != kubeconfigMode {
					t.Errorf("wget's startup file: %v, %v", info, err)
				}
			}
			if u.Anonymous().HasCredential() {
				t.Error("who is anonymous has a credential")
			}
		})
	}
}
