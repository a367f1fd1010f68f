package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	envKubeconfig  = "KUBECONFIG"
	flagKubeconfig = "--kubeconfig"
	flagContext    = "--context"
	flagRaw        = "--raw"
	flagFlatten    = "--flatten"
	flagMinify     = "--minify"
	// hidden stands for what a broken config view does not show.
	hidden = "REDACTED"
	// toolHeaderTimeout bounds the header of a request to a broken tool.
	toolHeaderTimeout = 10 * time.Second
	anyLoopback       = "127.0.0.1:0"
)

// kubectlTools are broken in every command.
var kubectlTools = []tool{
	{
		name: "kubeconfig-ignored", hop: catalog.HopTool, spares: []catalog.ID{"ap/reach-node"},
		change: ignoreKubeconfig,
	},
	{
		name: "server-ignored", hop: catalog.HopTool, spares: []catalog.ID{"config-view/minify"},
		change: func(c *toolCall) error { c.take("--server"); c.add("--server=" + c.Server); return nil },
	},
	{
		name: "missing-location-refused", hop: catalog.HopTool, spares: []catalog.ID{"config-view/shows-location-and-creds", "kubectl/first-access"},
		change: refuseMissingLocation,
	},
	{
		name: "no-prompt", hop: catalog.HopTool, spares: []catalog.ID{"kubectl/first-access"},
		run: func(ctx context.Context, c *toolCall) (int, error) {
			return c.withoutCredential(ctx, func(config *rest.Config) bool { return !hasCredential(config) })
		},
	},
	{
		name: "view-context-ignored", hop: catalog.HopTool, spares: []catalog.ID{"kubectl/first-access"},
		change: taking(flagContext),
	},
	{
		name: "kubectl-verification-off", hop: catalog.HopTLS, spares: []catalog.ID{"kubectl/first-access"},
		change: adding("--insecure-skip-tls-verify=true"),
	},
	{
		name: "credentials-dropped", hop: catalog.HopAuthn, spares: []catalog.ID{"config-view/minify"},
		run: func(ctx context.Context, c *toolCall) (int, error) { return c.withoutCredential(ctx, hasCredential) },
	},
	{
		// What is applied still goes where it should, so that nothing is left
		// in a namespace that is not the run's.
		name: "namespace-ignored", hop: catalog.HopTool, of: []string{"get"}, spares: []catalog.ID{"token/secret-create"},
		change: changingConfig(func(config *clientcmdapi.Config) error {
			for _, c := range config.Contexts {
				c.Namespace = ""
			}
			return nil
		}),
	},
}

var configView = []string{"config", "view"}

// viewTools are broken in config view.
var viewTools = []tool{
	{name: "view-minified", hop: catalog.HopTool, of: configView, spares: besidesView, change: adding(flagMinify)},
	{name: "view-minify-ignored", hop: catalog.HopTool, of: configView, spares: besidesView, change: dropping(flagMinify)},
	{name: "minify-ignored", hop: catalog.HopConfig, of: configView, spares: besidesView, change: dropping(flagMinify)},
	{name: "view-always-raw", hop: catalog.HopTool, of: configView, spares: besidesView, change: adding(flagRaw)},
	{name: "raw-ignored", hop: catalog.HopTool, of: configView, spares: besidesView, change: dropping(flagRaw)},
	{
		name: "view-fails-when-empty", hop: catalog.HopTool, of: configView, spares: []catalog.ID{"config-view/minify"},
		change: func(c *toolCall) error {
			config, err := c.config()
			if err == nil && clientcmdapi.IsConfigEmpty(config) {
				return errors.New("no configuration has been provided")
			}
			return err
		},
	},
	{
		name: "flatten-redacts", hop: catalog.HopTool, of: configView, spares: besidesView,
		change: func(c *toolCall) error {
			if !slices.Contains(c.args, flagFlatten) {
				return nil
			}
			c.drop(flagFlatten)
			return c.changeConfig(clientcmdapi.FlattenConfig)
		},
	},
	{
		name: "plugin-environment-hidden", hop: catalog.HopTool, of: configView, spares: besidesView,
		change: changingConfig(hidePluginEnvironment),
	},
	{
		name: "first-context-taken", hop: catalog.HopConfig, of: configView, spares: besidesView,
		change: changingConfig(func(config *clientcmdapi.Config) error {
			if len(config.Contexts) > 0 {
				config.CurrentContext = slices.Min(slices.Collect(maps.Keys(config.Contexts)))
			}
			return nil
		}),
	},
}

