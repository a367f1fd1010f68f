package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/measure"
	"github.com/inroads-k8s/inroads/reports"
	"github.com/inroads-k8s/inroads/reports/plot"
)

// What is measured unless the command line says otherwise.
const (
	measureTime     = 2 * time.Second
	measureRounds   = 5
	measureRequests = 2000
	measureErrors   = 10
	measureBody     = 64 << 10
)

// Files that --plot writes, by their ending.
const (
	plotSVG  = ".svg"
	plotHTML = ".html"
)

// measurer is one measuring, as the command line asks for it.
type measurer struct {
	streams  Streams
	options  harness.Options
	terms    reports.Terms
	loads    []string
	ways     []string
	duration time.Duration
	yes      bool
	format   string
	plot     string
	from     string
}

func newMeasure(s Streams) *cobra.Command {
	m := &measurer{streams: s, terms: reports.Terms{Loop: reports.ClosedLoop}}
	cmd := &cobra.Command{
		Use:   "measure",
		Short: "Measure what requests take by each way into a cluster",
		Long: `Make requests by several ways into the cluster of --kubeconfig or --context, or
into one that is made with kind for this and removed after it, and tell for each way
how long they take, as a whole and by hop, how many get through in a second, and how
that compares with the first way of the same load.

Loads are api, a small answer of the API server itself; backend, a small one of a pod;
and transfer, one of --body bytes. The ways to the API are the kubeconfig's credential
over connections that are kept and over new ones, kubectl proxy, and a pod. Those to a
backend are a port of a node, kubectl port-forward, the API server's proxy to a Service,
a pod and a node, and the Service's cluster IP from a pod. A way that is not there is
not applicable, and says why.

The ways take turns in rounds, so that whatever else goes on meets all alike. Without
--rate the loop is closed: a caller asks again once it is answered, so that while an
answer is late nobody asks, and high percentiles read lower than users would see them.
With --rate each request has its time, and counts from then on.

What the load may be at most is printed first. A server that answers 429 is left alone
for as long as it asks; a way that fails too often is given up. A cluster that inroads
does not make for this is measured with --yes alone. Pods and Services are in a
namespace of their own, which goes at the end, or by a sweep.

Exit codes: 0 measured, 1 a way failed too often, 2 usage or no --yes, 3 no way is there
or no set-up, 4 interrupted and cleaned up.`,
		Example: `  inroads measure                                     # on a cluster made for it
  inroads measure --name mine --keep --plot ways.html
  inroads measure --context staging --yes --concurrency 1 --requests 200
  inroads measure --context staging --yes --no-pods --load api
  inroads measure --way direct,kubectl-proxy --rate 200 --duration 10s
  inroads measure -o json > ways.json
  inroads measure --from ways.json --plot ways.svg    # no cluster asked`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.check(cmd); err != nil {
				return err
			}
			if m.from != "" {
				return m.show()
			}
			return m.run(cmd.Context())
		},
	}
	o, f := &m.options, cmd.Flags()
	bindCluster(cmd, o)
	bindKind(cmd, o)
	f.BoolVar(&o.Keep, "keep", false, "leave the kind cluster running, and take one that is")
	f.StringVar(&o.Namespace, "namespace", "", "a namespace that is there, to run in, which stays (default one that is made)")
	f.BoolVar(&o.NoPods, "no-pods", false, "start no pods; the ways that need some are not applicable")
	f.StringVar(&o.Kubectl, "kubectl", "", "the kubectl to measure (default the node image's, or the one in PATH)")
	bindImages(cmd, o)
	f.BoolVar(&m.yes, "yes", false, "put the load on a cluster that inroads did not make")
	f.StringSliceVar(&m.loads, "load", measure.Loads(), "what is asked for; may be repeated")
	f.StringSliceVar(&m.ways, "way", nil, "name of a way; may be repeated (default all)")
	f.DurationVar(&m.duration, "duration", measureTime, "time for each way at each concurrency, over all rounds")
	f.IntVar(&m.terms.Rounds, "rounds", measureRounds, "turns of each way")
	f.IntVar(&m.terms.Requests, "requests", measureRequests, "most requests of each way at each concurrency")
	f.IntSliceVar(&m.terms.Concurrency, "concurrency", []int{1, 4, 16}, "requests at a time")
	f.Float64Var(&m.terms.Rate, "rate", 0, "requests of a way that begin in a second (default as soon as the one before is answered)")
	f.IntVar(&m.terms.Errors, "errors", measureErrors, "failed requests after which a way is given up")
	f.Int64Var(&m.terms.Body, "body", measureBody, "size of the body of load transfer, in bytes")
	f.StringVar(&m.plot, "plot", "", "file to draw in, .svg or .html")
	f.StringVar(&m.from, "from", "", "measure nothing, and read what an earlier measuring has printed as JSON")
	_ = cmd.MarkFlagFilename("plot", "svg", "html")
	_ = cmd.MarkFlagFilename("from", "json")
	complete(cmd, "load", measure.Loads)
	complete(cmd, "way", func() []string { return wayNames(measure.Loads()) })
	bindOutput(cmd, &m.format, dataFormats)
	bindConfig(cmd)
	return cmd
}

