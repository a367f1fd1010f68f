package harness

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/onsi/ginkgo/v2"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/reports"
)

const (
	anyLoopbackPort = "127.0.0.1:0"
	httpsPort       = "443"
)

// HostWithFreePort returns a host on which nothing listens at the port of
// localhost until the spec ends: documented commands name port 8080, and specs
// run side by side on machines that others use. Its kubeconfig leads to the
// cluster.
//
// The host has a network of its own where this process may make one. Elsewhere
// it is this machine, under a lock that other runs keep to; the error says that
// some other program has the port.
func (e *Env) HostWithFreePort(ctx context.Context, port int) (access.Host, error) {
	ginkgo.GinkgoHelper()
	if host, ok := e.privateHost(ctx); ok {
		return host, nil
	}
	dir, err := cache.Dir()
	e.Require(err, "finding the cache folder")
	unlock, err := cache.Lock(ctx, filepath.Join(dir, fmt.Sprintf("port-%d.lock", port)), nil)
	e.Require(err, "waiting for other runs that use the port")
	ginkgo.DeferCleanup(unlock)
	if err := access.CheckFree(ctx, port); err != nil {
		return access.Host{}, err
	}
	return e.Host, nil
}

// privateHost returns the host in a network of its own, from which a relay
// leads to the API server, or false where that cannot be.
func (e *Env) privateHost(ctx context.Context) (access.Host, bool) {
	ginkgo.GinkgoHelper()
	server, err := url.Parse(e.Kubeconfig().Server())
	if err != nil || goesThroughProxy(e.Config, server) {
		return access.Host{}, false
	}
	network, err := access.NewNetwork()
	if err != nil {
		return access.Host{}, false
	}
	ginkgo.DeferCleanup(network.Close)
	l, err := network.Listen("tcp", anyLoopbackPort)
	e.Require(err, "listening in a network of the spec's own")
	ginkgo.DeferCleanup(l.Close)
	go access.Relay(ctx, l, addressOf(server))
	e.relays = append(e.relays, relay{l.Addr().String(), addressOf(server)})
	host := e.HostWith("relayed", e.relayed(server, l.Addr().String()))
	host.Network = network
	return host, true
}

// Tapped returns a tap on the way to the API server, until the spec ends, and the
// kubeconfig with which a client goes by it.
func (e *Env) Tapped(ctx context.Context) (*access.Tap, access.Kubeconfig) {
	ginkgo.GinkgoHelper()
	server, err := url.Parse(e.Kubeconfig().Server())
	e.Require(err, "reading the address of the API server")
	if goesThroughProxy(e.Config, server) {
		e.Inconclusive("the way to the API server goes through a proxy, which a tap would pass by")
	}
	tap, err := access.StartTap(ctx, addressOf(server))
	e.Require(err, "tapping the way to the API server")
	ginkgo.DeferCleanup(tap.Stop)
	e.relays = append(e.relays, relay{tap.Addr, addressOf(server)})
	return tap, e.relayed(server, tap.Addr)
}

func addressOf(server *url.URL) string {
	return net.JoinHostPort(server.Hostname(), cmp.Or(server.Port(), httpsPort))
}

// relayed returns the kubeconfig that leads to the server by the address of a
// relay. The certificate has to be for the same name as before.
func (e *Env) relayed(server *url.URL, address string) access.Kubeconfig {
	ginkgo.GinkgoHelper()
	name := cmp.Or(e.Config.ServerName, server.Hostname())
	there := *server
	there.Host = address
	return e.Kubeconfig().WithServer(there.String()).WithTLSServerName(name)
}

// goesThroughProxy is whether clients reach the server by a proxy, which a
// relay would pass by.
func goesThroughProxy(cfg *rest.Config, server *url.URL) bool {
	choose := http.ProxyFromEnvironment
	if cfg.Proxy != nil {
		choose = cfg.Proxy
	}
	proxy, err := choose(&http.Request{URL: server})
	return proxy != nil || err != nil
}

// Note records something that the report is to tell of this cluster, where more
// than one thing would be as the claim says.
func (e *Env) Note(hop catalog.Hop, what string) {
	e.entry.Steps = append(e.entry.Steps, reports.Step{Hop: hop, What: what})
	fmt.Fprintln(ginkgo.GinkgoWriter, what)
}

// NotSeen records a part of the claim that this machine cannot show, and why.
// The rest of the spec has to prove the claim without it.
func (e *Env) NotSeen(hop catalog.Hop, what string, why error) {
	e.entry.Steps = append(e.entry.Steps, reports.Step{Hop: hop, What: fmt.Sprintf("%s: %v", what, why)})
	fmt.Fprintf(ginkgo.GinkgoWriter, "%s\n  not seen: %v\n", what, why)
}
