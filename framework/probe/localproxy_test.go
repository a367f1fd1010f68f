package probe_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// localProxy is a kubectl proxy as the walk sees it: its filter, its errors, and
// an API server behind it whose answers have an audit id.
type localProxy struct {
	api    api
	reject func(*http.Request) bool
	failed string
}

func (p localProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case p.reject != nil && p.reject(r), r.Host == "inroads.invalid":
		http.Error(w, "Forbidden", http.StatusForbidden)
	case p.failed != "":
		http.Error(w, p.failed, http.StatusInternalServerError)
	default:
		w.Header().Set("Audit-Id", "1")
		r.Header.Set("Authorization", "Bearer "+goodToken)
		p.api.ServeHTTP(w, r)
	}
}

func (w *world) throughProxy(p localProxy) probe.ProxyTarget {
	return probe.ProxyTarget{URL: "http://" + serve(w.t, p, nil)}
}

func proxyFails(text string) func(*world) probe.Trace {
	return func(w *world) probe.Trace { return probe.WalkProxy(w.ctx, w.throughProxy(localProxy{failed: text})) }
}

var proxyRows = []pathRow{
	{name: "in", walk: func(w *world) probe.Trace {
		t := w.throughProxy(localProxy{})
		t.Attributes = getPods
		return probe.WalkProxy(w.ctx, t)
	}, saw: []string{"listens on 127.0.0.1:", `user \"alice\"`, "v1.37.2, ready"}},
	{name: "questions rejected", walk: func(w *world) probe.Trace {
		t := w.throughProxy(localProxy{reject: func(r *http.Request) bool { return r.Method == http.MethodPost }})
		t.Attributes = getPods
		return probe.WalkProxy(w.ctx, t)
	}, saw: []string{"own filter rejects the question", "v1.37.2"}},
	{name: "nothing listens", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, probe.ProxyTarget{URL: "http://" + closedPort(w.t)})
	}, code: probe.ProxyDown, saw: []string{"connection refused"}, target: "http://127.0.0.1"},
	{name: "black hole", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, probe.ProxyTarget{URL: "http://" + blackHole(w.t), Timeout: soon})
	}, code: probe.ProxyDown},
	{name: "silent", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, probe.ProxyTarget{URL: "http://" + accept(w.t, func(net.Conn) {}), Timeout: soon})
	}, code: probe.ProxyDown, saw: []string{"nothing in"}},
	{name: "not plain HTTP", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, probe.ProxyTarget{URL: "https://127.0.0.1:8001"})
	}, code: probe.ProxyDown, saw: []string{"plain HTTP"}},
	{name: "own filter", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, w.throughProxy(localProxy{reject: func(*http.Request) bool { return true }}))
	}, code: probe.ProxyFiltered, saw: []string{"GET /version", "403", "Forbidden"}},
	{name: "own filter, of one path", walk: func(w *world) probe.Trace {
		t := w.throughProxy(localProxy{reject: func(r *http.Request) bool { return r.URL.Path == "/api/" }})
		t.Path = "/api/"
		return probe.WalkProxy(w.ctx, t)
	}, code: probe.ProxyFiltered, saw: []string{"GET /api/"}},
	{name: "the server's 403", walk: func(w *world) probe.Trace {
		t := w.throughProxy(localProxy{api: api{version: status(http.StatusForbidden, "forbidden")}})
		t.Path = versionPath
		return probe.WalkProxy(w.ctx, t)
	}, code: probe.AuthzDenied},
	{name: "behind it refused", walk: proxyFails("dial tcp 127.0.0.1:1: connect: connection refused"), code: probe.ProxyUpstream, saw: []string{"behind it dial broke", "A-DIAL-01", "127.0.0.1:1"}},
	{name: "behind it no host", walk: proxyFails("dial tcp: lookup nosuch.invalid on 10.0.0.1:53: no such host"), code: probe.ProxyUpstream, saw: []string{"A-RESOLVE-01"}},
	{name: "behind it a name server", walk: proxyFails("dial tcp: lookup api.test on 10.0.0.1:53: read: connection refused"), code: probe.ProxyUpstream, saw: []string{"A-RESOLVE-02"}},
	{name: "behind it an authority", walk: proxyFails("tls: failed to verify certificate: x509: certificate signed by unknown authority"), code: probe.ProxyUpstream, saw: []string{"behind it TLS broke", "A-TLS-02"}},
	{name: "behind it a name", walk: proxyFails("tls: failed to verify certificate: x509: certificate is valid for kubernetes, not api.test"), code: probe.ProxyUpstream, saw: []string{"A-TLS-03"}},
	{name: "behind it a timeout", walk: proxyFails("dial tcp 192.0.2.1:6443: i/o timeout"), code: probe.ProxyUpstream, saw: []string{"A-DIAL-02"}},
	{name: "behind it a plugin", walk: proxyFails("getting credentials: exec: executable nope not found"), code: probe.ProxyUpstream, saw: []string{"A-CONFIG-11"}},
	{name: "behind it something", walk: proxyFails("something new"), code: probe.ProxyUpstream, saw: []string{"500", "something new"}},
	{name: "behind it silence", walk: func(w *world) probe.Trace {
		t := w.throughProxy(localProxy{api: api{review: hang}})
		t.Timeout = soon
		return probe.WalkProxy(w.ctx, t)
	}, code: probe.ProxyUpstream, saw: []string{"nothing comes from behind it"}},
	{name: "the server's 500", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, w.throughProxy(localProxy{api: api{version: status(http.StatusInternalServerError, "etcdserver: no leader")}}))
	}, code: probe.APIServerError},
	{name: "not ready", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, w.throughProxy(localProxy{api: api{ready: say(http.StatusInternalServerError, "[-]etcd failed")}}))
	}, code: probe.APINotReady},
	{name: "anonymous", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, w.throughProxy(localProxy{api: api{review: reviewAs("system:anonymous")}}))
	}, code: probe.AuthnAnonymous},
	{name: "401", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, w.throughProxy(localProxy{api: api{review: status(http.StatusUnauthorized, "Unauthorized")}}))
	}, code: probe.AuthnRefused},
	{name: "cut off", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, w.throughProxy(localProxy{api: api{version: resetInBody}}))
	}, code: probe.APIBroken},
	{name: "another server", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(w.ctx, probe.ProxyTarget{URL: "http://" + serve(w.t, say(http.StatusOK, "<html>"), nil)})
	}, code: probe.APINotKubernetes},
	{name: "canceled", walk: func(w *world) probe.Trace {
		return probe.WalkProxy(canceled(w.t), w.throughProxy(localProxy{}))
	}, code: probe.WalkStopped, hop: catalog.HopLocalProxy},
}

func TestWalkProxy(t *testing.T) {
	testPaths(t, proxyRows, catalog.HopLocalProxy, catalog.HopAuthn, catalog.HopAuthz, catalog.HopAPI)
}