// wayNames returns the names of the ways under the loads, each once.
func wayNames(loads []string) (names []string) {
	for _, w := range measure.Ways(measure.Target{}, loads) {
		if !slices.Contains(names, w.Name) {
			names = append(names, w.Name)
		}
	}
	return names
}

// largestBody is the most that a body may have: what a server program surely has.
const largestBody = 16 << 20

// check finds what contradicts itself on the command line, and completes the terms.
func (m *measurer) check(cmd *cobra.Command) error {
	if m.plot != "" && !slices.Contains([]string{plotSVG, plotHTML}, filepath.Ext(m.plot)) {
		return usage(fmt.Sprintf("--plot is %q", m.plot), "give a file that ends in .svg or .html")
	}
	if m.from != "" {
		return nil
	}
	check := &runner{streams: m.streams, options: m.options, procs: 1}
	if err := check.check(cmd); err != nil {
		return err
	}
	m.options = check.options
	for _, load := range m.loads {
		if !slices.Contains(measure.Loads(), load) {
			return usage(fmt.Sprintf("no load %q", load), suggest(load, measure.Loads())+"there are "+enumerate(measure.Loads()))
		}
	}
	for _, way := range m.ways {
		if names := wayNames(m.loads); !slices.Contains(names, way) {
			return usage(fmt.Sprintf("no way %q under load %s", way, strings.Join(m.loads, ", ")), suggest(way, names)+"there are "+enumerate(names))
		}
	}
	t := &m.terms
	for _, one := range []struct {
		flag  string
		value float64
	}{{"rounds", float64(t.Rounds)}, {"requests", float64(t.Requests)}, {"errors", float64(t.Errors)}, {"body", float64(t.Body)}, {"duration", m.duration.Seconds()}} {
		if one.value <= 0 {
			return usage(fmt.Sprintf("--%s is %v", one.flag, cmd.Flag(one.flag).Value), "give more than 0")
		}
	}
	slices.Sort(t.Concurrency)
	t.Concurrency = slices.Compact(t.Concurrency)
	switch {
	case len(t.Concurrency) == 0 || t.Concurrency[0] < 1:
		return usage(fmt.Sprintf("--concurrency is %s", cmd.Flag("concurrency").Value), "give numbers of 1 or more, such as 1,4,16")
	case t.Rate < 0:
		return usage(fmt.Sprintf("--rate is %g", t.Rate), "give requests per second, or 0 for a closed loop")
	case t.Body > largestBody:
		return usage(fmt.Sprintf("--body is %d", t.Body), fmt.Sprintf("give at most %d", largestBody))
	}
	if t.Rate > 0 {
		t.Loop = reports.PacedLoop
	}
	t.Duration = reports.Duration(m.duration)
	return nil
}

// selected are the ways into the target that the command line asks for.
func (m *measurer) selected(t measure.Target) []measure.Way {
	return slices.DeleteFunc(measure.Ways(t, m.loads), func(w measure.Way) bool { return len(m.ways) > 0 && !slices.Contains(m.ways, w.Name) })
}

// bound says in words what the load is at most.
func (m *measurer) bound() string {
	ways := len(m.selected(measure.Target{}))
	requests, usual, most := measure.Bound(ways, m.terms)
	var at []string
	for _, c := range m.terms.Concurrency {
		at = append(at, strconv.Itoa(c))
	}
	return fmt.Sprintf("at most %d requests by %d ways, %s at a time, in about %s and at most %s", requests, ways, strings.Join(at, ", "), usual.Round(time.Second), most.Round(time.Second))
}

