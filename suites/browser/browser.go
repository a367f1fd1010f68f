package browser

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	versionPath = "/version"
	account     = "visitor"
	anonymous   = "system:anonymous"
	bearer      = "Bearer"
	podList     = "PodList"
)

var _ = harness.Area(catalog.PathBrowser, func() {
	harness.Prove("rest/client-browser", func(ctx context.Context, env *harness.Env) {
		browser := env.Browser(ctx, "browser", access.BrowserOptions{Authorities: env.Kubeconfig().CA()})
		expectTrust(ctx, env, browser)
		visitor := env.ServiceAccount(ctx, account)
		env.Grant(ctx, visitor, rbacv1.PolicyRule{APIGroups: []string{corev1.GroupName}, Resources: []string{"pods"}, Verbs: []string{"list"}})
		token := tokenOf(ctx, env, visitor)
		own, others := pods(env, visitor.Namespace), pods(env, metav1.NamespaceDefault)

		meet(env, "the browser opens the version with the token", browser.Get(ctx, env.Kubeconfig().Server()+versionPath, token), catalog.Reached)
		waitForGrant(ctx, env, own, env.As(ctx, visitor))
		r := meet(env, "the browser opens the pods of the token's namespace", browser.Get(ctx, own, token), catalog.Reached)
		env.At(catalog.HopAPI)
		var list corev1.PodList
		Expect(r.Into(&list)).To(Succeed(), "what the browser shows")
		Expect(list.Kind).To(Equal(podList), "what the browser shows")
		env.Picture(catalog.HopAPI, "what the browser shows of the pods", browser)
		env.Meet(catalog.HopAuthz, "it opens those of another namespace", browser.Get(ctx, others, token), catalog.Forbidden)

		ginkgo.By("it is the token that gets in")
		bare, _, err := access.APIClient(rest.AnonymousClientConfig(env.Config))
		env.Require(err, "making a client without a credential")
		same := env.Saw(catalog.HopAuthz, "somebody without a credential asks for them", access.Do(ctx, bare, access.Request{URL: own}))
		r = env.Saw(catalog.HopAuthz, "the browser opens them without a token", browser.Get(ctx, own, ""))
		env.Blame(catalog.HopAuthz, r, catalog.Forbidden)
		Expect(r.Outcome).To(BeElementOf(catalog.Forbidden, catalog.Unauthorized), "a browser without a token: %s", r)
		Expect(r.Outcome).To(Equal(same.Outcome), "a browser without a token: %s; another client: %s", r, same)
		if status, own := access.APIStatus(r); own && r.Outcome == catalog.Forbidden {
			Expect(status.Message).To(ContainSubstring(anonymous), "whom the API server refuses")
		}
		env.Meet(catalog.HopAuthn, "it opens them with a token of no cluster", browser.Get(ctx, own, access.UnknownToken), catalog.Unauthorized)
	})

	harness.Prove("direct/browser-import-root-cert", func(ctx context.Context, env *harness.Env) {
		knowing := env.Browser(ctx, "knowing", access.BrowserOptions{Authorities: env.Kubeconfig().CA()})
		expectTrust(ctx, env, knowing)
		mitm, err := access.StartMITM(ctx, access.MITMOptions{})
		env.Require(err, "starting a man in the middle")
		ginkgo.DeferCleanup(mitm.Stop)
		server, middle := env.Kubeconfig().Server()+versionPath, mitm.URL+versionPath
		token := tokenOf(ctx, env, env.ServiceAccount(ctx, account))

		r := meet(env, "a browser with the cluster's authority opens the API", knowing.Get(ctx, server, token), catalog.Reached)
		env.At(catalog.HopAPI)
		var got version.Info
		Expect(r.Into(&got)).To(Succeed(), "what the browser shows")
		want, err := env.Client.Discovery().ServerVersion()
		env.Require(err, "asking for the version of the API server")
		Expect(got.GitVersion).To(Equal(want.GitVersion), "the version that the browser shows")
		env.Picture(catalog.HopAPI, "what the browser shows of the version", knowing)
		env.Meet(catalog.HopTLS, "it opens a man in the middle", knowing.Get(ctx, middle, token), catalog.Untrusted)
		Eventually(ctx, mitm.Handshakes).ShouldNot(BeEmpty(), "the browser did not come to the man in the middle")
		Expect(mitm.Requests()).To(BeEmpty(), "what a browser sends to a server that it does not trust")
		knowing.Close()

		deceived := env.Browser(ctx, "deceived", access.BrowserOptions{Authorities: mitm.CAPEM})
		env.Meet(catalog.HopTLS, "a browser with another authority opens the API", deceived.Get(ctx, server, token), catalog.Untrusted)
		env.Meet(catalog.HopTLS, "it opens what that authority vouches for", deceived.Get(ctx, middle, token), catalog.Reached)
		Expect(mitm.Requests()).To(ContainElement(access.Intercepted{Method: http.MethodGet, Path: versionPath, Authorization: bearer}), "what is sent to a server that is trusted")
		Expect(mitm.Tokens()).To(HaveExactElements(token), "the token that is sent to a server that is trusted")
	})
})

// expectTrust asserts that the browser trusts the API server, whatever that
// answers to an anonymous caller.
func expectTrust(ctx context.Context, env *harness.Env, browser *access.Browser) {
	ginkgo.GinkgoHelper()
	r := env.Saw(catalog.HopTLS, "the browser opens the version without a token", browser.Get(ctx, env.Kubeconfig().Server()+versionPath, ""))
	env.Blame(access.Blame(r, catalog.Reached), r, catalog.Reached)
	Expect(r.Outcome).To(BeElementOf(catalog.Reached, catalog.Unauthorized, catalog.Forbidden), "a browser without a token: %s", r)
}

// meet asserts the outcome and blames the hop that the result speaks of.
func meet(env *harness.Env, what string, r access.Result, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	return env.Meet(access.Blame(r, want), what, r, want)
}

func tokenOf(ctx context.Context, env *harness.Env, sa *corev1.ServiceAccount) probe.Secret {
	ginkgo.GinkgoHelper()
	return probe.Secret(env.As(ctx, sa).BearerToken)
}

// waitForGrant waits until the rights that were granted are known, which another
// client than the browser finds out.
func waitForGrant(ctx context.Context, env *harness.Env, url string, cfg *rest.Config) {
	ginkgo.GinkgoHelper()
	client, _, err := access.APIClient(cfg)
	env.Require(err, "making a client with the token")
	env.AwaitRight(ctx, "client-go does what a RoleBinding grants", func(ctx context.Context) access.Result {
		return access.Do(ctx, client, access.Request{URL: url})
	})
}

// pods returns the address of a namespace's pods.
func pods(env *harness.Env, namespace string) string {
	return fmt.Sprintf("%s/api/v1/namespaces/%s/pods", strings.TrimSuffix(env.Kubeconfig().Server(), "/"), namespace)
}
