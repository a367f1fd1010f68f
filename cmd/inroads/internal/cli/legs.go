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

// parts are the reports of a run's parts, of one topology or context and one kubectl
// each.
type parts struct {
	mu   sync.Mutex
	list []reports.Report
	told int
	// err is what went wrong with the scripts of the parts.
	err error
}

// fewParts is up to how many parts the report of all is written after each. Of more
// it is then written each time that twice as many have told, so that what is written
// in all is no more than some times the last report.
const fewParts = 8

// set notes the report of a part, and writes that of all to the folder now and then.
func (p *parts) set(i int, r reports.Report, dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list[i] = r
	p.told++
	if len(p.list) > 1 && (p.told <= fewParts || p.told&(p.told-1) == 0) {
		// The last one, which is written with the summary, tells of an error.
		_ = reports.Write(dir, reports.Merge(p.list))
	}
}

// legs returns the parts of the run that are about one topology or one context each,
// several of which keep their own reports in folders below the artifacts.
func (r *runner) legs() (legs []*runner) {
	topologies, contexts := r.options.Topologies(), r.contexts
	if len(contexts) == 0 {
		contexts = []string{r.options.Context}
	}
	folders := contextFolders(contexts)
	several := len(topologies)*len(contexts)*len(r.kubectls) > 1
	for _, t := range topologies {
		for i, in := range contexts {
			leg := *r
			leg.options.Topology, leg.options.Context = t, in
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
			if len(contexts) > 1 {
				leg.name, leg.meta.Context = in, in
				leg.options.Artifacts = filepath.Join(r.options.Artifacts, contextsDir, folders[i])
				// They have the processes of the run between them.
				leg.procs = max(1, r.procs/min(r.abreast, len(contexts)))
			}
			legs = append(legs, &leg)
		}
	}
	return legs
}

// metaOf is the leg's with one of the kubectls.
func (r *runner) metaOf(k kubectl) reports.Meta {
	meta := r.meta
	meta.Kubectl = k.version
	return meta
}

// all runs the legs and returns their report, which is on disk as far as it is known
// now and then. A cluster that is there is looked at first, many at a time, and takes
// no room where that finds it broken; then as many are proven at a time as the run was
// told. Clusters that the run makes are as many as the machine has room for the nodes
// of.
func (r *runner) all(ctx context.Context, legs []*runner) (report reports.Report, left string, err error) {
	done := &parts{}
	for _, leg := range legs {
		for _, k := range r.kubectls {
			done.list = append(done.list, reports.Placeholder(leg.metaOf(k)))
		}
	}
	report = reports.Merge(done.list)
	if err := errors.Join(reports.RemoveScripts(r.options.Artifacts), reports.Write(r.options.Artifacts, report)); err != nil {
		return reports.Unable(r.meta, reports.SetupFailure{Stage: stageReports, Message: err.Error()}), "", nil
	}
	// The legs share it.
	r.tally.of = len(report.Claims)
	if r.screen != nil {
		r.screen.begin(ctx, report.Claims)
		defer r.screen.end()
	}
	for i, leg := range legs {
		leg.report = func(j int, one reports.Report) { r.take(done, i*len(r.kubectls)+j, leg, one) }
	}
	room := int64(harness.Room())
	if r.options.Existing() {
		room = int64(max(1, r.abreast))
	}
	free := semaphore.NewWeighted(room)
	lefts := make([]string, len(legs))
	var all sync.WaitGroup
	for i := range r.reachable(ctx, legs) {
		leg := legs[i]
		// A cluster that wants more than there is room for is tried alone.
		share := min(int64(max(1, harness.NodesOf(leg.options))), room)
		if err := free.Acquire(ctx, share); err != nil {
			leg.same(reports.Stopped)
			continue
		}
		all.Go(func() {
			defer free.Release(share)
			if lefts[i] = leg.answer(ctx); lefts[i] != "" && leg.name != "" {
				lefts[i] = leg.name + ": " + lefts[i]
			}
		})
	}
	all.Wait()
	lefts = slices.DeleteFunc(lefts, func(s string) bool { return s == "" })
	return reports.Merge(done.list), strings.Join(lefts, "; "), done.err
}

