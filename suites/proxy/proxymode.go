package proxy

import (
	"context"
	"fmt"
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// otherContext is a context beside the cluster's.
	otherContext = "inroads-other"
	// nobodyThere is a location at which nothing listens: port 1 is reserved.
	nobodyThere = "https://127.0.0.1:1"

	account = "visitor"

	// What kubectl proxy puts into its answer when it cannot reach the API
	// server, or does not trust it.
	saysRefused   = "connection refused"
	saysUntrusted = "x509: "
)

var _ = harness.Area(catalog.PathKubectlProxy, func() {
	harness.Prove("proxy-mode/stored-location", func(ctx context.Context, env *harness.Env) {
		stored := serve(ctx, env, env.Host)
		env.Meet(catalog.HopConfig, "the stored location", get(ctx, stored, apiRoot), catalog.Reached)

		other := startMITM(ctx, env, access.MITMOptions{Upstream: env.Config})
		visitor := tokenOfVisitor(ctx, env)
		known := env.Kubeconfig().WithContext(otherContext, env.Kubeconfig().WithServer(other.URL).WithCA(other.CAPEM).WithToken(visitor))
		both := env.HostWith("both", known)

		first := serve(ctx, env, both)
		env.Meet(catalog.HopConfig, "the current context of two", get(ctx, first, apiRoot), catalog.Reached)
		Expect(other.Requests()).To(BeEmpty(), "the proxy asked the server of another context")

		second := serve(ctx, env, both, "--context", otherContext)
		env.Meet(catalog.HopConfig, "the context that --context names", get(ctx, second, apiRoot), catalog.Reached)
		Expect(other.Requests()).To(ConsistOf(access.Intercepted{Method: http.MethodGet, Path: apiRoot, Authorization: "Bearer"}), "the proxy did not ask the server of that context")

		dead := serve(ctx, env, env.HostWith("dead", env.Kubeconfig().WithServer(nobodyThere)))
		r := env.Meet(catalog.HopConfig, "a location where nobody listens", get(ctx, dead, apiRoot), catalog.ServerError)
		Expect(r.Status).To(Equal(http.StatusInternalServerError), "the proxy's status for a server that does not answer")
		Expect(r.Stdout).To(ContainSubstring(saysRefused), "what the proxy says of a server that does not answer")
	})

	harness.Prove("proxy-mode/verifies-identity", func(ctx context.Context, env *harness.Env) {
		known := env.Kubeconfig()
		trusted := serve(ctx, env, env.Host)
		env.Meet(catalog.HopTLS, "the API server itself", get(ctx, trusted, apiRoot), catalog.Reached)

		var names []string
		if env.Config.ServerName != "" {
			names = []string{env.Config.ServerName}
		}
		mitm := startMITM(ctx, env, access.MITMOptions{Names: names, Upstream: env.Config})
		token := tokenOfVisitor(ctx, env)
		deceived := known.WithServer(mitm.URL).WithToken(token)

		proxy := serve(ctx, env, env.HostWith("deceived", deceived))
		r := env.Meet(catalog.HopTLS, "a server with the certificate of another authority", get(ctx, proxy, apiRoot), catalog.ServerError)
		Expect(r.Status).To(Equal(http.StatusInternalServerError), "the proxy's status for a server that it does not trust")
		Expect(r.Stdout).To(ContainSubstring(saysUntrusted), "what the proxy says of a server that it does not trust")
		Eventually(ctx, mitm.Handshakes).ShouldNot(BeEmpty(), "the proxy did not come to that server at all")
		for _, h := range mitm.Handshakes() {
			Expect(h.Completed).To(BeFalse(), "the proxy went through with the TLS handshake")
		}
		Expect(mitm.Requests()).To(BeEmpty(), "the proxy sent a request to a server that it does not trust")
		Expect(mitm.Tokens()).To(BeEmpty(), "the proxy sent its token to a server that it does not trust")

		// The same server gets all of it as soon as nobody verifies it.
		careless := serve(ctx, env, env.HostWith("careless", deceived.WithInsecureTLS()))
		env.Meet(catalog.HopTLS, "the same server, not verified", get(ctx, careless, apiRoot), catalog.Reached)
		Expect(mitm.Requests()).NotTo(BeEmpty(), "the man in the middle sees no request that is sent to it")
		Expect(mitm.Tokens()).To(ConsistOf(token), "the man in the middle sees no token that is sent to it")
	})

	harness.Prove("proxy-mode/authenticates", func(ctx context.Context, env *harness.Env) {
		proxy := serve(ctx, env, env.Host)
		who := env.Meet(catalog.HopAuthn, "who the caller is through the proxy", ask(ctx, proxy, http.MethodPost, access.ReviewPath, contentJSON, access.Review), catalog.Reached)
		Expect(username(who)).To(Equal(env.Username(ctx)), "through the proxy the caller is somebody else")

		visitor := serve(ctx, env, env.HostWith("visitor", env.Kubeconfig().WithToken(tokenOfVisitor(ctx, env))))
		who = env.Meet(catalog.HopAuthn, "who the caller is through another user's proxy", ask(ctx, visitor, http.MethodPost, access.ReviewPath, contentJSON, access.Review), catalog.Reached)
		Expect(username(who)).To(Equal(fmt.Sprintf("system:serviceaccount:%s:%s", env.Namespace(ctx), account)), "through another user's proxy the caller is somebody else")

		pods := fmt.Sprintf("/api/v1/namespaces/%s/pods", env.Namespace(ctx))
		env.Meet(catalog.HopAuthz, "the pods through the proxy", get(ctx, proxy, pods), catalog.Reached)
		env.Meet(catalog.HopAuthz, "the pods through the proxy of a user without rights", get(ctx, visitor, pods), catalog.Forbidden)
		bare, server, err := access.APIClient(rest.AnonymousClientConfig(env.Config))
		env.Require(err, "making a client without a credential")
		r := env.Saw(catalog.HopAuthz, "the pods by the same request without the proxy", access.Do(ctx, bare, access.Request{URL: server + pods}))
		Expect(r.Outcome).To(BeElementOf(catalog.Forbidden, catalog.Unauthorized), "a request without a credential: %s", r)

		stranger := serve(ctx, env, env.HostWith("stranger", env.Kubeconfig().WithToken(access.UnknownToken)))
		env.Meet(catalog.HopAuthn, "the pods through a proxy with a bad credential", get(ctx, stranger, pods), catalog.Unauthorized)
	})
})

// tokenOfVisitor returns a token of a ServiceAccount without rights in the
// spec's namespace.
func tokenOfVisitor(ctx context.Context, env *harness.Env) probe.Secret {
	ginkgo.GinkgoHelper()
	return probe.Secret(env.As(ctx, env.ServiceAccount(ctx, account)).BearerToken)
}

func startMITM(ctx context.Context, env *harness.Env, o access.MITMOptions) *access.MITM {
	ginkgo.GinkgoHelper()
	mitm, err := access.StartMITM(ctx, o)
	env.Require(err, "starting a man in the middle")
	ginkgo.DeferCleanup(mitm.Stop)
	return mitm
}

func username(r access.Result) string {
	ginkgo.GinkgoHelper()
	return harness.Reviewed(r).Username
}
