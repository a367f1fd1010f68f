package probe

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// DefaultTimeout bounds each of resolve, dial and TLS.
	DefaultTimeout = 1500 * time.Millisecond
	// DefaultAnswerTimeout bounds each request to the API server.
	DefaultAnswerTimeout = 5 * time.Second
)

// Target is the way that a walk takes.
type Target struct {
	// Kubeconfig is the file to read. Empty means the files of KUBECONFIG, or
	// ~/.kube/config, as kubectl reads them.
	Kubeconfig string
	// Context is the context to use. Empty means the kubeconfig's current one.
	Context string
	// Overrides take the place of what the kubeconfig says; their RequestTimeout
	// is of no walk, see Timeout.
	Overrides Overrides
	// Attributes are what the authz hop asks for. Nil skips that hop.
	Attributes *authorizationv1.ResourceAttributes
	// Timeout bounds each hop. Zero means DefaultTimeout for resolve, dial
	// and TLS, DefaultAnswerTimeout for each request after them, and ten
	// seconds for a credential plugin.
	Timeout time.Duration
	// Resolver resolves host names. Nil means the machine's own resolver.
	Resolver *net.Resolver
}

// kubeconfigHops are the hops from a kubeconfig to the API server's API.
var kubeconfigHops = []catalog.Hop{
	catalog.HopConfig, catalog.HopResolve, catalog.HopDial, catalog.HopTLS, catalog.HopAuthn, catalog.HopAuthz, catalog.HopAPI,
}

// Walk goes from the kubeconfig to the API server's API, over one connection,
// and stops at the first hop that breaks. It changes nothing in the cluster.
// The trace always has all hops, in order; those after the broken one say that
// they were not reached.
func Walk(ctx context.Context, t Target) Trace {
	w := newWalk(catalog.PathKubectl, t, kubeconfigHops...)
	defer w.close()
	return w.through(ctx, w.config, w.authn, w.authz, w.api)
}

// WalkConfig reads the kubeconfig and makes its credential ready, which may run a
// credential plugin, and goes no further.
func WalkConfig(ctx context.Context, t Target) Trace {
	w := newWalk(catalog.PathConfigView, t, catalog.HopConfig)
	defer w.close()
	return w.through(ctx, w.config)
}

// walk is a walk along any path. The paths differ in their hops, in where the
// entry comes from and in how a request is asked; what an answer means is the
// same for all.
type walk struct {
	target Target
	trace  Trace
	entry  entry
	line   *line
	// path is what the api hop gets, or "".
	path string
	// load makes the entry ready.
	load func(context.Context) (entry, *finding)
	// ask sends one request for a hop and returns the whole answer.
	ask func(ctx context.Context, hop catalog.Hop, method, path string, object any) (*answer, *broken)
}

// newWalk returns a walk that reads the target's kubeconfig and asks over a
// connection of its own. No hop is reached yet.
func newWalk(path catalog.PathID, t Target, hops ...catalog.Hop) *walk {
	w := &walk{target: t, trace: Trace{Path: path}}
	for _, hop := range hops {
		w.trace.Steps = append(w.trace.Steps, Step{Hop: hop, State: NotReached})
	}
	w.load = func(ctx context.Context) (entry, *finding) { return loadKubeconfig(ctx, t) }
	w.ask = w.askServer
	return w
}

// through takes the hops one after the other, up to the first that breaks.
func (w *walk) through(ctx context.Context, hops ...func(context.Context) *broken) Trace {
	for _, hop := range hops {
		if b := hop(ctx); b != nil {
			w.stop(b.hop, &b.finding, b.took)
			break
		}
	}
	return w.trace
}

func (w *walk) close() {
	if w.line != nil {
		w.line.close()
	}
}

// config makes the entry ready, and the connection with it.
func (w *walk) config(ctx context.Context) *broken {
	began := time.Now()
	e, found := w.load(ctx)
	w.entry = e
	took := time.Since(began)
	if ctx.Err() != nil {
		found = &finding{WalkStopped, e.files, "", context.Cause(ctx)}
	}
	if found == nil {
		w.line, found = newLine(&w.entry, w.target)
	}
	if found != nil {
		return &broken{finding: *found, hop: catalog.HopConfig, took: took}
	}
	w.pass(catalog.HopConfig, e.files, e.saw, took)
	return nil
}

// askServer asks over the connection. The first request also shows the hops
// that lead to the server.
func (w *walk) askServer(ctx context.Context, hop catalog.Hop, method, path string, object any) (*answer, *broken) {
	a, b := w.line.send(ctx, hop, method, path, object)
	if hop == catalog.HopAuthn {
		w.showConnection()
	}
	return a, b
}

// broken is a finding with the hop that a request broke at, which is not
// always the one that the request was sent for.
type broken struct {
	finding
	hop  catalog.Hop
	took time.Duration
}

func (w *walk) has(hop catalog.Hop) bool {
	return slices.ContainsFunc(w.trace.Steps, func(s Step) bool { return s.Hop == hop })
}

func (w *walk) step(hop catalog.Hop) *Step {
	i := slices.IndexFunc(w.trace.Steps, func(s Step) bool { return s.Hop == hop })
	return &w.trace.Steps[i]
}

func (w *walk) pass(hop catalog.Hop, target, saw string, took time.Duration) {
	*w.step(hop) = Step{Hop: hop, State: OK, Target: w.redact(target), Saw: w.redact(saw), Duration: took}
}

func (w *walk) skip(hop catalog.Hop, saw string) {
	*w.step(hop) = Step{Hop: hop, State: Skipped, Saw: w.redact(saw)}
}

// stop marks the hop of the finding broken. What lies before it and is not
// known was skipped; what lies after it was not reached.
func (w *walk) stop(at catalog.Hop, f *finding, took time.Duration) {
	hop := at
	if d, _ := Lookup(f.code); w.has(d.Hop) {
		hop = d.Hop
	}
	reached := true
	for i := range w.trace.Steps {
		s := &w.trace.Steps[i]
		switch {
		case s.Hop == hop:
			*s = Step{Hop: hop, State: Broken, Target: w.redact(f.target), Saw: w.redact(f.saw), Duration: took, Code: f.code, Err: w.safe(f.err)}
			reached = false
		case !reached:
			*s = Step{Hop: s.Hop, State: NotReached}
		case s.State == NotReached:
			*s = Step{Hop: s.Hop, State: Skipped, Saw: "not known, for the walk broke at " + hopName(hop)}
		}
	}
}

// shortest is how long a known credential must be to be looked for in texts:
// removing a password of two letters would remove half of every message.
const shortest = 4

func (w *walk) redact(text string) string {
	for _, s := range w.entry.secrets {
		if v := s.Reveal(); len(v) >= shortest {
			text = strings.ReplaceAll(text, v, redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(v), redacted)
		}
	}
	return oneLine(Redact(text))
}

func (w *walk) safe(err error) error {
	if err == nil {
		return nil
	}
	return &safeError{text: w.redact(err.Error()), err: err}
}

// showConnection writes down the hops that the first request passed.
func (w *walk) showConnection() {
	for _, leg := range w.line.passed() {
		if leg.skipped {
			w.skip(leg.hop, leg.saw)
			continue
		}
		w.pass(leg.hop, leg.target, leg.saw, leg.took)
	}
}
