package direct

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// anotherLoopback is an address of this machine, and of nobody else.
	anotherLoopback = "127.0.0.2"
	// dialTime bounds each look.
	dialTime = 2 * time.Second
	// wantsTLS is what the API server says to plain HTTP.
	wantsTLS = "Client sent an HTTP request to an HTTPS server"
)

var _ = harness.Area(catalog.PathDirect, func() {
	harness.Prove("noauth/firewalled", func(ctx context.Context, env *harness.Env) {
		server, err := url.Parse(env.Kubeconfig().Server())
		env.Require(err, "reading the address of the API server")
		in := newAsker(env, env.Config)(ctx, request{path: apiRoot})
		env.Meet(access.Blame(in, catalog.Reached), "the API server is asked at the kubeconfig's address", in, catalog.Reached)

		// Plain HTTP needs no trust: whatever answers it is there.
		at := func(host string) access.Result {
			bounded, cancel := context.WithTimeout(ctx, dialTime)
			defer cancel()
			return access.Do(bounded, access.PlainClient(), access.Request{Method: http.MethodGet, URL: "http://" + net.JoinHostPort(host, server.Port())})
		}
		ginkgo.By("a look at the kubeconfig's address finds it")
		r := env.Meet(catalog.HopDial, "who listens at the kubeconfig's address", at(server.Hostname()), catalog.BadRequest)
		Expect(r.Stdout).To(ContainSubstring(wantsTLS), "who listens at the kubeconfig's address")

		ginkgo.By("the same look finds nobody at the machine's other addresses")
		others, err := access.OtherAddresses()
		env.Require(err, "listing this machine's addresses")
		for _, ip := range append(others, anotherLoopback) {
			env.Meet(catalog.HopDial, "who listens at "+ip, at(ip), catalog.Refused)
		}
	})
})
