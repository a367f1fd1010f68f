package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// ProxyTarget is the way through a kubectl proxy that runs.
type ProxyTarget struct {
	// URL is where it serves ("http://127.0.0.1:8001").
	URL string
	// Path is what the api hop gets. Empty means the version and readiness.
	Path string
	// Attributes are what the authz hop asks for. Nil skips that hop.
	Attributes *authorizationv1.ResourceAttributes
	// Timeout bounds each hop, as in Target.
	Timeout time.Duration
}

// localProxyHops are what a caller sees of the way through kubectl proxy: the
// hops behind it show in the proxy's own answer alone.
var localProxyHops = []catalog.Hop{catalog.HopLocalProxy, catalog.HopAuthn, catalog.HopAuthz, catalog.HopAPI}

const (
	// auditID is a header of every answer of an API server.
	auditID = "Audit-Id"
	// noHost is a host that kubectl proxy's filter rejects unless told
	// otherwise.
	noHost = "inroads.invalid"
)

// WalkProxy goes through a running kubectl proxy to the API server's API. What
// the proxy says itself is told apart from what the server says through it. A
// proxy that rejects questions about the caller is asked for the API all the
// same, since the way in does not need them.
func WalkProxy(ctx context.Context, t ProxyTarget) Trace {
	w := newWalk(catalog.PathKubectlProxy, Target{Attributes: t.Attributes, Timeout: t.Timeout}, localProxyHops...)
	defer w.close()
	w.path = t.Path
	w.load = func(context.Context) (entry, *finding) { return t.entry() }
	w.ask = w.askThroughProxy
	return w.through(ctx, w.localProxy, w.unlessFiltered(catalog.HopAuthn, w.authn), w.unlessFiltered(catalog.HopAuthz, w.authz), w.api)
}

func (t ProxyTarget) entry() (entry, *finding) {
	direct := func(*http.Request) (*url.URL, error) { return nil, nil }
	e := entry{files: t.URL, config: &rest.Config{Host: t.URL, Proxy: direct}}
	if f := e.complete(); f != nil {
		return e, f
	}
	if e.server.Scheme != "http" {
		return e, e.finding(ConfigInvalid, "kubectl proxy serves plain HTTP, not "+e.server.Scheme, fmt.Errorf("parsing the URL of kubectl proxy %q: not http", Redact(t.URL)))
	}
	return e, nil
}

// localProxy makes the connection ready; that the proxy listens shows with the
// first request.
func (w *walk) localProxy(ctx context.Context) *broken {
	e, found := w.load(ctx)
	w.entry = e
	if found == nil {
		w.line, found = newLine(&w.entry, w.target)
	}
	if found != nil {
		found.code = ProxyDown
		return &broken{finding: *found, hop: catalog.HopLocalProxy}
	}
	return nil
}

// unlessFiltered takes a hop, and skips it if the proxy's filter rejects what
// it asks.
func (w *walk) unlessFiltered(hop catalog.Hop, take func(context.Context) *broken) func(context.Context) *broken {
	return func(ctx context.Context) *broken {
		b := take(ctx)
		if b != nil && b.code == ProxyFiltered {
			w.skip(hop, "kubectl proxy's own filter rejects the question: "+b.saw)
			return nil
		}
		return b
	}
}

func (w *walk) askThroughProxy(ctx context.Context, hop catalog.Hop, method, path string, object any) (*answer, *broken) {
	a, b := w.line.send(ctx, hop, method, path, object)
	if b != nil {
		return nil, w.unanswered(ctx, b)
	}
	if step := w.step(catalog.HopLocalProxy); step.State == NotReached {
		w.pass(catalog.HopLocalProxy, w.line.base(), "listens on "+w.line.legs.remote, w.line.connecting())
	}
	if _, kubernetes := a.kubernetesStatus(); kubernetes || a.header.Get(auditID) != "" {
		return a, nil
	}
	err := fmt.Errorf("requesting %q through kubectl proxy: %s", path, a.text())
	switch a.status {
	case http.StatusForbidden:
		return nil, a.broken(ProxyFiltered, fmt.Sprintf("%s %s: %s", method, path, a.text()), err)
	case http.StatusInternalServerError:
		return nil, a.broken(ProxyUpstream, describeBehind(a.text(), string(a.body)), err)
	}
	return a, nil
}

// unanswered tells of a request that got no answer whether the proxy itself is
// to blame or what is behind it.
func (w *walk) unanswered(ctx context.Context, b *broken) *broken {
	switch {
	case b.code == WalkStopped:
		if !w.has(b.hop) {
			b.hop, b.target = catalog.HopLocalProxy, w.line.base()
		}
	case b.code == APITimeout && w.filterAnswers(ctx):
		b.code, b.saw = ProxyUpstream, "the proxy answers, and nothing comes from behind it: "+b.saw
	case b.code == APIBroken, b.code == APINotKubernetes:
	default:
		title := b.saw
		if d, ok := Lookup(b.code); ok {
			title = d.Title + ": " + b.saw
		}
		b.code, b.target, b.saw = ProxyDown, w.line.base(), title
	}
	return b
}

// filterAnswers is whether the proxy rejects a foreign host, which it does
// without asking anybody.
func (w *walk) filterAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, w.line.limit(catalog.HopDial))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.line.base()+versionPath, nil)
	if err != nil {
		return false
	}
	request.Host = noHost
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return false
	}
	return errors.Join(response.Body.Close()) == nil && response.StatusCode == http.StatusForbidden
}
