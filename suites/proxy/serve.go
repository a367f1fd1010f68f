package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// anyPort lets kubectl choose a port.
	anyPort = "--port=0"
	// portInUse is what kubectl says of a port that is taken.
	portInUse = "address already in use"
	// portAttempts is how often a free port is looked for when others take it
	// between the look and kubectl's start.
	portAttempts = 5

	contentJSON       = "application/json"
	contentMergePatch = "application/merge-patch+json"
)

// serve starts kubectl proxy at a port of its own choice, until the spec ends.
func serve(ctx context.Context, env *harness.Env, host access.Host, args ...string) *access.KubectlProxy {
	ginkgo.GinkgoHelper()
	proxy, err := host.StartKubectlProxy(ctx, append([]string{anyPort}, args...)...)
	return started(env, proxy, err)
}

// serveAtFreePort starts kubectl proxy with --port at a port of 127.0.0.1 that
// is free, until the spec ends, and returns the port.
func serveAtFreePort(ctx context.Context, env *harness.Env, args ...string) (*access.KubectlProxy, int) {
	ginkgo.GinkgoHelper()
	for attempt := 1; ; attempt++ {
		port, err := access.FreePort()
		env.Require(err, "looking for a free port")
		proxy, err := env.Host.StartKubectlProxy(ctx, append([]string{fmt.Sprintf("--port=%d", port)}, args...)...)
		if err != nil && attempt < portAttempts && strings.Contains(err.Error(), portInUse) {
			continue
		}
		return started(env, proxy, err), port
	}
}

func started(env *harness.Env, proxy *access.KubectlProxy, err error) *access.KubectlProxy {
	ginkgo.GinkgoHelper()
	env.At(catalog.HopLocalProxy)
	Expect(err).NotTo(HaveOccurred(), "kubectl proxy does not serve")
	ginkgo.DeferCleanup(proxy.Stop)
	return proxy
}

// get asks the proxy for a path of the API.
func get(ctx context.Context, proxy *access.KubectlProxy, path string) access.Result {
	return getURL(ctx, proxy.URL(path))
}

func getURL(ctx context.Context, url string) access.Result {
	return access.Do(ctx, access.PlainClient(), access.Request{URL: url})
}

// ask makes a request with a body.
func ask(ctx context.Context, proxy *access.KubectlProxy, method, path, contentType, body string) access.Result {
	return access.Do(ctx, access.PlainClient(), access.Request{
		Method: method, URL: proxy.URL(path), Body: body, Header: http.Header{"Content-Type": {contentType}},
	})
}

// reach asserts that the proxy answers a path of the API with success. Its own
// 500 is what it says when it cannot get an answer from the server of its
// kubeconfig; any other failure is its own doing.
func reach(ctx context.Context, env *harness.Env, what string, proxy *access.KubectlProxy, path string) access.Result {
	ginkgo.GinkgoHelper()
	return reachURL(ctx, env, what, proxy.URL(path))
}

func reachURL(ctx context.Context, env *harness.Env, what, url string) access.Result {
	ginkgo.GinkgoHelper()
	hop, r := catalog.HopLocalProxy, getURL(ctx, url)
	if r.Status == http.StatusInternalServerError {
		hop = catalog.HopConfig
	}
	return env.Meet(hop, what, r, catalog.Reached)
}
