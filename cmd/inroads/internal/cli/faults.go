package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/matrix"
	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/fault"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
	"github.com/inroads-k8s/inroads/suites"
)

// sideBySide is how many faults of the client are in place at once.
const sideBySide = 2

func newFaults(s Streams) *cobra.Command {
	m := &matrixRun{
		streams:   s,
		provision: harness.Provision,
		processes: func(ctx context.Context, o parallel.Options) error { return parallel.Run(ctx, o, suites.Run) },
	}
	var sel selection
	var list bool
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "Break a cluster hop by hop, and see that each claim notices and blames the right hop",
		Long: `Inject each fault into a real cluster, prove that the claims which name it turn
red, blame the hop that was broken and are green again after healing. Without
--kubeconfig and --context the cluster is made with kind for this and removed
after it; with --profile page there is one for each topology, one after the other.
A cluster that inroads did not make is broken only if --break-cluster
names it. The matrix is in the artifacts folder: matrix.json, matrix.md and
matrix.html, in a folder for each topology where there are several.

Exit codes: 0 every fault detected, blamed right and healed; 1 not so; 3 the
matrix could not be run, or a fault not be healed.`,
		Example: `  inroads faults
  inroads faults --fault dns-down --fault apiserver-paused
  inroads faults --claim kubectl/first-access --healthy 20
  inroads faults --kubeconfig k --context test --break-cluster test`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := sel.apply(&m.options); err != nil {
				return err
			}
			faults, err := selectFaults(m.names)
			if err != nil {
				return err
			}
			if list {
				return writeFaults(s.Out, faults)
			}
			m.faults = faults
			return m.run(cmd)
		},
	}
	sel.bind(cmd, ProfileCore)
	o, f := &m.options, cmd.Flags()
	bindCluster(cmd, o)
	bindKind(cmd, o)
	f.StringSliceVar(&m.names, "fault", nil, "name of a fault; may be repeated (default all)")
	complete(cmd, "fault", faultNames)
	f.BoolVar(&list, "list", false, "print the faults, and end")
	f.IntVar(&m.healthy, "healthy", 1, "runs of all claims before any fault, to find false alarms")
	f.StringVar(&m.breakCluster, "break-cluster", "", "context of the cluster of --kubeconfig or --context, to say that it may be broken")
	f.BoolVar(&m.repeat, "repeat", false, "run the script of each claim that is red under the fault and after healing, to see that it repeats the failure")
	f.IntVar(&m.procs, "procs", maxProcs, "processes that run specs side by side")
	f.StringVar(&o.Kubectl, "kubectl", "", "the kubectl under test (default the node image's, or the one in PATH)")
	f.StringVar(&o.Artifacts, "artifacts", harness.DefaultArtifacts, "folder of the reports")
	bindImages(cmd, o)
	f.BoolVar(&o.Keep, "keep", false, "leave the kind cluster running, and take one that is")
	bindConfig(cmd)
	return cmd
}

func faultNames() []string {
	return ids(fault.All(), func(f fault.Fault) string { return f.Name })
}

func selectFaults(names []string) ([]fault.Fault, error) {
	for _, name := range names {
		if !slices.Contains(faultNames(), name) {
			return nil, usage(fmt.Sprintf("no fault %q", name), suggest(name, faultNames())+"'inroads faults --list' prints them")
		}
	}
	return slices.DeleteFunc(fault.All(), func(f fault.Fault) bool { return len(names) > 0 && !slices.Contains(names, f.Name) }), nil
}

func writeFaults(out io.Writer, faults []fault.Fault) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FAULT\tHOP\tSCOPE\tCLAIMS\tWHAT IS DONE")
	for _, f := range faults {
		claims := f.Claims()
		how := ""
		for _, c := range claims {
			for _, named := range c.Faults {
				if named.Name == f.Name {
					how = named.How
				}
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", f.Name, f.Hop, f.Scope, len(claims), how)
	}
	return w.Flush()
}

// matrixRun is one run of the fault matrix. Its functions are fields so that tests
// need no cluster.
type matrixRun struct {
	streams      Streams
	options      harness.Options
	names        []string
	faults       []fault.Fault
	healthy      int
	breakCluster string
	procs        int
	repeat       bool
	provision    func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error)
	processes    func(context.Context, parallel.Options) error
	// guard looks for the credentials of the run.
	guard *guard
}

func (m *matrixRun) run(cmd *cobra.Command) error {
	check := &runner{streams: m.streams, options: m.options, procs: m.procs}
	if err := check.check(cmd); err != nil {
		return err
	}
	m.options = check.options
	if m.healthy < 0 {
		return usage(fmt.Sprintf("--healthy is %d", m.healthy), "give 0 or more")
	}
	if !m.options.Existing() && m.breakCluster != "" {
		return usage("--break-cluster is of a cluster that is there", "give --kubeconfig or --context too")
	}
	// One topology after the other: faults change a whole cluster, and times are
	// measured.
	topologies := m.options.Topologies()
	var worst *exitError
	for _, t := range topologies {
		one := *m
		one.options.Topology = t
		if t != m.options.Topology && t != catalog.TopologyMultiNode {
			one.options.ClusterName += "-" + string(t)
		}
		if len(topologies) > 1 {
			one.options.Artifacts = filepath.Join(m.options.Artifacts, string(t))
			fmt.Fprintf(m.streams.Out, "topology %s: %d claims\n", t, len(one.options.Selected()))
		}
		exit := (*exitError)(nil)
		switch err := one.on(cmd.Context()); {
		case err == nil:
			continue
		case !errors.As(err, &exit):
			return err
		case len(topologies) > 1 && exit.cause != "":
			exit.cause = "topology " + string(t) + ": " + exit.cause
		}
		// What could not be run, or healed, tells more than what was not right.
		if worst == nil || exit.code > worst.code {
			worst = exit
		}
		if cmd.Context().Err() != nil {
			break
		}
	}
	if worst == nil {
		return nil
	}
	return worst
}

