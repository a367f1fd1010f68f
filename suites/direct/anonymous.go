package direct

import (
	"context"
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// class is what a cluster lets a caller without a credential do.
type class string

const (
	// nothing: every request is refused.
	nothing class = "nothing"
	// health: the API server's health or version is told.
	health class = "its health and version"
	// discovery: so is what it serves.
	discovery class = "its health, its version and what it serves"
	// everything: so is what is in it, or it may be changed.
	everything class = "what is in the cluster"
)

// question is one that is put to the API server without a credential, and with
// one; an answer makes the cluster one of the class at least.
type question struct {
	class class
	what  string
	request
}

// dryRun has the API server decide on a request and store nothing.
const dryRun = "?dryRun=All"

var version = question{health, "for its version", request{path: "/version"}}

func questions(ctx context.Context, env *harness.Env) []question {
	return []question{
		{health, "whether it is alive", request{path: "/livez"}},
		{health, "whether it is ready", request{path: "/readyz"}},
		version,
		{discovery, "for the root of the API", request{path: apiRoot}},
		{discovery, "for the groups of the API", request{path: "/apis"}},
		{everything, "who the caller is", request{http.MethodPost, access.ReviewPath, contentJSON, access.Review}},
		{everything, "for the namespaces", request{path: "/api/v1/namespaces"}},
		{everything, "for the nodes", request{path: "/api/v1/nodes"}},
		{everything, "for pods", request{path: listOf(ctx, env, "pods")}},
		{everything, "for Secrets", request{path: listOf(ctx, env, "secrets")}},
		{everything, "to create an object", request{http.MethodPost, configMaps(ctx, env) + dryRun, contentJSON, newObject}},
	}
}

// worse returns the class that lets a caller do more.
func worse(a, b class) class {
	for _, c := range []class{everything, discovery, health} {
		if a == c || b == c {
			return c
		}
	}
	return nothing
}

var _ = harness.Area(catalog.PathDirect, func() {
	harness.Prove("noauth/apiserver-may-skip-auth", func(ctx context.Context, env *harness.Env) {
		known, bare := newAsker(env, env.Config), newAsker(env, rest.AnonymousClientConfig(env.Config))
		r := known(ctx, version.request)
		env.Meet(access.Blame(r, catalog.Reached), "a caller with a credential asks "+version.what, r, catalog.Reached)
		all := questions(ctx, env)

		ginkgo.By("a caller with a credential is answered whatever it asks")
		for _, q := range all {
			r := known(ctx, q.request)
			env.Meet(access.Blame(r, catalog.Reached), "a caller with a credential asks "+q.what, r, catalog.Reached)
		}

		ginkgo.By("a caller without one is refused all but what is for everybody")
		found := nothing
		for _, q := range all {
			r := env.Saw(catalog.HopAuthz, "a caller without a credential asks "+q.what, bare(ctx, q.request))
			if r.Outcome == catalog.Reached {
				found = worse(found, q.class)
			}
			if q.class == everything {
				Expect(r.Outcome).To(BeElementOf(catalog.Forbidden, catalog.Unauthorized), "CRITICAL: a caller without a credential asks %s, and is not refused: %s", q.what, r)
			}
		}
		env.Note(catalog.HopAuthz, "a caller without a credential is told: "+string(found))

		ginkgo.By("a token that the API server does not know is not taken for none")
		config := rest.AnonymousClientConfig(env.Config)
		config.BearerToken = access.UnknownToken.Reveal()
		stranger := newAsker(env, config)
		env.Meet(catalog.HopAuthn, "a caller with a token of no cluster asks for the version", stranger(ctx, version.request), catalog.Unauthorized)
	})
})

// newAsker returns what asks the API server with client-go's HTTP client.
func newAsker(env *harness.Env, config *rest.Config) func(context.Context, request) access.Result {
	ginkgo.GinkgoHelper()
	client, server, err := access.APIClient(config)
	env.Require(err, "making a client")
	return func(ctx context.Context, q request) access.Result {
		r := access.Request{Method: q.method, URL: server + q.path, Body: q.body}
		if q.contentType != "" {
			r.Header = http.Header{"Content-Type": {q.contentType}}
		}
		return access.Do(ctx, client, r)
	}
}
