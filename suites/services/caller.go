package services

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// requestTime bounds each request: a target that drops packets never answers,
	// and one that is there takes milliseconds. askTime bounds one of many tries.
	requestTime = 4 * time.Second
	askTime     = time.Second
	// settleTime is how long the API server may take to see what the API has
	// told us: it watches EndpointSlices for itself.
	settleTime = 10 * time.Second
	pollTime   = 50 * time.Millisecond
)

// caller goes through the API server's proxy as one user. It follows no
// redirect.
type caller struct {
	env    *harness.Env
	client *http.Client
	server string
	// target is the hop that is to blame when nothing else is.
	target catalog.Hop
}

func callerOf(env *harness.Env, cfg *rest.Config, target catalog.Hop) caller {
	client, server, err := access.APIClient(cfg)
	env.Require(err, "making a client")
	copied := *client
	copied.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return caller{env: env, client: &copied, server: server, target: target}
}

// user returns the caller who is the kubeconfig's user.
func user(env *harness.Env, target catalog.Hop) caller { return callerOf(env, env.Config, target) }

// stranger returns a caller who has no rights: a ServiceAccount of its own.
func stranger(ctx context.Context, env *harness.Env, target catalog.Hop) caller {
	return callerOf(env, env.As(ctx, env.ServiceAccount(ctx, "stranger")), target)
}

func (c caller) get(ctx context.Context, path string) access.Result {
	return c.getWithin(ctx, requestTime, path)
}

func (c caller) getWithin(ctx context.Context, limit time.Duration, path string) access.Result {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return access.Do(ctx, c.client, access.Request{URL: c.server + path})
}

// meet makes the request and asserts the outcome.
func (c caller) meet(ctx context.Context, what, path string, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	r := c.get(ctx, path)
	return c.env.Meet(access.ProxyHop(r, c.target), what, r, want)
}

// forbidden asserts that the API server itself refuses the path to the caller.
func (c caller) forbidden(ctx context.Context, path string) {
	ginkgo.GinkgoHelper()
	r := c.get(ctx, path)
	c.env.Meet(catalog.HopAuthz, "a user without the right asks for the same", r, catalog.Forbidden)
	_, own := access.APIStatus(r)
	Expect(own).To(BeTrue(), "the refusal is the API server's, not the backend's: %s", r.Summary())
}

// refused asserts that the API server itself answers with the outcome, and
// returns its Status.
func (c caller) refused(ctx context.Context, hop catalog.Hop, what, path string, want catalog.Outcome) (access.Result, metav1.Status) {
	ginkgo.GinkgoHelper()
	r := c.env.Meet(hop, what, c.get(ctx, path), want)
	status, own := access.APIStatus(r)
	Expect(own).To(BeTrue(), "the answer is the API server's, not the backend's: %s", r.Summary())
	return r, status
}

// passedOn asserts that the outcome is what the backend itself answered.
func (c caller) passedOn(ctx context.Context, what, path string, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	r := c.meet(ctx, what, path, want)
	_, own := access.APIStatus(r)
	Expect(own).To(BeFalse(), "the answer is the backend's, not the API server's: %s", r.Summary())
	return r
}

// looksUpSlices is the version from which on the API server's proxy resolves a
// Service by its EndpointSlices alone (kubernetes/kubernetes#134860), so that one
// that does not exist is one without endpoints. Before, it read the Service.
var looksUpSlices = version.MustParseGeneric("1.37.0")

// noService asserts that the API server looks for a Service of the name and says
// that it finds none, in the words of its version.
func (c caller) noService(ctx context.Context, what, path, name string) {
	ginkgo.GinkgoHelper()
	server, err := version.ParseSemantic(c.env.Cluster.KubernetesVersion)
	c.env.Require(err, "reading the API server's version")
	if server.LessThan(looksUpSlices) {
		_, status := c.refused(ctx, catalog.HopService, what, path, catalog.NotFound)
		Expect(status.Details).To(HaveField("Name", name), "the Service that the API server looked for")
		return
	}
	r, status := c.refused(ctx, catalog.HopService, what, path, catalog.Unavailable)
	Expect(access.NoEndpoints(r)).To(BeTrue(), "the API server says that there are no endpoints: %s", r.Summary())
	Expect(status.Message).To(HaveSuffix(strconv.Quote(name)), "the Service that the API server looked for")
}
