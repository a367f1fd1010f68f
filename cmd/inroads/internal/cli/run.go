package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
	"github.com/inroads-k8s/inroads/suites"
)

const (
	// logFile is what Ginkgo itself prints, below the artifacts folder.
	logFile = "ginkgo.log"
	// maxProcs bounds the default number of processes: the specs mostly wait,
	// but all of them for one API server.
	maxProcs = 4
	// releaseTime bounds the removal of what a run made.
	releaseTime = 3 * time.Minute

	stagePreflight = "preflight"
	stageReports   = "writing the reports"
	stageCluster   = "making the cluster"
	stageSpecs     = "running the specs"
)

func newRun(s Streams) *cobra.Command {
	r := &runner{
		streams:   s,
		now:       time.Now,
		limits:    &limits{},
		look:      harness.Preflight,
		provision: harness.Provision,
		specs: func(ctx context.Context, o parallel.Options) error {
			return parallel.Run(ctx, o, suites.Run)
		},
	}
	var sel selection
	var several contextChoice
	var dryRun, quiet bool
	var kubectls []string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Prove the claims on a cluster",
		Long: `Prove the claims on the cluster of --kubeconfig or --context, or on one that is
made with kind for this run and removed after it. The reports are in the artifacts
folder however the run ends: report.html to read, report.md for the summary of a
CI job, report.json for programs and junit.xml for CI.

With --contexts or --all-contexts the clusters of several contexts of the kubeconfig
are proven side by side, and the reports have a column for each. All are looked at
first, so that a cluster which does not answer is told within seconds and holds up
no other. The exit code is the worst of all.

On a terminal the progress is a table that is redrawn in place; elsewhere, in CI and
with TERM=dumb, it is a line for each verdict. NO_COLOR is heeded.

With --budget or --fail-fast the most telling claims go first: each next one is the
one that notices most faults of 'inroads faults' that none before it notices, and of
equals the one nearer to the page, then the quicker one.

Exit codes: 0 every claim that ran is proven, 1 one is disproven, 2 usage,
3 inconclusive or no set-up, 4 interrupted and cleaned up.`,
		Example: `  inroads run                                          # on a cluster made for it
  inroads run --profile page                           # on every topology of the page
  inroads run --kubeconfig k --context staging
  inroads run --context staging --as jane --as-group devs
  inroads run --contexts staging,prod --no-pods
  inroads run --all-contexts --parallel-contexts 8
  inroads run --context staging --budget 60s --fail-fast
  inroads run --label area:token --skip-label needs:browser
  inroads run --match 'load balancer' --dry-run
  inroads run --config inroads.yaml -o junit >junit.xml
  inroads run --kubectl ./kubectl-v1.36 --kubectl ./kubectl-v1.38`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := sel.apply(&r.options); err != nil {
				return err
			}
			var err error
			if r.contexts, err = several.choose(cmd, &r.options); err != nil {
				return err
			}
			if err := errors.Join(r.check(cmd), r.limits.check()); err != nil {
				return err
			}
			r.present(quiet)
			for i := range kubectls {
				if err := absolute(&kubectls[i]); err != nil {
					return err
				}
			}
			if dryRun {
				return r.plan().write(s.Out, r.format)
			}
			if r.kubectls, err = findKubectls(cmd.Context(), kubectls); err != nil {
				return err
			}
			return r.run(cmd.Context())
		},
	}
	sel.bind(cmd, ProfileCore)
	o, f := &r.options, cmd.Flags()
	bindCluster(cmd, o)
	several.bind(cmd, o)
	bindReach(cmd, o)
	bindKind(cmd, o)
	f.IntVar(&r.procs, "procs", min(maxProcs, 2*runtime.NumCPU()), "processes that run specs side by side; several contexts have them between them, but one each at least")
	f.IntVar(&r.abreast, flagAbreast, harness.Room(), "clusters of several contexts that are proven side by side")
	f.StringArrayVar(&kubectls, "kubectl", nil, "the kubectl under test; given several times, all is proven with each (default the node image's, or the one in PATH)")
	f.StringVar(&o.Artifacts, "artifacts", harness.DefaultArtifacts, "folder of the reports")
	bindImages(cmd, o)
	f.BoolVar(&o.Keep, "keep", false, "leave the kind cluster running, and take one that is")
	f.BoolVar(&dryRun, "dry-run", false, "print what would be proven, on which clusters and with which needs, and end")
	f.BoolVarP(&quiet, "quiet", "q", false, "print no progress, only what came of the run")
	f.BoolVarP(&r.verbose, "verbose", "v", false, "show what Ginkgo itself prints")
	cmd.MarkFlagsMutuallyExclusive("quiet", "verbose")
	r.limits.bind(cmd)
	bindOutput(cmd, &r.format, runFormats)
	bindConfig(cmd)
	return cmd
}

