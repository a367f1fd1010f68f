package direct

import (
	"context"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	flagFail = "--fail"
	// Exit codes of the clients: a status of 400 and more with --fail, and a
	// server that is not trusted, of curl; a server that is not trusted, 401, and
	// another such status, of wget.
	curlFailed       = 22
	curlUntrusted    = 60
	wgetUntrusted    = 5
	wgetUnauthorized = 6
	wgetFailed       = 8
)

var _ = harness.Area(catalog.PathDirect, func() {
	harness.Prove("rest/client-curl", func(ctx context.Context, env *harness.Env) {
		proveClient(ctx, env, curl, func(ctx context.Context, visitor caller) {
			untrusting(ctx, visitor, curlUntrusted)

			ginkgo.By("curl exits with 0 when it is refused, unless it is told --fail")
			pods := listOf(ctx, env, "pods")
			visitor.refusal(ctx, pods, 0)
			r := visitor.get(ctx, "asks for the same with --fail", pods, catalog.Forbidden, flagFail)
			env.At(catalog.HopTool)
			Expect(r.Exit).To(Equal(curlFailed), "the exit code of a curl that is told --fail and refused")
			r = callerOf(env, curl, "stranger", env.Kubeconfig().WithToken(access.UnknownToken)).get(ctx, "shows a token of no cluster", apiRoot, catalog.Unauthorized)
			env.At(catalog.HopTool)
			Expect(r.Exit).To(BeZero(), "the exit code of a curl whose token is refused")
		})
	})

	harness.Prove("rest/client-wget", func(ctx context.Context, env *harness.Env) {
		proveClient(ctx, env, wget, func(ctx context.Context, visitor caller) {
			untrusting(ctx, visitor, wgetUntrusted)

			ginkgo.By("wget exits with a code for 401 and another for every other refusal")
			visitor.refusal(ctx, listOf(ctx, env, "pods"), wgetFailed)
			r := callerOf(env, wget, "stranger", env.Kubeconfig().WithToken(access.UnknownToken)).get(ctx, "shows a token of no cluster", apiRoot, catalog.Unauthorized)
			env.At(catalog.HopTool)
			Expect(r.Exit).To(Equal(wgetUnauthorized), "the exit code of a wget whose token is refused")
		})
	})
})

// proveClient proves what is the same of each client, and then the rest.
func proveClient(ctx context.Context, env *harness.Env, p program, rest func(ctx context.Context, visitor caller)) {
	ginkgo.GinkgoHelper()
	ginkgo.By("with the kubeconfig's location, authority and credential the client gets to the API")
	own := callerOf(env, p, "own", env.Kubeconfig())
	// A wget with GnuTLS does not show its certificate to an API server, and is
	// anonymous then.
	if own.Header != "" || p == curl && own.Certificate != "" {
		own.readsRoot(ctx, "reads the root of the API as the kubeconfig's user")
	} else {
		own.arrives(ctx)
	}

	ginkgo.By("with a token in the place of the credential it does what the token's user may")
	visitor := newVisitor(ctx, env, p, mayEdit)
	visitor.readsRoot(ctx, "reads the root of the API with a token")
	visitor.edits(ctx)
	rest(ctx, visitor)
}

// untrusting asserts that the caller does not trust the server without its
// authority.
func untrusting(ctx context.Context, c caller, exit int) {
	ginkgo.GinkgoHelper()
	ginkgo.By("without the authority it does not trust the server")
	c.Authority = ""
	r := c.get(ctx, "is given no authority", apiRoot, catalog.Untrusted)
	Expect(r.Exit).To(Equal(exit), "the exit code of a client that does not trust the server")
}
