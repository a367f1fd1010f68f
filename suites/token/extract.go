package token

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// certificateName is a tls-server-name; nobody asks for it.
	certificateName = "certificate.inroads.invalid"
	flagMinify      = " --minify"
)

// others are contexts beside the cluster's. Whatever that is called, the second
// of them is not the first of the file, since kubectl sorts them by name.
var others = []struct{ name, server string }{
	{"inroads-a", "https://a.inroads.invalid:6443"},
	{"inroads-z", "https://z.inroads.invalid:6443/below/a/path"},
}

var _ = harness.Area(catalog.PathToken, func() {
	harness.Prove("token/grep-cut-apiserver", func(ctx context.Context, env *harness.Env) {
		r := newLocator(env)
		block := fixtures.Command(byGrepAndCut)

		ginkgo.By("the pipeline finds the location, as clientcmd and jsonpath do")
		r.expectServer(ctx, "grep and cut look for the location", block, r.kubeconfig.Server())
		r.expectServer(ctx, "jsonpath looks for the location", fixtures.Command(byJSONPath), r.kubeconfig.Server())

		ginkgo.By("in a file of several clusters it finds that of the current context")
		for _, o := range others {
			other := r.with(o.name, several(r.kubeconfig).WithCurrentContext(o.name))
			other.expectServer(ctx, "grep and cut look for the location of "+o.name, block, o.server)
		}

		ginkgo.By("with a tls-server-name it finds two lines where jsonpath finds the location alone, and curl fails")
		named := r.with("named", r.kubeconfig.WithTLSServerName(certificateName))
		lines := strings.Split(named.found(ctx, catalog.HopConfig, "grep and cut look for the location beside a tls-server-name", block, varServer), "\n")
		Expect(lines).To(HaveExactElements(r.kubeconfig.Server(), certificateName), "the lines that grep and cut find")
		named.expectServer(ctx, "jsonpath looks for the location beside a tls-server-name", fixtures.Command(byJSONPath), r.kubeconfig.Server())
		locate, _, _ := strings.Cut(block, "\n")
		_, curl := cutCurl(block)
		// A proxy would answer for the name that does not exist.
		direct := named.host.With("NO_PROXY=*", "no_proxy=*")
		lost := env.Saw(catalog.HopConfig, "the documented curl is run beside a tls-server-name", direct.Shell(ctx, locate+"\n"+curl))
		Expect(lost.Exit).NotTo(BeZero(), "curl makes sense of two lines: %s", lost)
	})

	harness.Prove("token/jsonpath-apiserver", func(ctx context.Context, env *harness.Env) {
		r := newLocator(env)
		block := fixtures.Command(byJSONPath)

		ginkgo.By("jsonpath finds the location of the kubeconfig's context")
		r.expectServer(ctx, "jsonpath looks for the location", block, r.kubeconfig.Server())

		ginkgo.By("in a file of several clusters it finds that of the current context, and without --minify that of the first")
		withoutMinify := replace(env, block, flagMinify, "")
		for _, o := range others {
			k := several(r.kubeconfig).WithCurrentContext(o.name)
			other := r.with(o.name, k)
			other.expectServer(ctx, "jsonpath looks for the location of "+o.name, block, o.server)
			clusters := k.Config().Clusters
			first := clusters[slices.Min(slices.Collect(maps.Keys(clusters)))].Server
			other.expectServer(ctx, "jsonpath looks for the location of "+o.name+" without --minify", withoutMinify, first)
		}
	})

	harness.Prove("token/grep-cut-token", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		block := fixtures.Command(byGrepAndCut)

		ginkgo.By("the pipeline finds the token that is in the Secret")
		want := r.requestToken(ctx)
		token := r.foundToken(ctx, "grep and cut look for the token", block)
		Expect(token == want).To(BeTrue(), "grep and cut find another token than the Secret has")
		r.ask(ctx, "curl reads the root of the API with the token", r.url(apiPath), token, catalog.Reached, flagInsecure)

		ginkgo.By("in a Secret without a token it finds nothing, and the documented curl is an anonymous caller's")
		r.replaceByEmpty(ctx)
		Expect(r.found(ctx, catalog.HopTool, "grep and cut look for a token that is not there", block, varToken) == "").To(BeTrue(), "grep and cut find a token in a Secret without one")
		r.run(ctx, "the documented commands are run with a Secret without a token", block, r.anonymously(ctx))
	})

	harness.Prove("token/jsonpath-token", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		block := fixtures.Command(byJSONPath)

		ginkgo.By("jsonpath and base64 find the token that is in the Secret, as grep and cut do")
		want := r.requestToken(ctx)
		token := r.foundToken(ctx, "jsonpath looks for the token", block)
		Expect(token == want).To(BeTrue(), "jsonpath and base64 find another token than the Secret has")
		Expect(token == r.foundToken(ctx, "grep and cut look for the token", fixtures.Command(byGrepAndCut))).To(BeTrue(), "jsonpath and grep find different tokens")

		ginkgo.By("it is one of the namespace's ServiceAccount default")
		whose, err := subject(token)
		env.Held(catalog.HopController, err)
		Expect(whose).To(Equal(userName(r.namespace, defaultName)), "the subject of the token")

		ginkgo.By("the API server takes it, and not as it is in the Secret")
		r.run(ctx, "the documented commands are run", block, catalog.Reached)
		r.run(ctx, "the documented commands are run without base64", replace(env, block, decodeToken, ""), catalog.Unauthorized)
	})
})

// several returns a kubeconfig of three clusters, each with a location of its
// own.
func several(k access.Kubeconfig) access.Kubeconfig {
	for _, o := range others {
		k = k.WithContext(o.name, k.WithServer(o.server))
	}
	return k
}

// with returns the reader with another kubeconfig.
func (r reader) with(name string, k access.Kubeconfig) reader {
	ginkgo.GinkgoHelper()
	r.kubeconfig, r.host = k, r.env.HostWith(name, k)
	return r
}
