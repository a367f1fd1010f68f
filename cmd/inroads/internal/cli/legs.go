package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
)

// kubectl is one of several under test.
type kubectl struct{ path, version string }

// findKubectls asks the kubectls of the command line for their versions, by which
// the report tells them apart. A single one needs no name.
func findKubectls(ctx context.Context, paths []string) ([]kubectl, error) {
	if len(paths) < 2 {
		return []kubectl{{path: strings.Join(paths, "")}}, nil
	}
	var all []kubectl
	for _, path := range paths {
		version, err := access.KubectlVersion(ctx, path)
		if err != nil {
			return nil, usage(fmt.Sprintf("--kubectl %s: %v", path, err), "give the path of a kubectl")
		}
		if slices.ContainsFunc(all, func(k kubectl) bool { return k.version == version }) {
			version += " of " + path
		}
		all = append(all, kubectl{path, version})
	}
	return all, nil
}

// parts are the reports of a run's parts, of one topology and one kubectl each.
type parts struct {
	mu   sync.Mutex
	list []reports.Report
}

func (p *parts) set(i int, r reports.Report) reports.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list[i] = r
	return reports.Merge(p.list)
}

// legs returns the parts of the run that are about one topology each, several of
// which keep their own reports in folders below the artifacts.
func (r *runner) legs() (legs []*runner) {
	topologies := r.options.Topologies()
	several := len(topologies)*len(r.kubectls) > 1
	for _, t := range topologies {
		leg := *r
		leg.options.Topology = t
		if t != r.options.Topology && t != catalog.TopologyMultiNode {
			leg.options.ClusterName += "-" + string(t)
		}
		if several {
			leg.options.Artifacts = filepath.Join(r.options.Artifacts, string(t))
		}
		if len(topologies) > 1 {
			leg.name = string(t)
		}
		leg.meta = leg.options.Meta(nil)
		leg.meta.Started = r.started
		legs = append(legs, &leg)
	}
	return legs
}

// metaOf is the leg's with one of the kubectls.
func (r *runner) metaOf(k kubectl) reports.Meta {
	meta := r.meta
	meta.Kubectl = k.version
	return meta
}

// all runs the legs, as many at a time as the machine has room for the nodes of,
// and returns their report, which is on disk as far as it is known at any time.
func (r *runner) all(ctx context.Context, legs []*runner) (report reports.Report, left string) {
	room := int64(harness.Room())
	free := semaphore.NewWeighted(room)
	done := &parts{}
	for _, leg := range legs {
		for _, k := range r.kubectls {
			done.list = append(done.list, reports.Placeholder(leg.metaOf(k)))
		}
	}
	report = reports.Merge(done.list)
	if err := errors.Join(reports.RemoveScripts(r.options.Artifacts), reports.Write(r.options.Artifacts, report)); err != nil {
		return reports.Unable(r.meta, reports.SetupFailure{Stage: stageReports, Message: err.Error()}), ""
	}
	// The legs share it.
	r.tally.of = len(report.Claims)
	if r.screen != nil {
		r.screen.begin(ctx, report.Claims)
		defer r.screen.end()
	}
	lefts := make([]string, len(legs))
	var all sync.WaitGroup
	for i, leg := range legs {
		// A cluster that wants more than there is room for is tried alone.
		nodes := min(int64(harness.NodesOf(leg.options)), room)
		if err := free.Acquire(ctx, nodes); err != nil {
			for j, k := range r.kubectls {
				done.set(i*len(r.kubectls)+j, reports.Stopped(leg.metaOf(k)))
			}
			continue
		}
		all.Go(func() {
			defer free.Release(nodes)
			lefts[i] = leg.answer(ctx, func(j int, one reports.Report) {
				for c := range one.Claims {
					one.Claims[c].Script = below(r.options.Artifacts, leg.options.Artifacts, one.Claims[c].Script)
				}
				merged := done.set(i*len(r.kubectls)+j, one)
				if len(done.list) > 1 {
					// The last one, which is written with the summary, tells of an error.
					_ = reports.Write(r.options.Artifacts, merged)
				}
			})
		})
	}
	all.Wait()
	lefts = slices.DeleteFunc(lefts, func(s string) bool { return s == "" })
	return reports.Merge(done.list), strings.Join(lefts, "; ")
}

