package kubectl

import (
	"context"
	"encoding/base64"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// secondContext is a context beside the cluster's, and secondServer its
	// location; nobody has to answer there.
	secondContext = "inroads-second"
	secondServer  = "https://second.inroads.invalid:6443"
	noContext     = "inroads-no-such-context"

	// What kubectl says when there is nothing to minify.
	noCurrentContext = "current-context must exist in order to minify"
	unknownContext   = "cannot locate context"

	// What kubectl shows in place of a secret.
	omittedData   = "DATA+OMITTED"
	redactedValue = "REDACTED"

	// canaryLength is the length of an invented secret.
	canaryLength = 24
)

var _ = harness.Area(catalog.PathConfigView, func() {
	harness.Prove("config-view/shows-location-and-creds", func(ctx context.Context, env *harness.Env) {
		known := env.Kubeconfig().WithContext(secondContext, env.Kubeconfig().WithServer(secondServer).WithToken(access.UnknownToken))
		both := env.HostWith("both", known)
		view := fixtures.Command("config-view")

		shown := parse(env.Meet(catalog.HopTool, "config view", both.Shell(ctx, view), catalog.Reached))
		Expect(summarise(shown)).To(Equal(summarise(known.Config())), "config view shows something else than the kubeconfig has")

		nowhere := env.Host.WithKubeconfig(filepath.Join(env.Dir(), "no-such-file"))
		shown = parse(env.Meet(catalog.HopTool, "config view without a kubeconfig", nowhere.Shell(ctx, view), catalog.Reached))
		Expect(clientcmdapi.IsConfigEmpty(shown)).To(BeTrue(), "config view shows something of a kubeconfig that does not exist")
	})

	harness.Prove("config-view/minify", func(ctx context.Context, env *harness.Env) {
		first := env.Kubeconfig()
		second := first.WithServer(secondServer).WithToken(access.UnknownToken)
		both := first.WithContext(secondContext, second)
		one, two := first.Config(), clientcmdapi.NewConfig()
		two.CurrentContext = secondContext
		two.Clusters[secondContext] = both.Config().Clusters[secondContext]
		two.Contexts[secondContext] = both.Config().Contexts[secondContext]
		two.AuthInfos[secondContext] = both.Config().AuthInfos[secondContext]

		atFirst := env.HostWith("at-first", both)
		atSecond := env.HostWith("at-second", both.WithCurrentContext(secondContext))
		shown := parse(env.Meet(catalog.HopTool, "config view", atFirst.RunKubectl(ctx, "config", "view"), catalog.Reached))
		Expect(shown.Clusters).To(HaveLen(2), "config view does not show both clusters")
		for _, row := range []struct {
			what string
			host access.Host
			args []string
			want *clientcmdapi.Config
		}{
			{"config view --minify at the first context", atFirst, nil, one},
			{"config view --minify at the second context", atSecond, nil, two},
			{"config view --minify with --context", atFirst, []string{"--context", secondContext}, two},
		} {
			r := row.host.RunKubectl(ctx, append([]string{"config", "view", "--minify"}, row.args...)...)
			shown := parse(env.Meet(catalog.HopTool, row.what, r, catalog.Reached))
			Expect(summarise(shown)).To(Equal(summarise(row.want)), "%s shows something else", row.what)
		}

		for _, row := range []struct {
			what, context, says string
		}{
			{"config view --minify without a current context", "", noCurrentContext},
			{"config view --minify with a current context that does not exist", noContext, unknownContext},
		} {
			host := env.HostWith("context-"+row.context, both.WithCurrentContext(row.context))
			r := env.Saw(catalog.HopTool, row.what, host.RunKubectl(ctx, "config", "view", "--minify"))
			Expect(r.Exit).NotTo(BeZero(), "%s succeeds: %s", row.what, r)
			Expect(r.Stderr).To(ContainSubstring(row.says), "%s says something else", row.what)
		}
	})

	harness.Prove("config-view/redacts-secrets", func(ctx context.Context, env *harness.Env) {
		// The cluster's own kubeconfig first, without --raw alone: what would be
		// printed with it is not for the report.
		own := env.Meet(catalog.HopTool, "config view of the cluster's kubeconfig", env.Host.RunKubectl(ctx, "config", "view"), catalog.Reached)
		for name, user := range env.Kubeconfig().Config().AuthInfos {
			for _, secret := range []string{encode(user.ClientKeyData), encode(user.ClientCertificateData), user.Token, user.Password} {
				Expect(secret == "" || !strings.Contains(own.Stdout, secret)).To(BeTrue(), "config view shows a credential of user %q", name)
			}
		}

		invented := inventedSecrets()
		file := filepath.Join(env.Dir(), "invented")
		env.Require(clientcmd.WriteToFile(*invented.config, file), "writing a kubeconfig")
		host := env.Host.WithKubeconfig(file)
		for _, args := range [][]string{nil, {"--output=json"}, {"--minify"}} {
			what := strings.TrimSpace("config view " + strings.Join(args, " "))
			r := env.Meet(catalog.HopTool, what, host.RunKubectl(ctx, append([]string{"config", "view"}, args...)...), catalog.Reached)
			for _, name := range slices.Sorted(maps.Keys(invented.secrets)) {
				Expect(strings.Contains(r.Stdout, invented.secrets[name])).To(BeFalse(), "%s shows the %s", what, name)
			}
			Expect(r.Stdout).To(ContainSubstring(omittedData), "%s does not say what it omits", what)
			Expect(r.Stdout).To(ContainSubstring(redactedValue), "%s does not say what it redacts", what)
			Expect(strings.Contains(r.Stdout, invented.environment)).To(BeTrue(), "%s hides the environment of a credential plugin", what)
		}

		for _, flag := range []string{"--raw", "--flatten"} {
			r := env.Meet(catalog.HopTool, "config view "+flag, host.RunKubectl(ctx, "config", "view", flag), catalog.Reached)
			for _, name := range slices.Sorted(maps.Keys(invented.secrets)) {
				Expect(strings.Contains(r.Stdout, invented.secrets[name])).To(BeTrue(), "config view %s hides the %s", flag, name)
			}
			Expect(r.Stdout).NotTo(ContainSubstring(omittedData), "config view %s omits something", flag)
		}
	})
})

