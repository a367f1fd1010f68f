package direct

import (
	"context"
	"errors"
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// anonymous is the user of a request without a credential.
	anonymous = "system:anonymous"
	// nobodyThere is a location at which nothing listens: port 1 is reserved.
	nobodyThere = "https://127.0.0.1:1"
	// Exit codes of curl: what it was given is no URL, and nobody answers there.
	curlNoURL      = 3
	curlNotReached = 7
)

// errNoCredential is why a part of a claim is not seen.
var errNoCredential = errors.New("the kubeconfig's user has neither a client certificate nor a token")

var _ = harness.Area(catalog.PathDirect, func() {
	harness.Prove("direct/location-and-credentials", func(ctx context.Context, env *harness.Env) {
		ginkgo.By("curl is who the credential says, by the kubeconfig's own and by a token")
		own := callerOf(env, curl, "own", env.Kubeconfig())
		if own.HasCredential() {
			own.readsRoot(ctx, "reads the root of the API as the kubeconfig's user")
			who := own.whoami(ctx, "asks who the kubeconfig's user is")
			Expect(who).To(Equal(env.Username(ctx)), "curl is somebody else than the kubeconfig's user")
			if own.Certificate != "" {
				Expect(who).To(Equal(env.ClientCertificate().Subject.CommonName), "curl is somebody else than the certificate says")
			}
		} else {
			env.NotSeen(catalog.HopAuthn, "curl as the kubeconfig's user", errNoCredential)
		}
		visitor := newVisitor(ctx, env, curl, mayEdit)
		visitor.readsRoot(ctx, "reads the root of the API with a token")
		Expect(visitor.whoami(ctx, "asks who the token's user is")).To(Equal(visitorName(ctx, env)), "curl is somebody else than the token's user")

		ginkgo.By("with a location and no credential it is nobody")
		list := configMaps(ctx, env)
		visitor.awaitRight(ctx, list)
		bare := caller{env, curl, visitor.Anonymous()}
		r := env.Saw(catalog.HopAuthz, "curl asks for the same without a credential", bare.asked(ctx, request{path: list}))
		Expect(r.Outcome).To(BeElementOf(catalog.Forbidden, catalog.Unauthorized), "a curl without a credential: %s", r)
		if r.Outcome == catalog.Forbidden {
			Expect(r.Stdout).To(ContainSubstring(anonymous), "whom the API server refuses")
		}

		ginkgo.By("with a credential and no location it asks nobody")
		lost := visitor
		lost.Server = ""
		r = env.Meet(catalog.HopTool, "curl is given no location", lost.asked(ctx, request{path: apiRoot}), catalog.Failed)
		Expect(r.Exit).To(Equal(curlNoURL), "the exit code of a curl without a location")
		lost.Server = nobodyThere
		r = env.Meet(catalog.HopTool, "curl is given a location where nobody listens", lost.asked(ctx, request{path: apiRoot}), catalog.Refused)
		Expect(r.Exit).To(Equal(curlNotReached), "the exit code of a curl that nobody answers")
	})
})

// whoami returns who the API server says that the caller is.
func (c caller) whoami(ctx context.Context, what string) string {
	ginkgo.GinkgoHelper()
	r := c.ask(ctx, what, request{http.MethodPost, access.ReviewPath, contentJSON, access.Review}, catalog.Reached)
	c.env.At(catalog.HopAuthn)
	return harness.Reviewed(r).Username
}