// answer proves the claims of the leg with each kubectl and hands the reports
// over. It returns what the leg made and could not remove, or "".
func (r *runner) answer(ctx context.Context, report func(kubectl int, one reports.Report)) (left string) {
	same := func(of func(reports.Meta) reports.Report) {
		for j, k := range r.kubectls {
			report(j, of(r.metaOf(k)))
		}
	}
	unable := func(f reports.SetupFailure) {
		same(func(m reports.Meta) reports.Report { return stoppedOr(ctx, m, f) })
	}
	if why := r.limits.reached(r.now()); why != "" {
		same(func(m reports.Meta) reports.Report { return reports.NotReached(m, why) })
		return ""
	}
	if r.options.Existing() {
		if failure := r.preflight(ctx); failure != nil {
			unable(*failure)
			return ""
		}
	}
	release, err := r.provide(ctx)
	defer func() { left = r.release(ctx, release) }()
	if err != nil {
		unable(reports.SetupFailure{Stage: stageCluster, Message: err.Error()})
		return ""
	}
	if !r.options.Existing() {
		if failure := r.preflight(ctx); failure != nil {
			unable(*failure)
			return ""
		}
	}
	whole := r.options.Artifacts
	for j, k := range r.kubectls {
		if why := r.limits.reached(r.now()); why != "" {
			report(j, reports.NotReached(r.metaOf(k), why))
			continue
		}
		one := *r
		one.options.Limits = r.limits.begin(r.now())
		one.options.Kubectl, one.meta = k.path, r.metaOf(k)
		if len(r.kubectls) > 1 {
			one.name = strings.TrimSpace(r.name + " kubectl " + k.version)
			one.options.Artifacts = filepath.Join(r.options.Artifacts, "kubectl-"+strings.ReplaceAll(k.version, string(filepath.Separator), "_"))
		}
		proven := one.prove(ctx)
		for i := range proven.Claims {
			proven.Claims[i].Script = below(whole, one.options.Artifacts, proven.Claims[i].Script)
		}
		report(j, proven)
	}
	return ""
}

// below returns the name below the outer folder of what has one below the inner.
func below(outer, inner, name string) string {
	within, err := filepath.Rel(outer, filepath.Join(inner, name))
	if name == "" || err != nil {
		return ""
	}
	return filepath.ToSlash(within)
}

// stoppedOr returns the report of a run that did not get to its claims. A run that
// was interrupted needs no other reason.
func stoppedOr(ctx context.Context, m reports.Meta, f reports.SetupFailure) reports.Report {
	if ctx.Err() != nil {
		return reports.Stopped(m)
	}
	return reports.Unable(m, f)
}

// run proves the claims. Whatever happens, there is a report that says so.
func (r *runner) run(ctx context.Context) error {
	r.started = r.now()
	r.meta = r.options.Meta(nil)
	r.meta.Started = r.started
	r.tally = &tally{}
	r.guard = newGuard(&r.streams)
	if r.screen != nil {
		r.screen.out = r.guard.hears(r.screen.out)
	}
	defer r.guard.stop()
	if len(r.kubectls) == 0 {
		r.kubectls = []kubectl{{path: r.options.Kubectl}}
	}
	legs := r.legs()
	if len(legs) == 0 {
		return unable(errors.New("no topology has a selected claim"), "'inroads list' prints the claims with what they need")
	}
	disarm, err := r.limits.arm()
	if err != nil {
		return unable(err, "")
	}
	report, left := r.all(ctx, legs)
	if err := disarm(); err != nil {
		left = strings.TrimPrefix(left+"; "+err.Error(), "; ")
	}
	report.Interrupted = report.Interrupted || ctx.Err() != nil
	return r.conclude(report, left)
}