// parse reads what config view printed as the kubeconfig that it is.
func parse(r access.Result) *clientcmdapi.Config {
	config, err := clientcmd.Load([]byte(r.Stdout))
	Expect(err).NotTo(HaveOccurred(), "config view prints no kubeconfig: %s", r)
	return config
}

// summarise returns what config view has to tell of a kubeconfig, without its
// secrets: every location, context and user with its kinds of credential.
func summarise(c *clientcmdapi.Config) map[string]string {
	out := map[string]string{"current-context": c.CurrentContext}
	for name, cluster := range c.Clusters {
		out["cluster "+name] = cluster.Server
	}
	for name, context := range c.Contexts {
		out["context "+name] = context.Cluster + " " + context.AuthInfo + " " + context.Namespace
	}
	for name, user := range c.AuthInfos {
		var kinds []string
		for _, credential := range []struct {
			kind string
			has  bool
		}{
			{"certificate", len(user.ClientCertificateData) > 0},
			{"key", len(user.ClientKeyData) > 0},
			{"token", user.Token != ""},
			{"token file", user.TokenFile != ""},
			{"password", user.Password != ""},
			{"plugin", user.Exec != nil},
		} {
			if credential.has {
				kinds = append(kinds, credential.kind)
			}
		}
		out["user "+name] = strings.Join(kinds, ", ")
	}
	return out
}

// invention is a kubeconfig of invented secrets, which may be shown.
type invention struct {
	config *clientcmdapi.Config
	// secrets are what config view hides, by what they are, as a kubeconfig
	// spells them.
	secrets map[string]string
	// environment is the value of a credential plugin's variable.
	environment string
}

func inventedSecrets() invention {
	i := invention{config: clientcmdapi.NewConfig(), environment: rand.String(canaryLength)}
	authority, certificate, key := rand.String(canaryLength), rand.String(canaryLength), rand.String(canaryLength)
	token, password := rand.String(canaryLength), rand.String(canaryLength)
	i.secrets = map[string]string{
		"certificate authority": encode([]byte(authority)), "client certificate": encode([]byte(certificate)),
		"client key": encode([]byte(key)), "token": token, "password": password,
	}
	const name = "invented"
	i.config.Clusters[name] = &clientcmdapi.Cluster{Server: secondServer, CertificateAuthorityData: []byte(authority)}
	i.config.AuthInfos[name] = &clientcmdapi.AuthInfo{
		ClientCertificateData: []byte(certificate), ClientKeyData: []byte(key), Token: token, Username: name, Password: password,
		Exec: &clientcmdapi.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1", Command: "true", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
			Env: []clientcmdapi.ExecEnvVar{{Name: "PLUGIN_SECRET", Value: i.environment}},
		},
	}
	i.config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	i.config.CurrentContext = name
	return i
}

func encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