// on runs the matrix of one topology.
func (m *matrixRun) on(ctx context.Context) error {
	m.guard = newGuard(&m.streams)
	defer m.guard.stop()
	refs, release, err := m.provision(ctx, m.options, m.streams.Out)
	if err == nil && m.options.Existing() && m.breakCluster != refs[0].Context {
		err = usage(fmt.Sprintf("context %q is of a cluster that inroads did not make", refs[0].Context), fmt.Sprintf("to have it broken and healed: --break-cluster %q", refs[0].Context))
	}
	var result reports.Matrix
	if err == nil {
		result, err = m.matrix(ctx, refs[0])
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	left := release(clean)
	return m.conclude(ctx, result, err, left)
}

// matrix runs the matrix on the cluster and writes it, whatever came of it.
func (m *matrixRun) matrix(ctx context.Context, ref cluster.Ref) (reports.Matrix, error) {
	dir, remove, err := newWorkDir()
	if err != nil {
		return reports.Matrix{}, err
	}
	l, _, err := openLedger()
	if err != nil {
		return reports.Matrix{}, err
	}
	if m.options.Kubectl != "" {
		ref.Kubectl = m.options.Kubectl
	}
	started := time.Now()
	result, err := matrix.Run(ctx, matrix.Options{
		Cluster: ref, Claims: m.options.Selected(), Faults: m.faults, Healthy: m.healthy, SideBySide: sideBySide, Repeat: m.repeat,
		Specs: m.specs, Preflight: preflight, Ledger: l, Dir: dir, Artifacts: m.options.Artifacts, Log: m.streams.Out,
	})
	result.Started, result.Finished = started.UTC().Round(time.Millisecond), time.Now().UTC().Round(time.Millisecond)
	result.Cluster = m.options.Meta([]cluster.Ref{ref}).Clusters[0]
	return result, errors.Join(err, reports.WriteMatrix(m.options.Artifacts, result), remove())
}

// preflight is the way to the cluster as the preflight of a run finds it, and how
// long that takes.
func preflight(ctx context.Context, ref cluster.Ref) (probe.Trace, time.Duration) {
	found := harness.Preflight(ctx, harness.Options{Clusters: []cluster.Ref{ref}})
	return found.Trace, time.Duration(found.Took)
}

// specs is one run of claims, without its preflight: a matrix is to show that
// the claims themselves notice.
func (m *matrixRun) specs(ctx context.Context, ref cluster.Ref, env []string, claims []catalog.ID, artifacts string) (reports.Report, time.Duration, error) {
	o := harness.Options{Clusters: []cluster.Ref{ref}, Claims: claims, Topology: m.options.Topology, Artifacts: artifacts}
	r := &runner{
		streams: Streams{Out: io.Discard, Err: io.Discard}, options: o, procs: m.procs, now: time.Now, env: env, tally: &tally{}, guard: m.guard,
		specs: func(ctx context.Context, o parallel.Options) error {
			// Alone in this process a suite could be run once.
			o.Procs = max(o.Procs, 2)
			return m.processes(ctx, o)
		},
	}
	r.meta = o.Meta(o.Clusters)
	began := time.Now()
	var once sync.Once
	var starting time.Duration
	r.heard = func(e reports.Event) {
		once.Do(func() { starting = max(0, time.Since(began)-time.Duration(e.Duration)) })
	}
	report := r.prove(ctx)
	if report.Setup != nil {
		return report, starting, fmt.Errorf("%s: %s", report.Setup.Stage, report.Setup.Message)
	}
	return report, starting, nil
}

// conclude looks for credentials in what the run has written, prints the matrix and
// returns how the program ends.
func (m *matrixRun) conclude(ctx context.Context, result reports.Matrix, err, left error) (failure error) {
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		return exit
	}
	leaks, searched := m.guard.search(m.options.Artifacts)
	err = errors.Join(err, searched)
	if len(result.Faults)+len(result.Healthy) > 0 {
		fmt.Fprintln(m.streams.Out, m.guard.sought(leaks))
	}
	if len(leaks) > 0 {
		defer func() { failure = leaked(leaks, failure) }()
		clean, cleaning := cleaned(m.guard, result)
		clean.Leaks = leaks
		result = clean
		if cleaning == nil {
			cleaning = reports.WriteMatrix(m.options.Artifacts, clean)
		}
		err = errors.Join(err, cleaning)
	}
	if len(result.Faults) > 0 {
		fmt.Fprintln(m.streams.Out)
		if err := result.WriteTable(m.streams.Out); err != nil {
			return unable(err, "")
		}
		fmt.Fprintf(m.streams.Out, "matrix: %s\n", strings.Join([]string{filepath.Join(m.options.Artifacts, reports.MatrixJSONFile), reports.MatrixMarkdownFile, reports.MatrixHTMLFile}, " "))
	}
	switch {
	case errors.Join(err, left) != nil && ctx.Err() != nil && err == nil:
		return unable(left, "'inroads sweep' removes what is left")
	case errors.Join(err, left) != nil:
		return unable(errors.Join(err, left), "'inroads sweep' heals and removes what is left")
	case ctx.Err() != nil:
		return done(ExitInterrupted)
	case !result.Summary.Right():
		return done(ExitDisproven)
	}
	return nil
}
