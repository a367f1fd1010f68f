package proxy

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// otherLoopback is an address of this machine, and of nobody else, at which
	// a proxy listens when it is told to. Its filter does not expect it.
	otherLoopback       = "127.0.0.2"
	acceptOtherLoopback = `^127\.0\.0\.2$`
	// inClear is how a request for the root of the API begins.
	inClear = "GET " + apiRoot + " HTTP/1.1\r\n"

	headerAuthorization = "Authorization"
	bearer              = "Bearer"
)

var errNoCertificate = errors.New("the user of the kubeconfig has none")

var _ = harness.Area(catalog.PathKubectlProxy, func() {
	harness.Prove("kp/localhost-to-apiserver", func(ctx context.Context, env *harness.Env) {
		proxy, port := serveAtFreePort(ctx, env)
		Expect(proxy.Addr).To(HavePrefix(localhostIPv4+":"), "the proxy listens elsewhere")
		var root metav1.APIVersions
		r := reach(ctx, env, "the proxy at localhost", proxy, apiRoot)
		Expect(r.Into(&root)).To(Succeed(), "the root of the API")
		checkRoot(ctx, env, root)
		others, err := access.OtherAddresses()
		env.Require(err, "listing this machine's addresses")
		for _, ip := range append(others, otherLoopback) {
			env.Meet(catalog.HopLocalProxy, "the proxy at "+ip, getURL(ctx, urlAt(ip, port, apiRoot)), catalog.Refused)
		}

		told := serve(ctx, env, env.Host, "--address="+otherLoopback)
		r = env.Meet(catalog.HopLocalProxy, "another address, at which the proxy is told to listen", get(ctx, told, apiRoot), catalog.Forbidden)
		_, fromServer := access.APIStatus(r)
		Expect(fromServer).To(BeFalse(), "it is the API server that refuses, not the proxy: %s", r)
		env.Meet(catalog.HopLocalProxy, "the same by the name localhost", access.Do(ctx, access.PlainClient(), access.Request{
			URL: told.URL(apiRoot), Header: http.Header{"Host": {"localhost"}},
		}), catalog.Reached)
		accepting := serve(ctx, env, env.Host, "--address="+otherLoopback, "--accept-hosts="+acceptOtherLoopback)
		reach(ctx, env, "that address of a proxy that accepts it", accepting, apiRoot)
	})

	harness.Prove("kp/client-leg-http", func(ctx context.Context, env *harness.Env) {
		proxy := serve(ctx, env, env.Host)
		reach(ctx, env, "the root of the API", proxy, apiRoot)
		tap, err := access.StartTap(ctx, proxy.Addr)
		env.Require(err, "tapping the way to the proxy")
		defer tap.Stop()
		reachURL(ctx, env, "the same with a tap between client and proxy", "http://"+tap.Addr+apiRoot)
		heard := tap.Heard()
		Expect(heard).To(HaveLen(1), "what is heard on the way to the proxy")
		Expect(heard[0].TLS()).To(BeFalse(), "the client speaks TLS to the proxy")
		Expect(heard[0].Says(inClear)).To(BeTrue(), "the request on its way to the proxy: heard %s", heard[0])

		env.Meet(catalog.HopLocalProxy, "the same over TLS", getURL(ctx, "https://"+proxy.Addr+apiRoot), catalog.NotTLS)
	})

	harness.Prove("kp/server-leg-https", func(ctx context.Context, env *harness.Env) {
		r := env.Saw(catalog.HopConfig, "the root of the API", get(ctx, serve(ctx, env, env.Host), apiRoot))
		env.Blame(catalog.HopConfig, r, catalog.Reached)
		Expect(r.Status).NotTo(Equal(http.StatusInternalServerError), "the proxy gets no answer: %s", r)
		tap, tapped := env.Tapped(ctx)
		token := tokenOfVisitor(ctx, env)
		tapped = tapped.WithToken(token)
		r = env.Saw(catalog.HopConfig, "the same with a tap between proxy and API server",
			get(ctx, serve(ctx, env, env.HostWith("tapped", tapped)), apiRoot))
		env.At(catalog.HopConfig)
		heard := tap.Heard()
		Expect(heard).NotTo(BeEmpty(), "the proxy did not go by the location in its kubeconfig")
		env.Blame(catalog.HopTLS, access.Result{Outcome: catalog.NotTLS}, catalog.Reached)
		for _, h := range heard {
			Expect(h.TLS()).To(BeTrue(), "the proxy does not begin with a TLS handshake: heard %s", h)
			Expect(h.Says(apiRoot)).To(BeFalse(), "the request can be read on its way to the API server")
			Expect(h.Says(token.Reveal())).To(BeFalse(), "the token can be read on its way to the API server")
		}
		env.Meet(catalog.HopTLS, "the same request", r, catalog.Reached)

		// The same tap hears everything of who speaks no TLS.
		plain := env.HostWith("plain", tapped.WithServer("http://"+tap.Addr))
		r = env.Saw(catalog.HopTLS, "the root of the API from a location of http://", get(ctx, serve(ctx, env, plain), apiRoot))
		Expect(r.Outcome).NotTo(Equal(catalog.Reached), "the API server answers without TLS: %s", r)
		spoken := tap.Heard()[len(heard):]
		Expect(spoken).NotTo(BeEmpty(), "the proxy did not go by that location")
		for _, h := range spoken {
			Expect(h.TLS()).To(BeFalse(), "the proxy speaks TLS to a location of http://")
			Expect(h.Says(inClear)).To(BeTrue(), "a request in clear: heard %s", h)
			Expect(h.Says(token.Reveal())).To(BeFalse(), "the proxy sends its token in clear")
		}
	})

	harness.Prove("kp/locates", func(ctx context.Context, env *harness.Env) {
		env.Meet(catalog.HopConfig, "the file that KUBECONFIG names", get(ctx, serve(ctx, env, env.Host), apiRoot), catalog.Reached)
		other := startMITM(ctx, env, access.MITMOptions{})
		elsewhere := env.Kubeconfig().WithServer(other.URL).WithCA(other.CAPEM).WithToken(tokenOfVisitor(ctx, env))
		own := env.HostWith("own", env.Kubeconfig()).Kubeconfig
		second := secondFile(env, elsewhere)

		asked := 0
		locate := func(what string, there bool, host access.Host, args ...string) {
			r := env.Meet(catalog.HopConfig, what, get(ctx, serve(ctx, env, host, args...), apiRoot), catalog.Reached)
			if there {
				asked++
			}
			Expect(other.Requests()).To(HaveLen(asked), "the requests to the other server: %s", r)
		}
		locate("another file", true, env.Host.WithKubeconfig(second))
		locate("that file after the own", false, env.Host.WithKubeconfig(list(own, second)))
		locate("that file before the own", true, env.Host.WithKubeconfig(list(second, own)))
		locate("that file by --kubeconfig", true, env.Host.WithKubeconfig(own), "--kubeconfig", second)
		locate("the own file by --kubeconfig", false, env.Host.WithKubeconfig(second), "--kubeconfig", own)
	})

	harness.Prove("kp/adds-auth-headers", func(ctx context.Context, env *harness.Env) {
		first := serve(ctx, env, env.Host)
		who := env.Meet(catalog.HopAuthn, "who the caller is through the proxy", ask(ctx, first, http.MethodPost, access.ReviewPath, contentJSON, access.Review), catalog.Reached)
		Expect(username(who)).To(Equal(env.Username(ctx)), "through the proxy the caller is somebody else")

		// A server of the spec's own shows what arrives.
		seen := startMITM(ctx, env, access.MITMOptions{})
		token := tokenOfVisitor(ctx, env)
		there := env.Kubeconfig().WithServer(seen.URL).WithCA(seen.CAPEM)
		holder := serve(ctx, env, env.HostWith("holder", there.WithToken(token)))
		env.Meet(catalog.HopLocalProxy, "a request without a credential", get(ctx, holder, apiRoot), catalog.Reached)
		Expect(seen.Requests()).To(HaveExactElements(HaveField("Authorization", bearer)), "the credential that the proxy adds")
		Expect(seen.Tokens()).To(HaveExactElements(token), "the token that the proxy adds")
		env.Meet(catalog.HopLocalProxy, "a request with a token of its own", getWith(ctx, holder, access.UnknownToken), catalog.Reached)
		Expect(seen.Tokens()).To(HaveExactElements(token, access.UnknownToken), "the tokens that arrive")

		ginkgo.By("the API server goes by what the client sends")
		visitor := serve(ctx, env, env.HostWith("visitor", env.Kubeconfig().WithToken(token)))
		env.Meet(catalog.HopAuthn, "the API without a credential, by the proxy's", get(ctx, visitor, apiRoot), catalog.Reached)
		env.Meet(catalog.HopAuthn, "the API with a token of no cluster, by the same proxy", getWith(ctx, visitor, access.UnknownToken), catalog.Unauthorized)

		if env.Kubeconfig().ClientCertificate() == nil {
			env.NotSeen(catalog.HopLocalProxy, "a proxy with a client certificate", errNoCertificate)
			return
		}
		handshakes := len(seen.Handshakes())
		certified := serve(ctx, env, env.HostWith("certified", there))
		env.Meet(catalog.HopLocalProxy, "a request by a client certificate", get(ctx, certified, apiRoot), catalog.Reached)
		requests := seen.Requests()
		Expect(requests[len(requests)-1].Authorization).To(BeEmpty(), "the header that a proxy with a certificate adds")
		Expect(seen.Handshakes()[handshakes:]).To(HaveExactElements(HaveField("ClientCertificate", Not(BeNil()))), "the certificate that goes with the connection")
	})
})

// secondFile writes the kubeconfig with names of its own, so that it does not
// merge with the cluster's, and returns its path.
func secondFile(env *harness.Env, k access.Kubeconfig) string {
	both := env.HostWith("both", env.Kubeconfig().WithContext(otherContext, k)).Kubeconfig
	alone, err := access.LoadKubeconfig(both, otherContext)
	env.Require(err, "reading a kubeconfig")
	return env.HostWith("second", alone).Kubeconfig
}

func list(files ...string) string { return strings.Join(files, string(filepath.ListSeparator)) }

// getWith is get with a token of the client's own.
func getWith(ctx context.Context, proxy *access.KubectlProxy, token probe.Secret) access.Result {
	return access.Do(ctx, access.PlainClient(), access.Request{
		URL: proxy.URL(apiRoot), Header: http.Header{headerAuthorization: {bearer + " " + token.Reveal()}},
	})
}