// bindImages binds the flags that choose the images of pods.
func bindImages(cmd *cobra.Command, o *harness.Options) {
	f := cmd.Flags()
	f.StringVar(&o.Images.Server, "server-image", "", "image of pods that serve (default agnhost)")
	f.StringVar(&o.Images.Client, "client-image", "", "image of pods that call the API")
	f.StringVar(&o.Images.Library, "library-image", "", "image with the Python and the JavaScript client of the API, for the claims of topology client-libraries (default one that inroads builds for that topology)")
	f.StringVar(&o.ImageRegistry, "image-registry", "", "registry, or a path in one, in the place of that of the images (default their own)")
	f.StringVar(&o.ImagePullSecret, "image-pull-secret", "", "Secret by which nodes pull the images: NAME in --namespace, or NAMESPACE/NAME, which is copied")
}

// kindFlags are the flags that only a cluster of kind's has.
var kindFlags = []string{"name", "topology", "kind-config", "node-image", "kubernetes-version", "keep"}

// bindKind binds the flags that say what cluster to make.
func bindKind(cmd *cobra.Command, o *harness.Options) {
	f := cmd.Flags()
	f.StringVar(&o.ClusterName, "name", harness.DefaultClusterName, "name of the kind cluster")
	f.StringVar((*string)(&o.Topology), "topology", "", "topology of the kind cluster, whose claims alone are proven")
	f.StringVar(&o.KindConfig, "kind-config", "", "kind configuration (default one control plane and one worker)")
	f.StringVar(&o.NodeImage, "node-image", "", "kind node image (default kind's own, or one that inroads builds)")
	f.StringVar(&o.KubernetesVersion, "kubernetes-version", "", "version of a node image that inroads builds")
	_ = cmd.MarkFlagFilename("kind-config")
	complete(cmd, "topology", topologyNames)
	complete(cmd, "kubernetes-version", nodeimage.Versions)
}

// runner is one run. Its functions are fields so that tests need no cluster.
type runner struct {
	streams   Streams
	options   harness.Options
	procs     int
	verbose   bool
	now       func() time.Time
	look      func(context.Context, harness.Options) harness.Findings
	provision func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error)
	specs     func(context.Context, parallel.Options) error
	// limits end the run early; nil sets none.
	limits *limits
	presentation
	// contexts are those of the clusters that are there, none for that of the options;
	// abreast is how many of them are proven at a time.
	contexts []string
	abreast  int
	// report takes the report of the leg's part with one of the kubectls.
	report func(kubectl int, one reports.Report)
	// kubectls are those under test, at least one.
	kubectls []kubectl
	// name is what the lines about a part of the run begin with, or "".
	name string
	// env is what the specs' processes get beside this one's environment, and
	// heard is called for each verdict, when set.
	env   []string
	heard func(reports.Event)

	// guard looks for the run's credentials, nil for nobody.
	guard   *guard
	started time.Time
	meta    reports.Meta
	// tally is of the run as a whole.
	tally *tally
}

// check finds what contradicts itself on the command line, and makes paths
// absolute, since the specs may run in another folder.
func (r *runner) check(cmd *cobra.Command) error {
	o := &r.options
	if err := checkCluster(cmd, *o, o.Existing()); err != nil {
		return err
	}
	if o.Existing() {
		for _, name := range kindFlags {
			if cmd.Flags().Changed(name) {
				return usage(fmt.Sprintf("--%s is of a cluster that inroads makes, --kubeconfig and --context are of one that is there", name), "drop one of them")
			}
		}
		o.ClusterName = ""
	}
	if err := checkReach(*o); err != nil {
		return err
	}
	if r.procs < 1 {
		return usage(fmt.Sprintf("--procs is %d", r.procs), "give 1 or more")
	}
	if cmd.Flags().Changed(flagAbreast) && r.abreast < 1 {
		return usage(fmt.Sprintf("--%s is %d", flagAbreast, r.abreast), "give 1 or more")
	}
	if cmd.Flags().Changed(flagAbreast) && r.contexts == nil {
		return usage(fmt.Sprintf("--%s is of several contexts", flagAbreast), "choose them with --contexts or --all-contexts")
	}
	for _, path := range []*string{&o.Kubeconfig, &o.KindConfig, &o.Artifacts} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return unable(fmt.Errorf("resolving %q: %w", *path, err), "")
		}
		*path = abs
	}
	return absolute(&o.Kubectl)
}

