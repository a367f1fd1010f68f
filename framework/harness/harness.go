// Package harness is the glue between the catalogue and Ginkgo: it makes specs
// from claims, gives each a cluster and a namespace of its own, keeps the
// evidence, and turns a failure into a hop to blame.
package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// SuiteName is the description of the suite, and its name in JUnit.
const SuiteName = "inroads"

// run is what this process knows of the run that it takes part in.
var run struct {
	options Options
	// priorities are the places of the claims in the run.
	priorities map[catalog.ID]ginkgo.SpecPriority
	// id is the same in every process of the run.
	id      string
	session *session
	// namespace is the one that specs share, "" where each has its own; unshared
	// is why it could not be made, or nil.
	namespace string
	unshared  error
	release   func(context.Context) error
	// forget takes the run's namespaces out of the ledger; nil where they go
	// with their cluster.
	forget func() error
	// pulls is never nil during specs.
	pulls pulls
	// unmake removes the folder of all processes, in the one that has made it.
	unmake func() error
	// yield gives up the namespace that was there, which one run has at a time; nil
	// where it has none.
	yield func()
	// cleared is whether what the run made is gone.
	cleared bool
}

// Run proves the selected claims. It is the one way in for go test, ginkgo and
// the command line; options come from the environment, see EnvOptions.
func Run(t ginkgo.GinkgoTestingT) bool {
	options, err := OptionsFromEnv()
	if err != nil {
		t.Fail()
		fmt.Fprintln(ginkgo.GinkgoWriter, err)
		return false
	}
	run.options, run.priorities, run.pulls = options, options.priorities(), pulls{}
	if events := os.Getenv(reports.EnvEvents); events != "" {
		probe.KnownSecrets().Tell(func(_, value string) {
			// Whoever does not hear of it looks for the others.
			_ = reports.AppendSecret(events, value)
		})
	}
	gomega.RegisterFailHandler(fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.Timeout = max(suite.Timeout, suiteTimeout)
	arrange(&suite)
	return ginkgo.RunSpecs(t, SuiteName, suite, reporter)
}

// Preview returns the specs that the options would run, without a cluster.
func Preview(o Options) types.Report {
	run.options = o
	return ginkgo.PreviewSpecs(SuiteName)
}

// Area groups the specs of one path.
func Area(id catalog.PathID, specs func()) bool {
	path, err := catalog.LookupPath(id)
	if err != nil {
		panic(err)
	}
	return ginkgo.Describe(path.Title, specs)
}

// Prove makes the spec of a claim. The claim's entry in the catalogue gives the
// text, the labels, the time limit and the reasons to skip; body asserts what
// the sentence says, with its control and its negative.
func Prove(id catalog.ID, body func(ctx context.Context, env *Env)) {
	claim, err := catalog.Lookup(id)
	if err != nil {
		panic(err)
	}
	if !run.options.Selects(claim) {
		return
	}
	decorators := []any{ginkgo.Label(claim.Labels()...), ginkgo.SpecTimeout(claim.Bound() + cleanUpTime)}
	if first, ordered := run.priorities[id]; ordered {
		decorators = append(decorators, first)
	}
	if claim.Disruptive || run.options.takesTurns(claim) {
		decorators = append(decorators, ginkgo.Serial)
	}
	ginkgo.It(string(claim.ID)+": "+claim.Sentence, decorators,
		func(ctx ginkgo.SpecContext) {
			bounded, cancel := context.WithTimeoutCause(ctx, claim.Bound(), fmt.Errorf("the claim's %s are over", claim.Bound()))
			defer cancel()
			bounded, stop := run.options.Limits.bound(bounded)
			defer stop()
			env := begin(bounded, claim)
			defer env.end()
			env.skipWhenReached()
			env.ready()
			// Whoever asks the API server nothing need not wait for it either, and
			// whoever breaks the way to it himself goes on.
			if len(claim.Rights) > 0 && !claim.Disruptive {
				guarded, stop := env.guard(bounded)
				defer stop()
				bounded = guarded
			}
			body(bounded, env)
			env.checkNothingPulled(bounded)
		})
}

// ClaimOf returns the id of the claim that a spec proves, or "" for a node of
// Ginkgo's own.
func ClaimOf(spec types.SpecReport) catalog.ID { return reports.ClaimOf(spec) }

// handover is what the first process tells the others.
type handover struct {
	Run      string        `json:"run"`
	Clusters []cluster.Ref `json:"clusters"`
	// Namespace is the one that specs share, or "", and Unshared why there is
	// none, or "".
	Namespace string `json:"namespace,omitempty"`
	Unshared  string `json:"unshared,omitempty"`
	// Dir is the folder of all processes.
	Dir string `json:"dir"`
}

// runIDLength is the number of characters of a run's id.
const runIDLength = 8

var _ = ginkgo.SynchronizedBeforeSuite(func(ctx ginkgo.SpecContext) []byte {
	clusters, err := provide(ctx)
	require(err, "preparing the clusters")
	id := rand.String(runIDLength)
	run.forget, err = noteNamespaces(run.options, clusters, id)
	require(err, "noting what the run will create")
	given := handover{Run: id, Clusters: clusters}
	given.Dir, run.unmake, err = makeRunDir()
	require(err, "making a folder for all processes")
	if len(clusters) > 0 {
		// A kubeconfig that cannot be used is what each spec has to tell.
		if config, client, err := connect(clusters[0]); err == nil {
			if run.options.Namespace != "" {
				run.yield, err = lockIn(ctx, config, "namespace", run.options.Namespace)
				require(err, "waiting for other runs in the namespace")
			}
			if given.Namespace, err = shareNamespace(ctx, run.options, client, id); err != nil {
				given.Unshared = probe.Redact(err.Error())
			}
		}
	}
	raw, err := json.Marshal(given)
	require(err, "handing the clusters over")
	return raw
}, func(ctx ginkgo.SpecContext, raw []byte) {
	var given handover
	require(json.Unmarshal(raw, &given), "taking the clusters over")
	run.id, run.namespace = given.Run, given.Namespace
	if given.Unshared != "" {
		run.unshared = errors.New(given.Unshared)
	}
	var err error
	run.session, err = newSession(ctx, given.Clusters, run.options)
	require(err, "preparing the run")
	run.session.shared = given.Dir
}, ginkgo.NodeTimeout(setUpTimeout))

// provide returns the clusters that the run was given, or makes them and has
// them removed after the last spec.
func provide(ctx context.Context) ([]cluster.Ref, error) {
	if len(run.options.Clusters) > 0 {
		return run.options.Clusters, nil
	}
	clusters, release, err := Provision(ctx, run.options, ginkgo.GinkgoWriter)
	run.release = release
	return clusters, err
}

// noteNamespaces tells the ledger of what the run will create in a cluster that
// outlives it, which is to be left as it was found. What it returns takes that back,
// nil where there is nothing to tell.
func noteNamespaces(o Options, clusters []cluster.Ref, id string) (forget func() error, err error) {
	// In a namespace that is there the objects themselves are noted.
	if len(clusters) == 0 || !o.Existing() && !o.Keep || o.Namespace != "" && !o.ClusterScoped {
		return nil, nil
	}
	l, _, err := openLedger()
	if err != nil {
		return nil, err
	}
	entry, err := cluster.NoteNamespaces(l, o.lasting(clusters[0]), id)
	return func() error { return l.Done(entry) }, err
}

// lasting is the cluster as sweep finds it, which has to outlive the run, as a
// private copy of a kubeconfig does not.
func (o Options) lasting(ref cluster.Ref) cluster.Ref {
	if !o.Existing() {
		return ref
	}
	return cluster.Ref{Kubeconfig: o.Kubeconfig, Context: o.Context, Overrides: o.Overrides}
}

var _ = ginkgo.SynchronizedAfterSuite(func(ginkgo.SpecContext) {
	if run.session != nil {
		require(run.session.close(), "clearing up after this process")
	}
}, func(ctx ginkgo.SpecContext) {
	// Who interrupts a run wants it to end, and not what it made to be left.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), tearDownTimeout)
	defer cancel()
	if run.session != nil && run.session.client != nil {
		require(unshareNamespace(whole, run.options, run.session.client, run.namespace), "deleting the namespace of the run")
	}
	if run.forget != nil && run.session != nil && run.session.client != nil {
		// Longer waits are for a controller that is down, and it may stay so.
		bounded, cancel := context.WithTimeout(whole, goneTime)
		defer cancel()
		require(waitGone(bounded, run.session.client, run.id), "clearing up after the specs")
		require(run.forget(), "clearing up after the specs")
	}
	if run.unmake != nil {
		require(run.unmake(), "clearing up after all processes")
	}
	if run.release != nil {
		require(run.release(whole), "removing what the run made")
	}
	if run.yield != nil {
		run.yield()
	}
	run.cleared = true
}, ginkgo.NodeTimeout(tearDownTimeout), ginkgo.GracePeriod(tearDownTimeout))

var _ = ginkgo.ReportBeforeEach(func(spec ginkgo.SpecReport) {
	id := ClaimOf(spec)
	if id == "" || spec.State.Is(types.SpecStateSkipped|types.SpecStatePending) {
		return
	}
	if err := reports.AppendEvent(os.Getenv(reports.EnvEvents), reports.Event{Claim: id, Started: true}); err != nil {
		fmt.Fprintln(ginkgo.GinkgoWriter, "telling the beginning:", err)
	}
})

var _ = ginkgo.ReportAfterEach(func(spec ginkgo.SpecReport) {
	if ClaimOf(spec) == "" {
		return
	}
	event := reports.EventOf(spec)
	haltAt(event)
	if err := reports.AppendEvent(os.Getenv(reports.EnvEvents), event); err != nil {
		fmt.Fprintln(ginkgo.GinkgoWriter, "telling the verdict:", err)
	}
})

var _ = ginkgo.ReportAfterSuite("writing the reports", func(report ginkgo.Report) {
	dir := run.options.Artifacts
	if dir == "" {
		dir = DefaultArtifacts
	}
	clusters := run.options.Clusters
	if run.session != nil {
		clusters = run.session.clusters
	}
	r := reports.FromGinkgo(report, run.options.Meta(clusters))
	if r.Interrupted && run.cleared {
		// To Ginkgo a clean-up that was interrupted has failed, also where it came
		// to its end.
		r.CleanUp = ""
	}
	require(reports.Write(dir, r), "writing the reports")
})