// maxLooks is how many clusters are looked at at a time. Each takes two connections
// and little else.
const maxLooks = 16

// reachable gives the legs, by their numbers, that can be proven as far as is known:
// those of clusters that the run makes, in their order, or those of clusters that are
// there as soon as a look at them finds nothing in the way.
func (r *runner) reachable(ctx context.Context, legs []*runner) <-chan int {
	found := make(chan int, len(legs))
	looks := semaphore.NewWeighted(maxLooks)
	var looking sync.WaitGroup
	for i, leg := range legs {
		if !leg.options.Existing() {
			found <- i
			continue
		}
		looking.Go(func() {
			if err := looks.Acquire(ctx, 1); err != nil {
				leg.same(reports.Stopped)
				return
			}
			defer looks.Release(1)
			if failure := leg.preflight(ctx); failure != nil {
				leg.unable(ctx, *failure)
				return
			}
			found <- i
		})
	}
	go func() {
		looking.Wait()
		close(found)
	}()
	return found
}

// take notes the report of one of the parts, which a leg has handed over.
func (r *runner) take(done *parts, part int, leg *runner, one reports.Report) {
	err := leg.giveScripts(&one)
	for c := range one.Claims {
		one.Claims[c].Script = below(r.options.Artifacts, leg.options.Artifacts, one.Claims[c].Script)
	}
	done.set(part, one, r.options.Artifacts)
	done.mu.Lock()
	defer done.mu.Unlock()
	done.err = errors.Join(done.err, err)
}

// same hands over one report for each kubectl, of claims that were not put to the
// test.
func (r *runner) same(of func(reports.Meta) reports.Report) {
	for j, k := range r.kubectls {
		one := of(r.metaOf(k))
		r.untested(one)
		if r.meta.Context != "" {
			// The folder may have the report of an earlier run.
			if err := reports.Write(r.options.Artifacts, one); err != nil {
				r.progress("warning: %v", err)
			}
		}
		r.report(j, one)
	}
}

// unable hands over why the leg did not get to its claims.
func (r *runner) unable(ctx context.Context, f reports.SetupFailure) {
	r.same(func(m reports.Meta) reports.Report { return stoppedOr(ctx, m, f) })
}

// answer proves the claims of the leg with each kubectl and hands the reports
// over. It returns what the leg made and could not remove, or "".
func (r *runner) answer(ctx context.Context) (left string) {
	if why := r.limits.reached(r.now()); why != "" {
		r.same(func(m reports.Meta) reports.Report { return reports.NotReached(m, why) })
		return ""
	}
	release, err := r.provide(ctx)
	defer func() { left = r.release(ctx, release) }()
	if err != nil {
		r.unable(ctx, reports.SetupFailure{Stage: stageCluster, Message: err.Error()})
		return ""
	}
	if !r.options.Existing() {
		if failure := r.preflight(ctx); failure != nil {
			r.unable(ctx, *failure)
			return ""
		}
	}
	whole := r.options.Artifacts
	for j, k := range r.kubectls {
		if why := r.limits.reached(r.now()); why != "" {
			one := reports.NotReached(r.metaOf(k), why)
			r.untested(one)
			r.report(j, one)
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
		one.ended(proven)
		for i := range proven.Claims {
			proven.Claims[i].Script = below(whole, one.options.Artifacts, proven.Claims[i].Script)
		}
		r.report(j, proven)
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
	report, left, err := r.all(ctx, legs)
	if err := disarm(); err != nil {
		left = strings.TrimPrefix(left+"; "+err.Error(), "; ")
	}
	if err != nil {
		return unable(err, "")
	}
	report.Interrupted = report.Interrupted || ctx.Err() != nil
	return r.conclude(report, left)
}