// absolute makes the path of a program absolute; a bare name stays one.
func absolute(program *string) error {
	if !strings.ContainsRune(*program, filepath.Separator) {
		return nil
	}
	abs, err := filepath.Abs(*program)
	if err != nil {
		return unable(fmt.Errorf("resolving %q: %w", *program, err), "")
	}
	*program = abs
	return nil
}

// preflight looks whether the run can go on, and has the claims skipped that the
// user has too few rights for. It returns what keeps the run from all claims, or
// nil.
func (r *runner) preflight(ctx context.Context) *reports.SetupFailure {
	found := r.look(ctx, r.options)
	if step, broken := found.Broken(); broken {
		return &reports.SetupFailure{Stage: stagePreflight, Message: found.Summary(), Hop: step.Hop, Code: string(step.Code)}
	}
	r.progress("preflight: %s, in %s", found.Summary(), found.Took)
	for _, f := range found.List {
		if f.Severity == harness.Warning && len(f.Claims) == 0 {
			r.progress("warning: %s: %s", f.Check, f)
		}
	}
	if n := len(found.Forbidden); n > 0 {
		r.progress("warning: rights: the user's are not enough for %d of %d claims, which are skipped; 'inroads doctor' lists what is missing, 'inroads rbac' prints roles that have it", n, len(r.options.Selected()))
	}
	r.options.Forbidden, r.options.RightsMatter = found.Forbidden, true
	return nil
}

// provide gets the clusters. What it returns removes them again, also when
// there is an error.
func (r *runner) provide(ctx context.Context) (func(context.Context) error, error) {
	refs, release, err := r.provision(ctx, r.options, r.lines())
	r.options.Clusters, r.options.Discard = refs, !r.options.Existing() && !r.options.Keep
	r.meta.Clusters = r.options.Meta(refs).Clusters
	return release, err
}

// release removes what the run made, also after it was interrupted, and returns
// what is wrong with that, or "".
func (r *runner) release(ctx context.Context, release func(context.Context) error) string {
	if release == nil {
		return ""
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if err := release(clean); err != nil {
		return err.Error()
	}
	return ""
}

// prove runs the specs and returns their report.
func (r *runner) prove(ctx context.Context) reports.Report {
	if ctx.Err() != nil {
		return reports.Stopped(r.meta)
	}
	err := errors.Join(
		reports.RemoveScripts(r.options.Artifacts),
		reports.Write(r.options.Artifacts, reports.Placeholder(r.meta)),
	)
	if err == nil {
		err = r.runSpecs(ctx)
	}
	report, loadErr := reports.Load(r.options.Artifacts)
	if loadErr == nil && report.Result != reports.Unfinished {
		for i := range report.Claims {
			report.Claims[i].Context, report.Claims[i].Kubectl = r.meta.Context, r.meta.Kubectl
		}
		return report
	}
	if err == nil {
		err = errors.New("they ended without a report")
	}
	return stoppedOr(ctx, r.meta, reports.SetupFailure{
		Stage:   stageSpecs,
		Message: fmt.Sprintf("%v; see %s", err, filepath.Join(r.options.Artifacts, logFile)),
	})
}

// runSpecs runs the suite and prints each verdict as it comes.
func (r *runner) runSpecs(ctx context.Context) (err error) {
	// What specs print is not redacted by anyone.
	log, err := os.OpenFile(filepath.Join(r.options.Artifacts, logFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keeping Ginkgo's output: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	environ, err := r.options.Environ()
	if err != nil {
		return err
	}
	claims := len(r.options.Selected())
	procs := min(r.procs, claims)
	r.progress("specs: proving %d claims, %d at a time%s", claims, procs, r.limits.order())
	dir, remove, err := newWorkDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	events, err := listen(dir, func(e reports.Event) {
		if e.Started {
			r.began(e)
			return
		}
		if r.heard != nil {
			r.heard(e)
		}
		r.tell(e)
	}, r.guard.add)
	if err != nil {
		return err
	}
	defer events.close()
	out := io.Writer(log)
	if r.verbose {
		out = io.MultiWriter(log, r.talk())
	}
	return r.specs(ctx, parallel.Options{
		Procs: procs,
		// In this process a suite could be run once.
		Apart: r.name != "",
		Dir:   dir,
		Env:   append([]string{environ, reports.EnvEvents + "=" + events.path}, r.env...),
		Log:   out,
	})
}
