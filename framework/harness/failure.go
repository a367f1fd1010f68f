package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// diagnosis bounds the walk that names the broken hop, after a failure, and
	// detail that of the path itself, which only adds to what is known.
	diagnosis = 8 * time.Second
	detail    = 5 * time.Second
	// inside is how long each leg of a walk from a pod may take.
	inside = time.Second
	// slow is how long each hop of it may take, which leaves the whole walk
	// time to tell which one it is.
	slow = 3 * time.Second
	// patience is how long a spec runs before it is asked whether the way to the
	// API server is whole. After that it is asked seldomer, until each time is
	// longPatience after the last: a way that is whole at first mostly stays so.
	patience     = time.Second
	longPatience = 4 * time.Second
	// confirmation is how long the way must be broken for a spec to be stopped.
	confirmation = 300 * time.Millisecond
)

// WalkFrom says that the path of the spec begins in this pod from now on: after a
// failure the trace tells what the way from there to the API is like.
func (e *Env) WalkFrom(pod *corev1.Pod, container string) {
	from := access.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: container}
	e.walker = func(ctx context.Context) probe.Trace {
		return probe.WalkPod(ctx, probe.PodTarget{
			Name: pod.Namespace + "/" + pod.Name, Namespace: pod.Namespace, Timeout: inside, Endpoints: e.apiEndpoints(ctx),
			Shell: func(ctx context.Context, script string) (probe.ShellResult, error) {
				r := from.Script(ctx, e.Config, e.Client, script)
				return probe.ShellResult{Stdout: r.Stdout, Stderr: r.Stderr, Exit: r.Exit}, r.Err
			},
		})
	}
}

// apiEndpoints returns the API servers' own addresses, none where they are not
// known: they only add to a diagnosis.
func (e *Env) apiEndpoints(ctx context.Context) []string {
	endpoints, err := access.APIEndpoints(ctx, e.Client)
	if err != nil {
		fmt.Fprintln(ginkgo.GinkgoWriter, err)
	}
	var all []string
	for _, a := range endpoints {
		all = append(all, a.String())
	}
	return all
}

// fail is Gomega's fail handler: it names the hop that broke before the message
// of the assertion.
func fail(message string, callerSkip ...int) {
	skip := 1
	if len(callerSkip) > 0 {
		skip += callerSkip[0]
	}
	message = probe.Redact(message)
	if e := current; e != nil && e.entry.Verdict == "" {
		e.overtaken()
		message = e.blame(message)
	}
	ginkgo.Fail(message, skip)
}

// blame notes which hop broke and returns the message of the failure: hop,
// target, code, what was seen and the next command, and then what the assertion
// says. The way to the API server is walked first, since whatever is broken there
// breaks every claim.
func (e *Env) blame(message string) string {
	step, broken := e.walkAPI()
	switch {
	case broken && step.Code == probe.APIThrottled:
		return e.cannotTell(step.Summary(), message)
	case e.throttled || access.SaysThrottled(message):
		return e.cannotTell("the API server has had a caller of this spec come back later", message)
	}
	if lacks := e.lackedRights(); !broken && lacks != "" {
		return e.cannotTell(fmt.Sprintf("the user of the run is not allowed to %s, which is no fault of the way", lacks), message)
	}
	if !broken && e.lost() {
		switch why, err := e.isolated(); {
		case why != "":
			return e.cannotTell(why+", which loses packets as somebody wants it", message)
		case err != nil:
			message += "\n" + probe.Redact(err.Error())
		}
	}
	if !broken {
		step = probe.Step{Hop: e.hop, State: probe.Broken, Target: e.target, Code: e.code, Saw: firstLine(message)}
		if step.Target == "" {
			step.Target = string(e.Claim.Path)
		}
		path := e.walkPath()
		switch walked, found := path.Broken(); {
		case !found:
		case refines(walked, step):
			walked.Saw += "; " + step.Saw
			step = walked
		case walked.Hop == step.Hop:
			step.Target = walked.Target
		}
		e.entry.Trace = e.pathTrace(step, path)
	}
	e.entry.Hop, e.entry.Code = step.Hop, string(step.Code)
	e.entry.Reason = step.Summary() + "\n" + message
	return e.entry.Reason
}

// cannotTell makes the claim inconclusive and returns the message of that.
func (e *Env) cannotTell(why, message string) string {
	e.entry.Verdict, e.entry.Reason = catalog.Inconclusive, why+"\n"+message
	return "inconclusive: " + e.entry.Reason
}

// lackedRights returns the rights of the claim that the user does not have, in
// words, or "" where that is not to matter or is not known.
func (e *Env) lackedRights() string {
	if !run.options.RightsMatter || run.session.client == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), diagnosis)
	defer cancel()
	var lacked []catalog.Right
	for _, r := range run.options.Rights(e.Claim) {
		if allowed, err := may(ctx, run.session.client, r); err == nil && !allowed {
			lacked = append(lacked, r)
		}
	}
	return words(lacked)
}

