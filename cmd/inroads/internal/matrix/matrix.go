// Package matrix runs claims under faults: each fault is injected, the claims that
// name it must turn red and blame the right hop, and be green again once it is
// healed.
package matrix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/fault"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// Specs proves claims on a cluster, with what is to be added to the environment,
// and keeps its reports in the folder. The starting time is how long it took
// until the first spec began, which every verdict has waited for.
type Specs func(ctx context.Context, ref cluster.Ref, env []string, claims []catalog.ID, artifacts string) (report reports.Report, starting time.Duration, err error)

// Options say what to run.
type Options struct {
	Cluster cluster.Ref
	// Claims are those that are looked at; a fault that none of them names is
	// left out.
	Claims []catalog.Claim
	Faults []fault.Fault
	// Healthy is how many times the claims are proven before any fault.
	Healthy int
	// SideBySide is how many Client faults are in place at once; zero means one.
	SideBySide int
	Specs      Specs
	// Repeat runs the script of each claim that is red while the fault is in place,
	// and after healing.
	Repeat bool
	// Preflight walks the way to the cluster as a run does first.
	Preflight func(ctx context.Context, ref cluster.Ref) (probe.Trace, time.Duration)
	// Ledger is told of each Cluster fault.
	Ledger *ledger.Ledger
	// Dir is an empty folder for the faults, mode 0700, and Artifacts that of
	// the reports.
	Dir, Artifacts string
	// Log gets a line per event.
	Log io.Writer
}

// faultsDir is the folder of the reports of the runs under faults, and
// healthyDir that of the runs without, below the artifacts folder.
const (
	faultsDir  = "faults"
	healthyDir = "healthy"
)

// Run runs the matrix. Every fault that it has injected is healed when it
// returns, also after ctx ended, or the error says which is not.
func Run(ctx context.Context, o Options) (reports.Matrix, error) {
	r := &run{Options: o}
	r.matrix.Healthy = []reports.HealthyRun{}
	err := r.all(ctx)
	r.matrix.Interrupted = ctx.Err() != nil
	r.matrix.Complete(r.provable())
	return r.matrix, err
}

// provable returns the claims that should be red under some fault of the run. A
// run of a few faults says nothing of claims that name none of them.
func (r *run) provable() []catalog.Claim {
	if len(r.Faults) == len(fault.All()) {
		return r.Claims
	}
	return slices.DeleteFunc(slices.Clone(r.Claims), func(c catalog.Claim) bool {
		return !slices.ContainsFunc(r.Faults, func(f fault.Fault) bool { return wanted(c.ID, f.Name).Name != "" })
	})
}

type run struct {
	Options
	mu     sync.Mutex
	matrix reports.Matrix
	done   int
	of     int
}

func (r *run) all(ctx context.Context) error {
	var client, clusterWide []fault.Fault
	for _, f := range r.Faults {
		switch {
		case len(r.concerned(f)) == 0:
		case f.Scope == fault.Client:
			client = append(client, f)
		default:
			clusterWide = append(clusterWide, f)
		}
	}
	r.of = len(client) + len(clusterWide)
	for i := range r.Healthy {
		if err := r.healthy(ctx, i); err != nil {
			return err
		}
	}
	return errors.Join(r.clientFaults(ctx, client), r.clusterFaults(ctx, clusterWide))
}