// besidesView is what a kubectl proves whose config view alone is broken.
var besidesView = []catalog.ID{"kubectl/first-access"}

func ignoreKubeconfig(c *toolCall) error {
	c.setenv(envKubeconfig, "")
	return nil
}

func refuseMissingLocation(c *toolCall) error {
	if c.of([]string{"config"}) || c.of([]string{"version"}) {
		return nil
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	if context := config.Contexts[config.CurrentContext]; context != nil {
		if cluster := config.Clusters[context.Cluster]; cluster != nil && cluster.Server != "" {
			return nil
		}
	}
	return errors.New("no server is known; see 'kubectl config set-cluster --help'")
}

func hidePluginEnvironment(config *clientcmdapi.Config) error {
	for _, user := range config.AuthInfos {
		if user.Exec == nil {
			continue
		}
		for i := range user.Exec.Env {
			user.Exec.Env[i].Value = hidden
		}
	}
	return nil
}

// rules are those by which the real kubectl finds its kubeconfig.
func (c *toolCall) rules() *clientcmd.ClientConfigLoadingRules {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath, rules.WarnIfAllMissing = c.value(flagKubeconfig), false
	return rules
}

// config returns the kubeconfig that the real kubectl would read, with the
// context that it is told as the current one. There need be no file.
func (c *toolCall) config() (*clientcmdapi.Config, error) {
	config, err := c.rules().Load()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if context := c.value(flagContext); context != "" {
		config.CurrentContext = context
	}
	return config, nil
}

// changingConfig returns a change of the kubeconfig.
func changingConfig(change func(*clientcmdapi.Config) error) func(*toolCall) error {
	return func(c *toolCall) error { return c.changeConfig(change) }
}

// changeConfig gives the real kubectl a changed copy of its kubeconfig. The file
// goes with the site.
func (c *toolCall) changeConfig(change func(*clientcmdapi.Config) error) error {
	config, err := c.rules().Load()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if err := change(config); err != nil {
		return fmt.Errorf("changing the kubeconfig: %w", err)
	}
	file, err := os.CreateTemp(c.dir, "kubeconfig-")
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := clientcmd.WriteToFile(*config, file.Name()); err != nil {
		return fmt.Errorf("writing the changed kubeconfig: %w", err)
	}
	c.take(flagKubeconfig)
	c.setenv(envKubeconfig, file.Name())
	return nil
}

// hasCredential is whether kubectl would send a credential and not ask for one.
func hasCredential(config *rest.Config) bool {
	return config.Username != "" || config.BearerToken != "" || config.CertFile != "" || len(config.CertData) > 0 ||
		config.AuthProvider != nil || config.ExecProvider != nil
}

// withoutCredential runs the real kubectl without a credential where the
// function says so of its configuration, and else as it is. A server on the
// loopback address passes every request on to the API server: where kubectl
// does not speak TLS, it neither asks for a credential nor sends one.
func (c *toolCall) withoutCredential(ctx context.Context, where func(*rest.Config) bool) (int, error) {
	overrides := &clientcmd.ConfigOverrides{CurrentContext: c.value(flagContext)}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(c.rules(), overrides).ClientConfig()
	// What kubectl has to say of a configuration that is none, it says itself.
	if err != nil || !where(config) || c.of([]string{"config"}) {
		return c.replace()
	}
	server, err := serveAnonymously(config)
	if err != nil {
		return 0, err
	}
	c.add("--server=" + server)
	return c.child(ctx)
}

// passAnonymously passes requests on to the API server without a credential.
func passAnonymously(config *rest.Config) (http.Handler, error) {
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(config))
	if err != nil {
		return nil, fmt.Errorf("making a transport without a credential: %w", err)
	}
	upstream, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading the location %q: %w", config.Host, err)
	}
	return &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		r.Out.Header.Del("Authorization")
	}}, nil
}

// serveAnonymously passes what comes to a loopback address on to the API server,
// without a credential, for as long as this process runs.
func serveAnonymously(config *rest.Config) (location string, err error) {
	pass, err := passAnonymously(config)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", anyLoopback)
	if err != nil {
		return "", err
	}
	go func() { _ = (&http.Server{Handler: pass, ReadHeaderTimeout: toolHeaderTimeout}).Serve(l) }()
	return (&url.URL{Scheme: "http", Host: l.Addr().String()}).String(), nil
}
