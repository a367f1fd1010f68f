package access

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// UnknownToken is a token of no cluster.
const UnknownToken = probe.Secret("inroads-token-of-no-cluster")

// kubeconfigMode is the mode of every kubeconfig that is written: it holds
// credentials.
const kubeconfigMode = 0o600

// Kubeconfig is a copy of a cluster's kubeconfig in which one thing or another
// is changed, to see what a client makes of it. The methods that change
// something return a changed copy; the file that it came from is never written.
//
// It is self-contained: certificates and keys that the file names are in it.
// Paths of token files and of credential plugins are absolute.
type Kubeconfig struct {
	config *clientcmdapi.Config
}

// LoadKubeconfig reads what a kubeconfig file says about one context, which
// becomes the current one. An empty context means the file's current one.
func LoadKubeconfig(path, context string) (Kubeconfig, error) {
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return Kubeconfig{}, fmt.Errorf("reading kubeconfig %q: %w", path, err)
	}
	if context != "" {
		config.CurrentContext = context
	}
	if err := clientcmdapi.MinifyConfig(config); err != nil {
		return Kubeconfig{}, fmt.Errorf("reading context %q of kubeconfig %q: %w", config.CurrentContext, path, err)
	}
	if err := clientcmd.ResolveLocalPaths(config); err != nil {
		return Kubeconfig{}, fmt.Errorf("resolving the paths in kubeconfig %q: %w", path, err)
	}
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return Kubeconfig{}, fmt.Errorf("reading the files that kubeconfig %q names: %w", path, err)
	}
	k := Kubeconfig{config}
	if k.cluster() == nil {
		return Kubeconfig{}, fmt.Errorf("reading context %q of kubeconfig %q: it names no cluster", config.CurrentContext, path)
	}
	return k, nil
}

// Context returns the name of the current context.
func (k Kubeconfig) Context() string { return k.config.CurrentContext }

// Server returns the location of the API server in the current context.
func (k Kubeconfig) Server() string { return k.cluster().Server }

// CA returns the certificate authority of the current context's cluster in PEM,
// nil where the machine's own authorities decide.
func (k Kubeconfig) CA() []byte { return k.cluster().CertificateAuthorityData }

// ClientCertificate returns the certificate that the current context's user
// authenticates with, in PEM, or nil.
func (k Kubeconfig) ClientCertificate() []byte { return k.user().ClientCertificateData }

// WithServer changes the location of the API server, and nothing of how it is
// trusted. A proxy that led to the old location is dropped.
func (k Kubeconfig) WithServer(url string) Kubeconfig {
	return k.change(func(k Kubeconfig) { k.cluster().Server, k.cluster().ProxyURL = url, "" })
}

// WithCA changes the certificate authority that is trusted, in PEM. A name that
// the certificate had to be for is dropped with the old authority.
func (k Kubeconfig) WithCA(pem []byte) Kubeconfig {
	return k.change(func(k Kubeconfig) {
		c := k.cluster()
		c.CertificateAuthorityData, c.InsecureSkipTLSVerify, c.TLSServerName = pem, false, ""
	})
}

// WithTLSServerName changes the name that the server's certificate must be for.
func (k Kubeconfig) WithTLSServerName(name string) Kubeconfig {
	return k.change(func(k Kubeconfig) { k.cluster().TLSServerName = name })
}

// WithInsecureTLS trusts whatever certificate the server shows.
func (k Kubeconfig) WithInsecureTLS() Kubeconfig {
	return k.change(func(k Kubeconfig) {
		c := k.cluster()
		c.CertificateAuthorityData, c.InsecureSkipTLSVerify = nil, true
	})
}

// WithToken replaces every credential by a bearer token.
func (k Kubeconfig) WithToken(token probe.Secret) Kubeconfig {
	return k.change(func(k Kubeconfig) { *k.user() = clientcmdapi.AuthInfo{Token: token.Reveal()} })
}

// WithTokenFile replaces every credential by a file that has a bearer token.
func (k Kubeconfig) WithTokenFile(path string) Kubeconfig {
	return k.change(func(k Kubeconfig) { *k.user() = clientcmdapi.AuthInfo{TokenFile: path} })
}

// WithPlugin replaces every credential by a program that prints one.
func (k Kubeconfig) WithPlugin(command string, args ...string) Kubeconfig {
	return k.change(func(k Kubeconfig) {
		*k.user() = clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1", Command: command, Args: args, InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
		}}
	})
}

// WithProxy changes the proxy that leads to the API server.
func (k Kubeconfig) WithProxy(url string) Kubeconfig {
	return k.change(func(k Kubeconfig) { k.cluster().ProxyURL = url })
}

