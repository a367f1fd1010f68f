package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// limits bound the preflight as a whole, the way to the API server in it, and each
// hop of that.
type limits struct{ whole, way, hop time.Duration }

// briefly is what nobody minds to wait for before each run.
var briefly = limits{whole: 1750 * time.Millisecond, way: 1650 * time.Millisecond, hop: 1500 * time.Millisecond}

// pluginTime is what a credential plugin has besides: it may ask a cloud.
const pluginTime = 10 * time.Second

// Severity is how much a finding is in the way of a run.
type Severity string

const (
	// Fine: nothing is in the way.
	Fine Severity = "ok"
	// Unseen: it could not be looked at, which is in nobody's way.
	Unseen Severity = "skipped"
	// Warning: the run can go on, but for the claims that the finding names.
	Warning Severity = "warning"
)

// Finding is what the preflight saw of one matter.
type Finding struct {
	// Check is the matter ("rights").
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	// Saw says in one line what was seen.
	Saw string `json:"saw"`
	// Next is what to type next, or "".
	Next string `json:"next,omitempty"`
	// Claims are those that cannot be put to the test, sorted.
	Claims []catalog.ID `json:"claims,omitempty"`
}

// String returns the finding in one line, without its check.
func (f Finding) String() string {
	if f.Next == "" {
		return probe.Redact(f.Saw)
	}
	return probe.Redact(f.Saw + "; " + f.Next)
}

// Findings are what a preflight saw: the way to the API server, hop by hop, and
// one finding or more of every other matter. Where the way is broken the run
// cannot go on, and nothing else was looked at in the cluster.
type Findings struct {
	probe.Trace
	List []Finding `json:"findings"`
	// Forbidden are the claims that the run's user has too few rights for, and
	// which right is missing.
	Forbidden map[catalog.ID]string `json:"-"`
	Took      reports.Duration      `json:"duration"`
}

// WriteTable writes a line for each hop and each finding, and the time of all.
// It returns the writer's error.
func (f Findings) WriteTable(out io.Writer) error {
	if err := f.Trace.WriteTable(out); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, x := range f.List {
		fmt.Fprintf(w, "%s\t%s\t%s\n", x.Check, x.Severity, x)
	}
	fmt.Fprintf(w, "took %s\n", f.Took)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	return nil
}

// Preflight looks whether a run with the options can go on: the way to the API
// server of the cluster that they name, and there the rights of the selected
// claims, the clocks, the certificates, the images and what earlier runs left. It
// changes nothing and takes less than two seconds, however broken the way is; a
// credential plugin has ten besides, and a longer request timeout than a hop has
// its own.
func Preflight(ctx context.Context, o Options) Findings { return preflightWithin(ctx, o, briefly) }

func preflightWithin(ctx context.Context, o Options, within limits) Findings {
	began := time.Now()
	p := &preflight{options: o, ref: o.existingRef(), now: began, limits: within}
	f := p.look(ctx)
	f.Took = reports.Duration(time.Since(began))
	return f
}

// existingRef is the cluster that the options name, as far as they do.
func (o Options) existingRef() cluster.Ref {
	if len(o.Clusters) > 0 {
		return o.Clusters[0]
	}
	return cluster.Ref{Kubeconfig: o.Kubeconfig, Context: o.Context, Overrides: o.Overrides, Images: o.Images.For(o.ImageRegistry, cluster.Images{})}
}

// preflight is one look at a cluster.
type preflight struct {
	options Options
	ref     cluster.Ref
	now     time.Time
	limits  limits
	config  *rest.Config
	http    *http.Client
	client  kubernetes.Interface
	// nodes are some of the cluster's, and unlisted is why there are none, or nil.
	nodes    []corev1.Node
	unlisted error
	// throttled is how often the API server has said to come back later.
	throttled atomic.Int64
}