// explain adds to the reason of an inconclusive claim which hop on the way to
// the API server is broken, if one is.
func (e *Env) explain(reason string) string {
	step, broken := e.walkAPI()
	if !broken {
		if why, err := e.isolated(); err == nil && why != "" {
			reason += "\n" + why
		}
		return reason
	}
	e.entry.Hop, e.entry.Code = step.Hop, string(step.Code)
	return step.Summary() + "\n" + reason
}

// walkAPI walks the way to the API server, keeps the trace and returns where it
// broke. The spec's own time may be over; that is when a diagnosis is wanted most.
func (e *Env) walkAPI() (probe.Step, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), diagnosis)
	defer cancel()
	target := e.apiTarget()
	target.Timeout = slow
	trace := probe.Walk(ctx, target)
	if _, broken := trace.Broken(); !broken {
		// A way that was broken for long enough to stop the spec explains what it
		// has seen, also once it is whole again.
		if stopped := e.stopped.Load(); stopped != nil {
			trace = *stopped
		}
	}
	e.entry.Trace = trace.Steps
	e.way.step, e.way.broken = trace.Broken()
	return e.way.step, e.way.broken
}

func (e *Env) apiTarget() probe.Target {
	return probe.Target{Kubeconfig: e.Cluster.Kubeconfig, Context: e.Cluster.Context, Overrides: e.Cluster.Overrides}
}

// walkPath walks the path itself, where that begins in a pod.
func (e *Env) walkPath() probe.Trace {
	if e.walker == nil {
		return probe.Trace{}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), detail)
	defer cancel()
	return e.walker(ctx)
}

// WayBroken walks the path from the pod that WalkFrom names, and returns whether a hop
// of it is broken: where none is, a spec may wait on for what is only late.
func (e *Env) WayBroken() bool {
	_, broken := e.walkPath().Broken()
	return broken
}

// refines is whether a walk of the path tells more than the step, by which the
// address of the API's Service leads nowhere: what gave that address, or what is
// behind it, may be why.
func refines(walked, step probe.Step) bool {
	return step.Hop == catalog.HopService && (walked.Code == probe.ResolveElsewhere || walked.Hop == catalog.HopDial)
}

// pathTrace returns the trace of a path of which the given step is broken. What
// the way to the API server says stands where the path has the same hops, unless
// the path begins in a pod; a walk of the path itself says more.
func (e *Env) pathTrace(broken probe.Step, path probe.Trace) []probe.Step {
	known := map[catalog.Hop]probe.Step{}
	learn := func(steps []probe.Step) {
		for _, s := range steps {
			if s.State == probe.OK {
				known[s.Hop] = s
			}
		}
	}
	switch e.Claim.Path {
	case catalog.PathInPod, catalog.PathKubeProxy:
	case catalog.PathLoadBalancer: // its address is another than the API server's
		learn(slices.DeleteFunc(slices.Clone(e.entry.Trace), func(s probe.Step) bool { return s.Hop == catalog.HopDial }))
	default:
		learn(e.entry.Trace)
	}
	learn(path.Steps)
	documented, err := catalog.LookupPath(e.Claim.Path)
	if err != nil {
		return []probe.Step{broken}
	}
	var steps []probe.Step
	reached := true
	for _, hop := range documented.Hops {
		step, ok := known[hop]
		switch {
		case hop == broken.Hop:
			step, reached = broken, false
		case !reached:
			step = probe.Step{Hop: hop, State: probe.NotReached}
		case !ok:
			step = probe.Step{Hop: hop, State: probe.Skipped}
		}
		steps = append(steps, step)
	}
	return steps
}

// healthyTrace walks the way to the API server after a spec that holds.
func (e *Env) healthyTrace() []probe.Step {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), diagnosis)
	defer cancel()
	return probe.Walk(ctx, e.apiTarget()).Steps
}

// brokenWayError is why a spec is stopped whose way to the API server is broken.
type brokenWayError struct{ trace probe.Trace }

func (e *brokenWayError) Error() string { return "stopped: " + e.trace.Summary() }

// guard returns a context that ends as soon as the way to the API server has
// been broken for a while: waiting on would change no verdict, and clients wait
// for minutes.
func (e *Env) guard(parent context.Context) (context.Context, func()) {
	ctx, stop := context.WithCancelCause(parent)
	broken := func(after time.Duration) (probe.Trace, bool) {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return probe.Trace{}, false
		case <-timer.C:
		}
		trace := probe.Walk(ctx, e.apiTarget())
		step, is := trace.Broken()
		// Whoever is to come back later does, and may get in then.
		return trace, is && step.Code != probe.WalkStopped && step.Code != probe.APIThrottled
	}
	go func() {
		for next := patience; ctx.Err() == nil; next = min(2*next, longPatience) {
			if _, is := broken(next); !is {
				continue
			}
			if trace, is := broken(confirmation); is {
				e.stopped.Store(&trace)
				stop(&brokenWayError{trace})
			}
		}
	}()
	return ctx, func() { stop(nil) }
}

// targetLimit is how much of a command names what it was about, in bytes; the
// evidence has all of it.
const targetLimit = 160

// brief is the beginning of a command, on one line, in a text of one line.
func brief(command string) string {
	line := firstLine(command)
	if len(line) > targetLimit {
		line = strings.ToValidUTF8(line[:targetLimit], "")
	}
	if line != command {
		line += "…"
	}
	return line
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
