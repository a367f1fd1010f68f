package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// finding is what ended a hop: its diagnosis, what was seen, and the error.
type finding struct {
	code   Code
	target string
	saw    string
	err    error
}

// entry is what a kubeconfig says about one context: where the server is, how
// to trust it and who the caller is. It is the kubeconfig's stanza as the
// client would use it, with the credential in hand.
type entry struct {
	config *rest.Config
	server *url.URL
	proxy  *url.URL
	// client is the client's certificate, or nil.
	client *x509.Certificate
	// files are the kubeconfigs that were asked for, for messages.
	files   string
	saw     string
	secrets []Secret
}

// loadKubeconfig reads the kubeconfig as kubectl does, without kubectl's
// defaults for what is missing, and gets the credential ready. It does not
// talk to the cluster; a credential plugin may.
func loadKubeconfig(ctx context.Context, t Target) (entry, *finding) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = t.Kubeconfig
	rules.WarnIfAllMissing = false
	// The rules would copy a kubeconfig of long ago to its new place.
	rules.MigrationRules = nil
	e := entry{files: cmp.Or(t.Kubeconfig, strings.Join(rules.Precedence, string(filepath.ListSeparator)))}

	raw, f := e.read(rules)
	if f != nil {
		return e, f
	}
	name := cmp.Or(t.Context, raw.CurrentContext)
	t.Overrides.Apply(raw, name)
	stanza, f := e.choose(raw, name)
	if f != nil {
		return e, f
	}
	e.secrets = append(e.secrets, secretsOf(raw.AuthInfos[stanza.AuthInfo])...)
	if f := e.checkFiles(raw.Clusters[stanza.Cluster], raw.AuthInfos[stanza.AuthInfo]); f != nil {
		return e, f
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, name, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return e, e.finding(ConfigInvalid, firstLine(err), err)
	}
	e.config = config
	if f := e.complete(); f != nil {
		return e, f
	}
	credential, f := e.credential(ctx, raw.AuthInfos[stanza.AuthInfo], cmp.Or(t.Timeout, pluginTimeout))
	if f != nil {
		return e, f
	}
	e.saw = fmt.Sprintf("context %q, cluster %q at %s, user %q with %s", name, stanza.Cluster, e.server, stanza.AuthInfo, credential)
	return e, nil
}

func (e *entry) finding(code Code, saw string, err error) *finding {
	return &finding{code: code, target: e.files, saw: saw, err: err}
}

func (e *entry) read(rules *clientcmd.ClientConfigLoadingRules) (*clientcmdapi.Config, *finding) {
	files := rules.Precedence
	if rules.ExplicitPath != "" {
		files = []string{rules.ExplicitPath}
	}
	found := false
	for _, file := range files {
		if file == "" {
			continue
		}
		data, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, &finding{ConfigUnreadable, file, reason(err), err}
		}
		found = true
		if _, err := clientcmd.Load(data); err != nil {
			return nil, &finding{ConfigMalformed, file, whyMalformed(data, err), err}
		}
	}
	if !found {
		return nil, e.finding(ConfigMissing, "no file there", fmt.Errorf("reading kubeconfig %q: %w", e.files, fs.ErrNotExist))
	}
	raw, err := rules.Load()
	if err != nil {
		return nil, e.finding(ConfigMalformed, firstLine(err), err)
	}
	if clientcmdapi.IsConfigEmpty(raw) {
		return nil, e.finding(ConfigEmpty, "it names no context, cluster or user; kubectl would try http://localhost:8080",
			fmt.Errorf("reading kubeconfig %q: %w", e.files, clientcmd.ErrEmptyConfig))
	}
	return raw, nil
}

// whyMalformed says in plain words what client-go says in Go types.
func whyMalformed(data []byte, err error) string {
	var fields map[string]any
	if errYAML := yaml.Unmarshal(data, &fields); errYAML != nil {
		if strings.Contains(errYAML.Error(), "cannot unmarshal") {
			return "it is not a YAML mapping"
		}
		return firstLine(errYAML)
	}
	return firstLine(err)
}

