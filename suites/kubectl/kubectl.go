package kubectl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// apiRoot is the path of the API's root.
	apiRoot = "/api"
	// nobodyThere is a location at which nothing listens: port 1 is reserved.
	nobodyThere = "https://127.0.0.1:1"
	// anonymous is the user of a request without a credential.
	anonymous = "system:anonymous"

	// prompt is what kubectl says when it has no credential, and promptedUser
	// what somebody might answer.
	prompt       = "Please enter Username"
	promptedUser = "inroads-user-of-no-cluster"
	// executable is the mode of a file that looks like a program.
	executable = 0o700
)

var _ = harness.Area(catalog.PathKubectl, func() {
	harness.Prove("kubectl/first-access", func(ctx context.Context, env *harness.Env) {
		r := env.Meet(catalog.HopTool, "kubectl reads the root of the API", env.Host.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Reached)
		var got, want metav1.APIVersions
		Expect(r.Into(&got)).To(Succeed(), "the root of the API is not JSON")
		env.Require(readRoot(ctx, env, &want), "reading the root of the API directly")
		Expect(got.Kind).To(Equal(want.Kind), "kubectl shows another kind than the API server gives")
		Expect(got.Versions).To(Equal(want.Versions), "kubectl shows other versions than the API server gives")

		own := env.Namespace(ctx)
		r = env.Meet(catalog.HopTool, "kubectl lists namespaces", env.Host.RunKubectl(ctx, "get", "namespaces", "--output=name"), catalog.Reached)
		Expect(strings.Fields(r.Stdout)).To(ContainElement("namespace/"+own), "kubectl does not list a namespace that is there")

		elsewhere := env.HostWith("elsewhere", env.Kubeconfig().WithServer(nobodyThere))
		env.Meet(catalog.HopTool, "kubectl asks where nobody listens", elsewhere.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Refused)

		// A program that does not run is no word about the cluster.
		broken := env.Host
		broken.Kubectl = env.WriteFile("kubectl", "a program of another machine\n")
		env.Require(os.Chmod(broken.Kubectl, executable), "making a broken kubectl")
		r = broken.RunKubectl(ctx, "get", "--raw", apiRoot)
		Expect(r.Err).To(MatchError(access.ErrNotStarted), "a kubectl that does not run is not told apart")
		Expect(r.Outcome).To(Equal(catalog.Unknown), "a kubectl that does not run is taken for an answer")
	})

	harness.Prove("kubectl/needs-location", func(ctx context.Context, env *harness.Env) {
		r := env.Meet(catalog.HopTool, "kubectl with a location", verbosely(ctx, env.Host), catalog.Reached)
		Expect(access.RequestURLs(r)).To(HaveEach(HavePrefix(strings.TrimSuffix(env.Kubeconfig().Server(), "/")+"/")), "kubectl asked elsewhere than its kubeconfig says")
		Expect(access.RequestURLs(r)).NotTo(BeEmpty(), "kubectl asked nobody: %s", r)

		// Where something of this machine's has the port, kubectl's log still tells
		// whom it asks.
		host, taken := env.HostWithFreePort(ctx, fallbackPort)
		if taken != nil {
			host = env.Host
		}
		withoutCluster := filepath.Join(env.Dir(), "without-cluster")
		env.Require(env.Kubeconfig().WithToken(access.UnknownToken).WithoutCluster().Write(withoutCluster), "writing a kubeconfig without a cluster")
		lost := []struct {
			what string
			host access.Host
		}{
			{"kubectl without a kubeconfig", host.WithKubeconfig(filepath.Join(env.Dir(), "no-such-file"))},
			{"kubectl with a kubeconfig without a location", host.WithKubeconfig(withoutCluster)},
		}
		for _, l := range lost {
			r = env.Saw(catalog.HopTool, l.what, verbosely(ctx, l.host))
			if taken == nil {
				Expect(r.Outcome).To(Equal(catalog.Refused), "%s: %s", l.what, r)
			}
			Expect(access.RequestURLs(r)).To(HaveEach(HavePrefix(fallback+"/")), "%s did not ask %s", l.what, fallback)
			Expect(access.RequestURLs(r)).NotTo(BeEmpty(), "%s asked nobody: %s", l.what, r)

			// A walk is not taken in.
			step, broken := probe.Walk(ctx, probe.Target{Kubeconfig: l.host.Kubeconfig}).Broken()
			Expect(broken).To(BeTrue(), "a walk arrived somewhere, as %s", l.what)
			Expect(step.Hop).To(Equal(catalog.HopConfig), "a walk blames another hop, as %s", l.what)
		}
		env.Require(taken, "serving a cluster that is none at "+fallback)
		fake, err := startFakeCluster(host.Network)
		env.Require(err, "serving a cluster that is none")
		ginkgo.DeferCleanup(fake.stop)
		for _, l := range lost {
			r = env.Meet(catalog.HopTool, l.what+" while something answers at "+fallback, l.host.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Reached)
			Expect(r.Stdout).To(Equal(fakeAnswer), "kubectl does not show what answers at %s", fallback)
		}
		Expect(fake.authorizations()).To(HaveEach(BeEmpty()), "kubectl sent a credential to whatever answers at %s", fallback)
		// The same server sees a credential that is sent.
		env.Require(host.Exec(ctx, nil, "curl", "--silent", "--header", "Authorization: "+shownCredential, fallback+apiRoot).Err, "asking with a credential")
		Expect(fake.authorizations()).To(ContainElement(shownCredential), "the cluster that is none sees no credential that is sent to it")
	})

	harness.Prove("kubectl/needs-credentials", func(ctx context.Context, env *harness.Env) {
		who := env.Meet(catalog.HopTool, "kubectl asks who it is", env.Host.RunKubectlWith(ctx, access.Review, "create", "--raw", access.ReviewPath, "--filename=-"), catalog.Reached)
		self := harness.Reviewed(who)
		Expect(self.Username).To(Equal(env.Username(ctx)), "kubectl is somebody else than its kubeconfig's user")
		Expect(self.Username).NotTo(Equal(anonymous), "the kubeconfig's user is nobody")

		pods := fmt.Sprintf("/api/v1/namespaces/%s/pods", env.Namespace(ctx))
		env.Meet(catalog.HopTool, "kubectl with a credential lists pods", env.Host.RunKubectl(ctx, "get", "--raw", pods), catalog.Reached)

		// Clusters differ in whether they take anonymous requests: 403 or 401.
		client, server, err := access.APIClient(rest.AnonymousClientConfig(env.Config))
		env.Require(err, "making a client without a credential")
		bare := env.Saw(catalog.HopAuthz, "a request without a credential lists pods", access.Do(ctx, client, access.Request{URL: server + pods}))
		Expect(bare.Outcome).To(BeElementOf(catalog.Forbidden, catalog.Unauthorized), "a request without a credential lists pods: %s", bare)
		nobody := env.HostWith("nobody", env.Kubeconfig().WithoutCredentials())
		r := env.Meet(catalog.HopTool, "kubectl without a credential", verbosely(ctx, nobody), catalog.Failed)
		Expect(r.Stdout).To(ContainSubstring(prompt), "kubectl without a credential asks for no user name")
		Expect(access.RequestURLs(r)).To(BeEmpty(), "kubectl without a credential asked the API server")

		// A user name and a password are what it would have been given.
		prompted := env.HostWith("prompted", env.Kubeconfig().WithPassword(promptedUser, access.UnknownToken))
		r = env.Meet(catalog.HopAuthz, "kubectl with a user name and a password lists pods", prompted.RunKubectl(ctx, "get", "--raw", pods), bare.Outcome)
		if bare.Outcome == catalog.Forbidden {
			Expect(r.Stderr).To(ContainSubstring(fmt.Sprintf("User %q", anonymous)), "a user name and a password make somebody of the caller")
		}
		stranger := env.HostWith("stranger", env.Kubeconfig().WithToken(access.UnknownToken))
		env.Meet(catalog.HopAuthn, "kubectl with a credential of no cluster lists pods", stranger.RunKubectl(ctx, "get", "--raw", pods), catalog.Unauthorized)
	})
})

// verbosely reads the root of the API and has kubectl say whom it asks.
func verbosely(ctx context.Context, h access.Host) access.Result {
	return h.RunKubectl(ctx, "--v=6", "get", "--raw", apiRoot)
}

func readRoot(ctx context.Context, env *harness.Env, into *metav1.APIVersions) error {
	return env.Client.Discovery().RESTClient().Get().AbsPath(apiRoot).Do(ctx).Into(into)
}
