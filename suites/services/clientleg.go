package services

import (
	"context"
	"net/http"
	"net/url"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("ap/client-leg-https", func(ctx context.Context, env *harness.Env) {
		c := user(env, catalog.HopNode)
		root := c.get(ctx, apiRoot)
		env.Meet(access.Blame(root, catalog.Reached), "the root of the API is asked for over HTTPS", root, catalog.Reached)
		nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
		env.Require(err, "listing nodes")
		Expect(nodes.Items).NotTo(BeEmpty(), "the nodes of the cluster")
		proxied := access.NodeProxyPath(nodes.Items[0].Name, healthy)

		ginkgo.By("the proxy answers over HTTPS")
		Expect(c.passedOn(ctx, "the kubelet is asked over HTTPS", proxied, catalog.Reached).Stdout).To(Equal("ok"), "the health of the kubelet")
		env.At(catalog.HopTLS)
		Expect(c.server).To(HavePrefix("https://"), "the location of the API server")

		ginkgo.By("the same port answers plain HTTP with no more than that it is none of it")
		bare := c
		plain, err := inPlain(c.server)
		env.Require(err, "parsing the location of the API server")
		bare.client, bare.server = access.PlainClient(), plain
		for _, path := range []string{apiRoot, proxied} {
			env.Meet(catalog.HopTLS, path+" is asked for over plain HTTP, without a credential", notSpoken(bare.get(ctx, path)), catalog.NotTLS)
		}
	})
})

const apiRoot = "/api"

// inPlain is the location for plain HTTP at the same port, which is that of HTTPS
// where the location names none.
func inPlain(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	if u.Port() == "" {
		u.Host += ":443"
	}
	u.Scheme = "http"
	return u.String(), nil
}

// notSpoken makes the outcome of a request in plain HTTP NotTLS where the other
// side said, or showed by hanging up, that it takes TLS alone.
func notSpoken(r access.Result) access.Result {
	_, own := access.APIStatus(r)
	said := r.Status == http.StatusBadRequest && !own
	hungUp := r.Status == 0 && (r.Outcome == catalog.Refused || r.Outcome == catalog.Failed)
	if said || hungUp {
		r.Outcome = catalog.NotTLS
	}
	return r
}
