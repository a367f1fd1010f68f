package harness

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/onsi/ginkgo/v2"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// Env is what the spec of one claim works with.
type Env struct {
	Claim   catalog.Claim
	Cluster cluster.Ref
	// Config and Client are those of the user in the cluster's kubeconfig.
	Config *rest.Config
	Client kubernetes.Interface
	// Host runs commands of this machine with the cluster's kubeconfig and a
	// home folder of the spec's own.
	Host access.Host

	ctx       context.Context
	dir       string
	namespace string
	// created is what the spec creates through Client, and turn is its own in the
	// namespace that all share, or nil.
	created *created
	turn    *turn
	// shells are those that the spec has in containers.
	shells     map[access.Container]*access.InnerShell
	shellsLock sync.Mutex
	// hop, code and target are those that are blamed when the next assertion
	// fails, and outcome is what was seen, Unknown where something else about the
	// answer is asserted.
	hop     catalog.Hop
	code    catalog.Code
	target  string
	outcome catalog.Outcome
	walker  func(context.Context) probe.Trace
	// throttled is whether the API server has had a caller come back later.
	throttled bool
	entry     reports.Entry
	// stopped is the broken way to the API server for which guard has stopped the
	// spec, or nil.
	stopped atomic.Pointer[probe.Trace]
	// What follows is kept for the script that repeats what failed: the namespaces
	// of the spec, the relays on the way to the API server, the last request, and
	// what was wrong with that way.
	namespaces []string
	relays     []relay
	last       *attempt
	way        wayFailure
}

// current is the spec that this process runs, nil between specs. A Ginkgo
// process runs one spec at a time.
var current *Env

func begin(ctx context.Context, claim catalog.Claim) *Env {
	s := run.session
	e := &Env{Claim: claim, Cluster: s.ref, Config: rest.CopyConfig(s.config), Client: s.client, Host: s.host, ctx: ctx, created: &created{}, shells: map[access.Container]*access.InnerShell{}}
	e.entry.Claim = claim.ID
	current = e
	dir, err := os.MkdirTemp(s.dir, "spec-")
	e.Require(err, "making the folder of the spec")
	e.dir, e.Host.Home, e.Host.Journal = dir, dir, &access.Journal{}
	ginkgo.DeferCleanup(os.RemoveAll, dir)
	return e
}

// ready skips the spec where the claim is not applicable, and fails it where the
// kubeconfig cannot be used.
func (e *Env) ready() {
	s := run.session
	skipUnlessApplicable(e.ctx, s, e.Claim, func(v catalog.Verdict, reason string) {
		e.overtaken()
		e.entry.Verdict, e.entry.Reason = v, reason
	})
	if s.unusable != nil {
		e.Held(catalog.HopConfig, s.unusable)
	}
	client, err := e.created.client(e.Config)
	e.Require(err, "making a client")
	e.Client = client
	if run.options.takesTurns(e.Claim) {
		e.Require(run.unshared, "sharing a namespace")
		e.takeTurn()
	}
}

// end stores the evidence. It also runs when the spec has failed or skipped.
func (e *Env) end() {
	if e.entry.Verdict == "" && e.entry.Trace == nil {
		e.entry.Trace = e.healthyTrace()
	}
	e.leaveScript()
	e.leaveShells()
	ginkgo.AddReportEntry(reports.EntryName, e.entry, ginkgo.ReportEntryVisibilityNever)
	current = nil
}

// At says which hop the assertions that follow are about: it is blamed when one
// of them fails and the way to the API server is whole.
func (e *Env) At(hop catalog.Hop) *Env {
	e.hop, e.code, e.outcome = hop, probe.Unmet(hop, catalog.Unknown, catalog.Unknown), catalog.Unknown
	return e
}

// Blame says that the assertions that follow are about what was seen at the hop,
// where another outcome was wanted: it tells the diagnosis as for Meet.
func (e *Env) Blame(hop catalog.Hop, r access.Result, want catalog.Outcome) *Env {
	e.hop, e.code, e.outcome = hop, access.Diagnose(hop, r, want), r.Outcome
	return e
}

