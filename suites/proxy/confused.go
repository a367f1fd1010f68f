package proxy

import (
	"context"
	"fmt"
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	podName = "client"
	// foreignHost is a host name under which a client may know the API server.
	foreignHost = "kubernetes.inroads.invalid"
	headerHost  = "Host"
	// word is what a container is told to say.
	word = "inroads"
	// rejectNothing is what --reject-paths takes to let every path in.
	rejectNothing = "^$"
)

var _ = harness.Area(catalog.PathKubectlProxy, func() {
	harness.Prove("direct/works-for-proxy-confused-clients", func(ctx context.Context, env *harness.Env) {
		client, server, err := access.APIClient(env.Config)
		env.Require(err, "making a client")
		direct := func(path, host string) access.Result {
			return access.Do(ctx, client, asHost(server+path, host))
		}
		r := direct(apiRoot, "")
		env.Meet(access.Blame(r, catalog.Reached), "the root of the API directly, over HTTPS", r, catalog.Reached)
		pod := env.RunPod(ctx, env.ClientPod(podName))
		proxy := serve(ctx, env, env.Host)
		reach(ctx, env, "the root of the API through the proxy, over HTTP", proxy, apiRoot)

		ginkgo.By("a client that goes by the name of the server")
		r = direct(apiRoot, foreignHost)
		env.Meet(access.Blame(r, catalog.Reached), "a client that asks for another host, directly", r, catalog.Reached)
		r = access.Do(ctx, access.PlainClient(), asHost(proxy.URL(apiRoot), foreignHost))
		env.Meet(catalog.HopLocalProxy, "a client that asks for another host, through the proxy", r, catalog.Forbidden)

		ginkgo.By("a client that speaks nothing but TLS")
		r = access.Do(ctx, access.PlainClient(), access.Request{URL: "https://" + proxy.Addr + apiRoot})
		env.Meet(catalog.HopLocalProxy, "a client that speaks TLS, through the proxy", r, catalog.NotTLS)

		ginkgo.By("a client that runs a command in a container")
		into := access.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: pod.Spec.Containers[0].Name}
		ran := into.Exec(ctx, env.Config, env.Client, "echo", "-n", word)
		env.Held(catalog.HopAPI, ran.Err)
		env.Meet(catalog.HopAPI, "a command in a container, directly", ran, catalog.Reached)
		Expect(ran.Stdout).To(Equal(word), "what the command says")
		exec := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/exec?command=true&stdout=true", pod.Namespace, pod.Name)
		refused := env.Meet(catalog.HopLocalProxy, "a command in a container, through the proxy", get(ctx, proxy, exec), catalog.Forbidden)
		_, own := access.APIStatus(refused)
		Expect(own).To(BeFalse(), "the refusal is the API server's, not the proxy's: %s", refused)

		ginkgo.By("it is the proxy alone that refuses, and no longer when it is told not to")
		for _, row := range []struct {
			what string
			r    access.Result
		}{
			{"the same request, directly", direct(exec, "")},
			{"the same request, through a proxy that rejects no path", get(ctx, serve(ctx, env, env.Host, "--reject-paths="+rejectNothing), exec)},
		} {
			asked := env.Meet(catalog.HopAPI, row.what, row.r, catalog.BadRequest)
			_, own := access.APIStatus(asked)
			Expect(own).To(BeTrue(), "that it is no request to change the protocol is not said by the API server: %s", asked)
		}
	})
})

// asHost asks for the URL under the name of another host, "" for its own.
func asHost(url, host string) access.Request {
	q := access.Request{URL: url}
	if host != "" {
		q.Header = http.Header{headerHost: {host}}
	}
	return q
}