// choose returns the context with the given name if all that it refers to is
// there. Where kubectl would fall back to http://localhost:8080, this does not.
func (e *entry) choose(raw *clientcmdapi.Config, name string) (*clientcmdapi.Context, *finding) {
	stanza := raw.Contexts[name]
	switch {
	case name == "":
		return nil, e.finding(ConfigNoContext, "no current-context is set and none was asked for", clientcmd.ErrNoContext)
	case stanza == nil:
		return nil, e.finding(ConfigNoContext, fmt.Sprintf("context %q is not in it", name), fmt.Errorf("choosing context %q: %w", name, clientcmd.ErrNoContext))
	case raw.Clusters[stanza.Cluster] == nil:
		return nil, e.finding(ConfigNoCluster, fmt.Sprintf("context %q names cluster %q, which is not in it", name, stanza.Cluster), fmt.Errorf("choosing cluster %q: not in the kubeconfig", stanza.Cluster))
	case raw.Clusters[stanza.Cluster].Server == "":
		return nil, e.finding(ConfigNoServer, fmt.Sprintf("cluster %q has no server; kubectl would try http://localhost:8080", stanza.Cluster), clientcmd.ErrEmptyCluster)
	case raw.AuthInfos[stanza.AuthInfo] == nil:
		return nil, e.finding(ConfigNoUser, fmt.Sprintf("context %q names user %q, which is not in it", name, stanza.AuthInfo), fmt.Errorf("choosing user %q: not in the kubeconfig", stanza.AuthInfo))
	}
	return stanza, nil
}

// checkFiles tells which file of the stanza cannot be read; client-go's own
// check says so of some files and without a way to tell them apart.
func (e *entry) checkFiles(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) *finding {
	files := []struct {
		field, path string
		code        Code
	}{
		{"certificate-authority", cluster.CertificateAuthority, ConfigAuthority},
		{"client-certificate", user.ClientCertificate, ConfigCredential},
		{"client-key", user.ClientKey, ConfigCredential},
		{"tokenFile", user.TokenFile, ConfigCredential},
	}
	for _, f := range files {
		if f.path == "" {
			continue
		}
		data, err := os.ReadFile(f.path)
		if err != nil {
			return e.finding(f.code, fmt.Sprintf("%s %q: %s", f.field, f.path, reason(err)), err)
		}
		if f.field == "tokenFile" {
			e.secrets = append(e.secrets, Secret(strings.TrimSpace(string(data))))
		}
	}
	ca := cluster.CertificateAuthorityData
	if len(ca) == 0 && cluster.CertificateAuthority != "" {
		var err error
		if ca, err = os.ReadFile(cluster.CertificateAuthority); err != nil {
			return e.finding(ConfigAuthority, reason(err), err)
		}
	}
	if (len(ca) > 0 || cluster.CertificateAuthority != "") && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		return e.finding(ConfigAuthority, "it holds no certificate in PEM", errors.New("reading certificate-authority: no certificate in PEM"))
	}
	if cluster.InsecureSkipTLSVerify && len(ca) > 0 {
		return e.finding(ConfigInvalid, "insecure-skip-tls-verify and a certificate authority exclude each other", errors.New("specifying certificate-authority with insecure-skip-tls-verify: only one is allowed"))
	}
	return nil
}

// complete works out what client-go would: the server's URL, and the proxy.
func (e *entry) complete() *finding {
	server, _, err := rest.DefaultServerUrlFor(e.config)
	if err != nil || server.Hostname() == "" {
		return e.finding(ConfigInvalid, "the server is not a URL", errors.Join(err, fmt.Errorf("parsing server %q: no host in it", Redact(e.config.Host))))
	}
	if server.Scheme != "https" && server.Scheme != "http" {
		return e.finding(ConfigInvalid, fmt.Sprintf("the server's scheme is %q", server.Scheme), fmt.Errorf("parsing server %q: only http and https are known", Redact(e.config.Host)))
	}
	if server.User != nil {
		// client-go sends it no further than Go's own client does; a
		// message must not show it either.
		if p, ok := server.User.Password(); ok {
			e.secrets = append(e.secrets, Secret(p))
		}
	}
	e.server = server
	if e.config.Proxy == nil {
		e.config.Proxy = net.NewProxierWithNoProxyCIDR(http.ProxyFromEnvironment)
	}
	e.proxy, err = e.config.Proxy(&http.Request{URL: server})
	if err != nil {
		return e.finding(ConfigInvalid, "the proxy is not a URL", err)
	}
	if e.proxy != nil {
		if p, ok := e.proxy.User.Password(); ok {
			e.secrets = append(e.secrets, Secret(p))
		}
	}
	return nil
}