// WithClientCertificate replaces every credential by a client certificate and
// its key, both in PEM.
func (k Kubeconfig) WithClientCertificate(certificate []byte, key probe.Secret) Kubeconfig {
	return k.change(func(k Kubeconfig) {
		*k.user() = clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: []byte(key.Reveal())}
	})
}

// WithPassword replaces every credential by a user name and a password.
func (k Kubeconfig) WithPassword(username string, password probe.Secret) Kubeconfig {
	return k.change(func(k Kubeconfig) {
		*k.user() = clientcmdapi.AuthInfo{Username: username, Password: password.Reveal()}
	})
}

// WithoutCredentials removes every credential.
func (k Kubeconfig) WithoutCredentials() Kubeconfig {
	return k.change(func(k Kubeconfig) { *k.user() = clientcmdapi.AuthInfo{} })
}

// WithoutCluster removes the cluster, its location with it, and leaves context
// and user: a kubeconfig that knows who asks and not whom.
func (k Kubeconfig) WithoutCluster() Kubeconfig {
	return k.change(func(k Kubeconfig) {
		clear(k.config.Clusters)
		k.context().Cluster = ""
	})
}

// WithNamespace changes the namespace of the current context.
func (k Kubeconfig) WithNamespace(name string) Kubeconfig {
	return k.change(func(k Kubeconfig) { k.context().Namespace = name })
}

// WithContext adds another kubeconfig's current context, its cluster and its
// user, all under the given name. The current context stays what it is.
func (k Kubeconfig) WithContext(name string, other Kubeconfig) Kubeconfig {
	other = other.change(func(Kubeconfig) {})
	return k.change(func(k Kubeconfig) {
		if c := other.cluster(); c != nil {
			k.config.Clusters[name] = c
		}
		k.config.AuthInfos[name] = other.user()
		context := other.context()
		context.Cluster, context.AuthInfo = name, name
		k.config.Contexts[name] = context
	})
}

// WithCurrentContext changes which context is the current one. It does not look
// whether there is such a context.
func (k Kubeconfig) WithCurrentContext(name string) Kubeconfig {
	return k.change(func(k Kubeconfig) { k.config.CurrentContext = name })
}

// Config returns a copy of everything in it, credentials included.
func (k Kubeconfig) Config() *clientcmdapi.Config { return k.config.DeepCopy() }

// RESTConfig returns the client configuration of the current context.
func (k Kubeconfig) RESTConfig() (*rest.Config, error) {
	cfg, err := clientcmd.NewNonInteractiveClientConfig(*k.config, k.config.CurrentContext, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("using context %q: %w", k.config.CurrentContext, err)
	}
	return cfg, nil
}

// Write writes it to a file of mode 0600, which must not exist yet.
func (k Kubeconfig) Write(path string) error {
	for _, user := range k.config.AuthInfos {
		for _, secret := range []string{user.Token, user.Password, string(user.ClientKeyData)} {
			probe.KnownSecrets().Add(secret)
		}
	}
	raw, err := clientcmd.Write(*k.config)
	if err != nil {
		return fmt.Errorf("encoding kubeconfig %q: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, kubeconfigMode)
	if err != nil {
		return fmt.Errorf("writing kubeconfig: %w", err)
	}
	if _, err := f.Write(raw); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing kubeconfig: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing kubeconfig: %w", err)
	}
	return nil
}

// Format says which context it is of, and none of its credentials.
func (k Kubeconfig) Format(s fmt.State, _ rune) {
	name := ""
	if k.config != nil {
		name = k.config.CurrentContext
	}
	_, _ = fmt.Fprintf(s, "kubeconfig of context %q", name)
}

func (k Kubeconfig) change(f func(Kubeconfig)) Kubeconfig {
	changed := Kubeconfig{k.config.DeepCopy()}
	f(changed)
	return changed
}

func (k Kubeconfig) context() *clientcmdapi.Context {
	return k.config.Contexts[k.config.CurrentContext]
}

// cluster is that of the current context, or nil if it names none.
func (k Kubeconfig) cluster() *clientcmdapi.Cluster {
	return k.config.Clusters[k.context().Cluster]
}

// user is that of the current context. A context may do without; then it gets
// an empty one of the context's name.
func (k Kubeconfig) user() *clientcmdapi.AuthInfo {
	c := k.context()
	if c.AuthInfo == "" {
		c.AuthInfo = k.config.CurrentContext
	}
	if k.config.AuthInfos[c.AuthInfo] == nil {
		k.config.AuthInfos[c.AuthInfo] = &clientcmdapi.AuthInfo{}
	}
	return k.config.AuthInfos[c.AuthInfo]
}