func (p *preflight) look(ctx context.Context) Findings {
	config, errConfig := p.ref.RESTConfig()
	target := probe.Target{Kubeconfig: p.ref.Kubeconfig, Context: p.ref.Context, Overrides: p.ref.Overrides, Timeout: p.limits.hop}
	whole, way := p.limits.whole, p.limits.way
	if limit := p.ref.Overrides.RequestTimeout; limit > 0 {
		target.Timeout = limit
		whole, way = whole+max(0, limit-p.limits.hop), way+max(0, limit-p.limits.hop)
	}
	if errConfig == nil && config.ExecProvider != nil {
		whole, way, target.Timeout = whole+pluginTime, way+pluginTime, 0
	}
	ctx, cancel := context.WithTimeout(ctx, whole)
	defer cancel()

	f := Findings{List: []Finding{}}
	f.Trace = walkWithin(ctx, way, target)
	machine := Leftovers()
	if _, broken := f.Broken(); broken {
		f.List = append(f.List, machine)
		return f
	}
	if err := errors.Join(errConfig, p.connect(config)); err != nil {
		f.List = []Finding{unseen(checkRights, err), machine}
		return f
	}
	// Of many clusters none is to keep a connection that nobody needs.
	defer utilnet.CloseIdleConnectionsFor(p.http.Transport)
	var (
		wait                       sync.WaitGroup
		rights, tool, left, faults []Finding
	)
	// Which images there are says which claims need rights.
	wait.Go(func() { p.listNodes(ctx) })
	f.List = append(f.List, p.clocks(ctx)...)
	wait.Wait()
	images := p.images()
	wait.Go(func() { rights, f.Forbidden = p.rights(ctx) })
	wait.Go(func() { tool = p.kubectl(ctx) })
	wait.Go(func() { left = p.namespaces(ctx) })
	wait.Go(func() { faults = p.faults(ctx) })
	wait.Wait()
	switch n := p.throttled.Load(); {
	case n > 0:
		d, _ := probe.Lookup(probe.APIThrottled)
		f.List = append(f.List, Finding{Check: checkSpeed, Severity: Warning, Saw: fmt.Sprintf("%s, %d times: 429 Too Many Requests (%s)", d.Title, n, d.Code), Next: d.Hint})
	case ctx.Err() != nil:
		f.List = append(f.List, Finding{Check: checkSpeed, Severity: Warning, Saw: fmt.Sprintf("the API server is slow: not everything was looked at in %s", whole), Next: "kubectl get --raw='/readyz?verbose'"})
	}
	f.List = slices.Concat(f.List, rights, images, tool, left, faults, []Finding{machine})
	return f
}

// connect makes the clients, with no limit of their own.
func (p *preflight) connect(config *rest.Config) error {
	if config == nil {
		return nil
	}
	p.config = rest.CopyConfig(config)
	p.config.QPS = -1
	p.config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, &p.throttled} })
	if err := rest.LoadTLSFiles(p.config); err != nil {
		return fmt.Errorf("reading the certificates: %w", err)
	}
	var err error
	if p.http, err = rest.HTTPClientFor(p.config); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if p.client, err = kubernetes.NewForConfigAndClient(p.config, p.http); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	return nil
}

// counting counts the answers by which the API server has a caller come back later.
// A client of Kubernetes does so by itself, and tells nobody.
type counting struct {
	next      http.RoundTripper
	throttled *atomic.Int64
}

// WrappedRoundTripper returns the transport below.
func (c counting) WrappedRoundTripper() http.RoundTripper { return c.next }

// RoundTrip counts.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusTooManyRequests {
		c.throttled.Add(1)
	}
	return response, err
}

// timedOut is the diagnosis of a hop that the time of the whole way ended at.
var timedOut = map[catalog.Hop]probe.Code{
	catalog.HopConfig: probe.ConfigPlugin, catalog.HopResolve: probe.ResolveFailed, catalog.HopDial: probe.DialTimeout, catalog.HopTLS: probe.TLSTimeout,
}

// walkWithin walks the way in the given time. Where that is over, the hop that was
// under way is broken, unless the API server has answered by then: it is slow, and
// slow is not broken.
func walkWithin(ctx context.Context, limit time.Duration, target probe.Target) probe.Trace {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	trace := probe.Walk(bounded, target)
	step, broken := trace.Broken()
	if !broken || step.Code != probe.WalkStopped || ctx.Err() != nil {
		return trace
	}
	answered, _ := trace.Step(catalog.HopAuthn)
	saw := fmt.Sprintf("not done when the %s for the whole way were over", limit)
	for i := range trace.Steps {
		s := &trace.Steps[i]
		switch {
		case s.Hop != step.Hop:
		case answered.State == probe.OK:
			*s = probe.Step{Hop: s.Hop, State: probe.Skipped, Saw: saw}
		default:
			s.Saw, s.Code = saw, probe.APITimeout
			if code, ok := timedOut[s.Hop]; ok {
				s.Code = code
			}
		}
	}
	return trace
}

func unseen(check string, err error) Finding {
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("no answer in time")
	}
	return Finding{Check: check, Severity: Unseen, Saw: probe.Redact(firstLine(err.Error()))}
}