// concerned returns the claims that the fault must turn red.
func (r *run) concerned(f fault.Fault) (ids []catalog.ID) {
	for _, c := range r.Claims {
		if slices.ContainsFunc(c.Faults, func(named catalog.Fault) bool { return named.Name == f.Name }) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (r *run) healthy(ctx context.Context, i int) error {
	if ctx.Err() != nil {
		return nil
	}
	var ids []catalog.ID
	for _, c := range r.Claims {
		ids = append(ids, c.ID)
	}
	began := time.Now()
	report, _, err := r.Specs(ctx, r.Cluster, nil, ids, filepath.Join(r.Artifacts, healthyDir, fmt.Sprint(i+1)))
	if err != nil || ctx.Err() != nil {
		return err
	}
	h := reports.HealthyRun{Claims: len(ids), Duration: reports.Duration(time.Since(began))}
	for _, c := range report.Claims {
		if c.Verdict != catalog.Proven && c.Verdict != catalog.NotApplicable {
			h.Red = append(h.Red, alarm(c))
		}
	}
	r.matrix.Healthy = append(r.matrix.Healthy, h)
	r.logf("healthy run %d of %d: %d of %d claims proven in %s", i+1, r.Healthy, report.Summary.Proven, len(ids), h.Duration)
	for _, a := range h.Red {
		r.logf("  false alarm: %s %s %s %s: %s", a.Claim, a.Verdict, a.Hop, a.Code, firstLine(a.Reason))
	}
	return nil
}

func alarm(c reports.Claim) reports.Alarm {
	return reports.Alarm{Claim: c.ID, Verdict: c.Verdict, Hop: c.Hop, Code: c.Code, Reason: c.Reason}
}

// clientFaults puts several faults in place side by side, since none of them
// changes the cluster. For the same reason one run after all of them tells that
// their claims are green again.
func (r *run) clientFaults(ctx context.Context, faults []fault.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	rows := make([]*reports.FaultRow, len(faults))
	slots := make(chan struct{}, max(r.SideBySide, 1))
	var all sync.WaitGroup
	for i, f := range faults {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			rows[i] = r.under(ctx, f, nil)
			r.tell(*rows[i])
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil
	}
	var concerned []catalog.ID
	for _, f := range faults {
		concerned = append(concerned, r.concerned(f)...)
	}
	slices.Sort(concerned)
	healed, _, err := r.Specs(ctx, r.Cluster, nil, slices.Compact(concerned), filepath.Join(r.Artifacts, faultsDir, "client-healed"))
	if err != nil {
		return err
	}
	r.logf("healed all client faults: %d of %d claims proven", healed.Summary.Proven, healed.Summary.Total())
	for _, row := range rows {
		judgeHealed(row, healed)
		r.repeat(ctx, row, r.Cluster, nil, true)
		r.tellRepeated(*row)
		r.matrix.Faults = append(r.matrix.Faults, *row)
	}
	return nil
}

func (r *run) clusterFaults(ctx context.Context, faults []fault.Fault) error {
	for _, f := range faults {
		if ctx.Err() != nil {
			return nil
		}
		var unhealed error
		row := r.under(ctx, f, func(ctx context.Context, row *reports.FaultRow, in *fault.Injected) {
			began := time.Now()
			unhealed = in.Heal(context.WithoutCancel(ctx))
			row.Heal = reports.Duration(time.Since(began))
		})
		if unhealed != nil {
			row.Failure = unhealed.Error()
		}
		if row.Failure == "" && row.Skipped == "" && ctx.Err() == nil {
			healed, _, err := r.Specs(ctx, r.Cluster, nil, r.concerned(f), filepath.Join(r.Artifacts, faultsDir, f.Name, "healed"))
			if err != nil {
				row.Failure = err.Error()
			}
			judgeHealed(row, healed)
			r.repeat(ctx, row, r.Cluster, nil, true)
		}
		r.tell(*row)
		r.tellRepeated(*row)
		r.matrix.Faults = append(r.matrix.Faults, *row)
		if unhealed != nil {
			return fmt.Errorf("%w; what follows would say nothing", unhealed)
		}
	}
	return nil
}

// under injects the fault, runs its claims and heals it. A nil heal means a
// fault whose site has only to be closed.
func (r *run) under(ctx context.Context, f fault.Fault, heal func(context.Context, *reports.FaultRow, *fault.Injected)) *reports.FaultRow {
	concerned := r.concerned(f)
	row := &reports.FaultRow{Name: f.Name, Hop: f.Hop, Scope: string(f.Scope), How: r.how(f), Preflight: reports.Preflight{Way: f.Way}}
	site, err := fault.NewSite(r.Cluster, filepath.Join(r.Dir, f.Name), r.Log)
	if err != nil {
		row.Failure = err.Error()
		return row
	}
	if row.Skipped = f.Missing(ctx, site); row.Skipped != "" {
		return row
	}
	began := time.Now()
	in, err := fault.Start(ctx, r.Ledger, f, site)
	row.Inject = reports.Duration(time.Since(began))
	if err != nil {
		row.Failure = err.Error()
		return row
	}
	if heal == nil {
		heal = func(ctx context.Context, row *reports.FaultRow, in *fault.Injected) {
			if err := in.Heal(context.WithoutCancel(ctx)); err != nil {
				row.Failure = err.Error()
			}
		}
	}
	defer heal(ctx, row, in)

	trace, took := r.Preflight(ctx, site.Ref)
	row.Preflight.Duration = reports.Duration(took)
	if step, broken := trace.Broken(); broken {
		row.Preflight.Hop, row.Preflight.Code = step.Hop, step.Code
	}
	spared := r.spared(f)
	report, starting, err := r.Specs(ctx, site.Ref, site.Env, slices.Concat(concerned, spared), filepath.Join(r.Artifacts, faultsDir, f.Name, "broken"))
	switch {
	case ctx.Err() != nil:
		// What was said when it ended is about the end.
		row.Skipped = "interrupted"
		return row
	case err != nil:
		row.Failure = err.Error()
		return row
	}
	for _, c := range report.Claims {
		if slices.Contains(spared, c.ID) {
			row.Spared = append(row.Spared, reports.Spared{Alarm: alarm(c)})
			continue
		}
		want := wanted(c.ID, f.Name)
		row.Pairs = append(row.Pairs, reports.Pair{
			Claim: c.ID, WantHop: want.Hop, WantCode: want.Code,
			Verdict: c.Verdict, Hop: c.Hop, Code: c.Code, Reason: c.Reason, Script: c.Script, Time: reports.Duration(starting) + c.Duration,
		})
	}
	r.repeat(ctx, row, site.Ref, site.Env, false)
	return row
}

// spared returns the claims of the fault's own choice that are looked at and do
// not name it.
func (r *run) spared(f fault.Fault) (ids []catalog.ID) {
	for _, id := range f.Spares {
		if _, err := catalog.Lookup(id); err == nil && wanted(id, f.Name).Name == "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// how returns what the catalogue says of the fault.
func (r *run) how(f fault.Fault) string {
	for _, c := range r.Claims {
		if w := wanted(c.ID, f.Name); w.Name != "" {
			return w.How
		}
	}
	return ""
}

// wanted returns what the catalogue says of the claim under the fault, or zero.
func wanted(id catalog.ID, name string) catalog.Fault {
	c, err := catalog.Lookup(id)
	if err != nil {
		return catalog.Fault{}
	}
	i := slices.IndexFunc(c.Faults, func(f catalog.Fault) bool { return f.Name == name })
	if i < 0 {
		return catalog.Fault{}
	}
	return c.Faults[i]
}

// judgeHealed notes what the claims of the row say after healing.
func judgeHealed(row *reports.FaultRow, healed reports.Report) {
	for i := range row.Pairs {
		p := &row.Pairs[i]
		for _, c := range healed.Claims {
			if c.ID == p.Claim {
				p.Healed, p.HealedReason = c.Verdict, c.Reason
			}
		}
	}
}

// tell prints what came of one fault.
func (r *run) tell(row reports.FaultRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	head := fmt.Sprintf("[%*d/%d] %s (%s): ", len(fmt.Sprint(r.of)), r.done, r.of, row.Name, row.Hop)
	switch {
	case row.Skipped != "":
		r.logf("%sskipped: %s", head, row.Skipped)
		return
	case row.Failure != "":
		r.logf("%sfailed: %s", head, firstLine(row.Failure))
	}
	red, right := 0, 0
	for _, p := range row.Pairs {
		if p.Detected() {
			red++
		}
		if p.Blamed() {
			right++
		}
	}
	r.logf("%s%d of %d claims red, %d blamed right; took hold in %s, healed in %s", head, red, len(row.Pairs), right, row.Inject, row.Heal)
	for _, p := range row.Pairs {
		switch {
		case p.Verdict == catalog.NotApplicable && p.Healed != catalog.Proven:
			// Whether it is so of the fault only, or here, is told after healing.
			r.logf("  %s: not applicable: %s", p.Claim, firstLine(p.Reason))
		case !p.Detected() || !p.Blamed():
			r.logf("  %s: %s %s %s, want disproven %s %s, %s: %s", p.Claim, p.Verdict, p.Hop, p.Code, p.WantHop, p.WantCode, p.Time, firstLine(p.Reason))
		case p.Healed != "" && !p.Green():
			r.logf("  %s: %s after healing: %s", p.Claim, p.Healed, firstLine(p.HealedReason))
		}
	}
	for _, c := range row.Spared {
		if c.Verdict != catalog.Proven {
			r.logf("  false alarm: %s %s %s %s: %s", c.Claim, c.Verdict, c.Hop, c.Code, firstLine(c.Reason))
		}
	}
}

func (r *run) logf(format string, args ...any) {
	fmt.Fprintln(r.Log, probe.Redact(fmt.Sprintf(format, args...)))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