// run measures a cluster.
func (m *measurer) run(ctx context.Context) error {
	if m.options.Existing() && !m.yes {
		return usage(fmt.Sprintf("measuring makes %s, and inroads did not make that cluster", m.bound()), "give --yes where it may bear that")
	}
	// Data have standard output to themselves.
	log := m.streams.Out
	if m.format != formatTable {
		log = m.streams.Err
	}
	// No claim is proven, and none needs a program of this machine.
	for _, c := range catalog.Claims() {
		m.options.Except = append(m.options.Except, c.ID)
	}
	fmt.Fprintf(log, "measure: %s\n", m.bound())
	refs, release, err := harness.Provision(ctx, m.options, log)
	var result reports.Measurement
	if err == nil {
		result, err = m.measure(ctx, refs[0], log)
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if left := release(clean); left != nil {
		result.CleanUp = oneLine(strings.TrimPrefix(result.CleanUp+"; "+left.Error(), "; "))
	}
	return m.conclude(ctx, result, err)
}

// conclude prints what was measured and returns how the program ends.
func (m *measurer) conclude(ctx context.Context, result reports.Measurement, err error) error {
	if err == nil {
		err = m.tell(result)
	}
	measured := slices.ContainsFunc(result.Ways, func(w reports.MeasuredWay) bool { return len(w.Runs) > 0 })
	failed := slices.IndexFunc(result.Ways, func(w reports.MeasuredWay) bool { return w.Stopped != "" })
	switch {
	case result.CleanUp != "":
		return unable(errors.Join(err, errors.New(result.CleanUp)), "'inroads sweep' removes what is left")
	case ctx.Err() != nil:
		return done(ExitInterrupted)
	case err != nil:
		return unable(err, "'inroads doctor' looks at the way to the cluster")
	case failed >= 0:
		w := result.Ways[failed]
		return &exitError{code: ExitDisproven, cause: fmt.Sprintf("way %s under load %s was given up: %s", w.Name, w.Load, w.Stopped)}
	case !measured:
		return unable(errors.New("none of the ways is there: "+result.Ways[0].NotApplicable), "'inroads probe' walks each hop by hop")
	}
	return nil
}

// show prints what an earlier measuring has found.
func (m *measurer) show() error {
	result, err := reports.LoadMeasurement(m.from)
	if err != nil {
		return unable(err, "give what 'inroads measure -o json' has printed")
	}
	if err := m.tell(result); err != nil {
		return unable(err, "")
	}
	return nil
}

// tell prints the measurement, and draws it.
func (m *measurer) tell(result reports.Measurement) error {
	if err := writeMeasurement(m.streams.Out, m.format, result); err != nil || m.plot == "" {
		return err
	}
	figures := result.Figures()
	if len(figures) == 0 {
		return errors.New("drawing the measurement: nothing was measured")
	}
	draw := result.HTML
	if filepath.Ext(m.plot) == plotSVG {
		draw = func() ([]byte, error) { return plot.SVG(figures...) }
	}
	drawn, err := draw()
	if err == nil {
		err = os.WriteFile(m.plot, drawn, 0o644)
	}
	if err != nil {
		return fmt.Errorf("drawing the measurement: %w", err)
	}
	return nil
}

func writeMeasurement(out io.Writer, format string, result reports.Measurement) error {
	switch format {
	case formatTable:
		fmt.Fprintln(out)
		return result.WriteTable(out)
	case formatMarkdown:
		for _, line := range append([]string{result.About()}, result.Lines()...) {
			fmt.Fprintf(out, "- %s\n", line)
		}
		fmt.Fprintln(out)
		head, rows := result.Rows()
		writeMarkdownTable(out, head, rows)
		return nil
	}
	return writeData(out, format, result)
}

// measure puts what is needed into the cluster, measures, and takes it away.
func (m *measurer) measure(ctx context.Context, ref cluster.Ref, log io.Writer) (result reports.Measurement, err error) {
	stage, err := harness.OpenStage(ctx, m.options, ref)
	if err != nil {
		return result, err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer cancel()
		if left := stage.Close(clean); left != nil {
			result.CleanUp = oneLine(left.Error())
		}
	}()
	target := measure.Target{
		Config: stage.Config, Client: stage.Client, Host: stage.Host, Body: m.terms.Body,
		Connections: slices.Max(m.terms.Concurrency), Paced: m.terms.Loop == reports.PacedLoop,
	}
	if len(ref.Nodes) > 0 {
		target.Node = ref.Nodes[len(ref.Nodes)-1].Name
	}
	backend, err := m.backend(ctx, stage)
	switch {
	case err == nil:
		target.Backend = backend
	case ctx.Err() != nil:
		return result, err
	default:
		target.NoBackend = oneLine(err.Error())
	}
	result = measure.Run(ctx, m.terms, m.selected(target), log)
	result.Cluster = m.options.Meta([]cluster.Ref{ref}).Clusters[0]
	return result, nil
}