// Meet records what a caller saw and asserts that it is the outcome. It returns
// the result for further assertions.
func (e *Env) Meet(hop catalog.Hop, what string, r access.Result, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	e.At(hop).record(hop, what, r, want)
	if r.Err != nil && r.Outcome == catalog.Unknown {
		e.Inconclusive(fmt.Sprintf("%s: %s", what, r.Summary()))
	}
	if r.Outcome != want && r.Throttled() {
		e.Inconclusive(fmt.Sprintf("%s: the API server has the caller come back later: %s", what, r.Summary()))
	}
	if r.Outcome != want {
		e.Blame(hop, r, want)
		fail(fmt.Sprintf("%s: want %s, got %s\n%s", what, want, r.Outcome, r.Summary()), 1)
	}
	return r
}

// Saw records what a caller saw of a request whose outcome the spec asserts in
// its own way. A request that could not be made ends the spec.
func (e *Env) Saw(hop catalog.Hop, what string, r access.Result) access.Result {
	ginkgo.GinkgoHelper()
	e.At(hop).record(hop, what, r, catalog.Unknown)
	if r.Err != nil && r.Outcome == catalog.Unknown {
		e.Inconclusive(fmt.Sprintf("%s: %s", what, r.Summary()))
	}
	return r
}

func (e *Env) record(hop catalog.Hop, what string, r access.Result, want catalog.Outcome) {
	e.throttled = e.throttled || r.Throttled()
	e.target = cmp.Or(r.Target, brief(r.Command))
	e.remember(hop, what, r, want)
	e.entry.Steps = append(e.entry.Steps, reports.Step{
		Hop: hop, What: what, Command: r.Command, Want: want, Outcome: r.Outcome,
		Status: r.Status, Exit: r.Exit, Milliseconds: r.Duration.Milliseconds(),
	})
	fmt.Fprintf(ginkgo.GinkgoWriter, "%s\n  %s\n", what, r.Summary())
}

// Require ends the spec as inconclusive when err is not nil: something that the
// harness itself needs did not work, which proves nothing about the claim.
func (e *Env) Require(err error, what string) {
	ginkgo.GinkgoHelper()
	if err != nil {
		e.Inconclusive(fmt.Sprintf("%s: %v", what, err))
	}
}

// Held fails the spec when err is not nil, in the error's own words: a wait for
// what the claim is about, say, that was in vain. The hop is blamed for it.
func (e *Env) Held(hop catalog.Hop, err error) {
	ginkgo.GinkgoHelper()
	if e.At(hop); err != nil {
		// Words that name no outcome tell no more than the hop.
		if seen := (access.Result{Outcome: access.OutcomeOf(err.Error()), Stderr: err.Error()}); seen.Outcome != catalog.Failed {
			e.Blame(hop, seen, catalog.Unknown)
		}
		fail(err.Error(), 1)
	}
}

// Lacks ends the spec as not applicable: a look at the cluster told that a feature
// is missing that the claim needs.
func (e *Env) Lacks(f catalog.Feature, why string) {
	ginkgo.GinkgoHelper()
	e.overtaken()
	e.entry.Verdict, e.entry.Reason = catalog.NotApplicable, fmt.Sprintf("needs %s: %s", f, why)
	ginkgo.Skip(e.entry.Reason)
}

// Inconclusive ends the spec without blaming the cluster. Where the way to the
// API server is broken, the reason says so.
func (e *Env) Inconclusive(reason string) {
	ginkgo.GinkgoHelper()
	e.overtaken()
	e.entry.Verdict, e.entry.Reason = catalog.Inconclusive, e.explain(probe.Redact(reason))
	ginkgo.Fail("inconclusive: " + e.entry.Reason)
}

// Dir returns a folder of the spec's own, mode 0700, removed with it.
func (e *Env) Dir() string { return e.dir }

// WriteFile writes a file of the spec's own, mode 0600, and returns its path.
func (e *Env) WriteFile(name, content string) string {
	ginkgo.GinkgoHelper()
	path := filepath.Join(e.dir, name)
	e.Require(os.WriteFile(path, []byte(content), 0o600), "writing "+name)
	return path
}

// require fails a node of the suite itself.
func require(err error, what string) {
	ginkgo.GinkgoHelper()
	if err != nil {
		ginkgo.Fail(strings.TrimSpace(probe.Redact(fmt.Sprintf("%s: %v", what, err))))
	}
}