// credential gets the credential ready and says in a few words what it is.
func (e *entry) credential(ctx context.Context, user *clientcmdapi.AuthInfo, limit time.Duration) (string, *finding) {
	kinds := e.kinds(user)
	if e.server.Scheme == "http" {
		if len(kinds) == 0 {
			return "no credential", nil
		}
		return "no credential, for none is sent over plain HTTP", nil
	}
	hasCert := len(e.config.CertData) > 0 || e.config.CertFile != ""
	if plugin := e.config.ExecProvider; plugin != nil {
		// As in client-go, another credential comes before the plugin.
		if e.config.BearerToken == "" && e.config.Username == "" && !hasCert {
			if f := e.runPlugin(ctx, plugin, limit); f != nil {
				return "", f
			}
		}
		e.config.ExecProvider = nil
	}
	if f := e.loadClientCertificate(); f != nil {
		return "", f
	}
	if _, err := rest.HTTPWrappersForConfig(e.config, http.DefaultTransport); err != nil {
		return "", e.finding(ConfigInvalid, firstLine(err), err)
	}
	if len(kinds) == 0 {
		return "no credential", nil
	}
	return strings.Join(kinds, " and "), nil
}

func (e *entry) kinds(user *clientcmdapi.AuthInfo) []string {
	var kinds []string
	add := func(has bool, kind string) {
		if has {
			kinds = append(kinds, kind)
		}
	}
	add(user.ClientCertificate != "" || len(user.ClientCertificateData) > 0, "a client certificate")
	add(user.Token != "", "a token")
	add(user.Token == "" && user.TokenFile != "", fmt.Sprintf("the token file %q", user.TokenFile))
	add(user.Username != "", "a user name and password")
	if user.Exec != nil {
		add(true, fmt.Sprintf("the credential plugin %q", user.Exec.Command))
	}
	if user.AuthProvider != nil {
		add(true, fmt.Sprintf("the auth provider %q", user.AuthProvider.Name))
	}
	if user.Impersonate != "" {
		add(true, fmt.Sprintf("impersonation of %q", user.Impersonate))
	}
	return kinds
}

func (e *entry) loadClientCertificate() *finding {
	c := e.config
	var pair tls.Certificate
	var err error
	switch {
	case len(c.CertData) == 0 && c.CertFile == "":
		return nil
	default:
		certPEM, errCert := dataOrFile(c.CertData, c.CertFile)
		keyPEM, errKey := dataOrFile(c.KeyData, c.KeyFile)
		if err = errors.Join(errCert, errKey); err == nil {
			pair, err = tls.X509KeyPair(certPEM, keyPEM)
		}
	}
	if err != nil {
		return e.finding(ConfigCredential, "client certificate and key: "+firstLine(err), err)
	}
	e.client = pair.Leaf
	return nil
}

func dataOrFile(data []byte, file string) ([]byte, error) {
	if len(data) > 0 || file == "" {
		return data, nil
	}
	return os.ReadFile(file)
}

// secretName is how a setting that holds a credential is named.
var secretName = regexp.MustCompile(`(?i)token|secret|passw|key|credential`)

// secretsOf returns what must not be shown even where its form does not give
// it away, such as a token that a server repeats in its answer.
func secretsOf(user *clientcmdapi.AuthInfo) []Secret {
	all := []Secret{Secret(user.Token), Secret(user.Password)}
	if block, _ := pem.Decode(user.ClientKeyData); block != nil {
		all = append(all, Secret(user.ClientKeyData))
	}
	if user.AuthProvider != nil {
		for k, v := range user.AuthProvider.Config {
			if secretName.MatchString(k) {
				all = append(all, Secret(v))
			}
		}
	}
	if user.Exec != nil {
		for _, v := range user.Exec.Env {
			if secretName.MatchString(v.Name) {
				all = append(all, Secret(v.Value))
			}
		}
	}
	return all
}

// reason returns why a file could not be used, without repeating its name.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return firstLine(err)
}
