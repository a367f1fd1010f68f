// Package reports is what a run says when it ends: the report as an API type
// and its writers. It needs no cluster, so old reports can be read anywhere.
package reports

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// APIVersion is the version of the Report type.
	APIVersion = "inroads.dev/v1alpha1"
	// Kind is the kind of the Report type.
	Kind = "Report"
)

// Report is what one run found out. Everything in it is redacted.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Tool is the program that ran.
	Tool Tool `json:"tool"`
	// Documentation is the page that the claims were taken from.
	Documentation Documentation `json:"documentation"`
	// Started and Finished bound the run, in UTC. Finished is zero in the
	// report of a run that did not finish.
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Result tells whether the run answered for every selected claim.
	Result Result `json:"result"`
	// Setup is what kept the run from its claims, or nil.
	Setup *SetupFailure `json:"setupFailure,omitempty"`
	// CleanUp is what the run could not remove, in one line, or "".
	CleanUp string `json:"cleanUpFailure,omitempty"`
	// Leaks are the credentials that the run has written somewhere, each in words.
	Leaks []string `json:"leaks,omitempty"`
	// Interrupted is whether a person or a signal stopped the run.
	Interrupted bool      `json:"interrupted,omitempty"`
	Clusters    []Cluster `json:"clusters"`
	Summary     Summary   `json:"summary"`
	// Claims are the selected claims, sorted by id, one for each topology, each
	// context and each kubectl with which it was put to the test.
	Claims []Claim `json:"claims"`
}

// Result tells whether a run answered for every claim that it was asked to.
type Result string

const (
	// Unfinished: the run ended, if it did, without a word.
	Unfinished Result = "unfinished"
	// Partial: at least one selected claim was skipped or inconclusive.
	Partial Result = "partial"
	// Complete: every selected claim is proven, disproven or not applicable.
	Complete Result = "complete"
)

// Tool is the program that made a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Documentation is the page that is proven, as it was read.
type Documentation struct {
	Title   string `json:"title"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// AccessingClusters is the page that inroads proves.
func AccessingClusters() Documentation {
	return Documentation{Title: "Accessing Clusters", Version: "v1.23", Commit: "58a00cfb36"}
}

// SetupFailure is what kept a run from its claims.
type SetupFailure struct {
	// Stage is what the run was doing ("preflight", "making the cluster").
	Stage string `json:"stage"`
	// Message is the cause and the next step, in one line.
	Message string `json:"message"`
	// Hop and Code are the hop that broke and its diagnosis, or empty.
	Hop  catalog.Hop `json:"hop,omitempty"`
	Code string      `json:"code,omitempty"`
}

// Cluster is a cluster that a run proved.
type Cluster struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
	// Topology is what it was made for, or "".
	Topology catalog.Topology `json:"topology,omitempty"`
	// KubernetesVersion is what its API server says of itself.
	KubernetesVersion string `json:"kubernetesVersion"`
	// Nodes is their number.
	Nodes int `json:"nodes"`
}

// Summary counts claims by verdict.
type Summary struct {
	Proven        int `json:"proven"`
	Disproven     int `json:"disproven"`
	NotApplicable int `json:"notApplicable"`
	Skipped       int `json:"skipped"`
	Inconclusive  int `json:"inconclusive"`
	// Deviations counts the proven claims for which the page says something
	// else than the cluster does.
	Deviations int `json:"deviations"`
}

// Total is the number of claims counted.
func (s Summary) Total() int {
	return s.Proven + s.Disproven + s.NotApplicable + s.Skipped + s.Inconclusive
}

// Claim is one claim and what the run says of it.
type Claim struct {
	ID       catalog.ID     `json:"id"`
	Path     catalog.PathID `json:"path"`
	Level    catalog.Level  `json:"level"`
	Sentence string         `json:"sentence"`
	Source   string         `json:"source"`
	// Topology is that of the cluster which the run made for it, Context the
	// kubeconfig's context, and Kubectl the version of the kubectl under test, where
	// the run had several; or "".
	Topology catalog.Topology `json:"topology,omitempty"`
	Context  string           `json:"context,omitempty"`
	Kubectl  string           `json:"kubectl,omitempty"`
	Verdict  catalog.Verdict  `json:"verdict"`
	// Reason says why the verdict is another than proven.
	Reason string `json:"reason,omitempty"`
	// Deviation is what the page says where a cluster does something else, and
	// Deviates whether this run saw the cluster do so.
	Deviation string `json:"deviation,omitempty"`
	Deviates  bool   `json:"documentationDeviates,omitempty"`
	// Hop and Code are the hop that is blamed and its diagnosis, or empty.
	Hop  catalog.Hop `json:"hop,omitempty"`
	Code string      `json:"code,omitempty"`
	// Script is the file, below the folder of the report, that repeats the request
	// at which the claim failed, or "".
	Script   string   `json:"script,omitempty"`
	Duration Duration `json:"duration"`
	// Trace is what happened at each hop of the path, in its order, up to the
	// first that broke.
	Trace []probe.Step `json:"trace,omitempty"`
	// Steps are the evidence, in the order in which it was taken.
	Steps []Step `json:"steps,omitempty"`
	// anchor is where it is on a page that shows what is alike in several contexts
	// once, or "".
	anchor string
}

// Name tells the claim from the same one on another topology, in another context or
// with another kubectl: its id alone, unless there is more to say.
func (c Claim) Name() string {
	name := string(c.ID)
	if c.Topology != "" && c.Topology != catalog.TopologyMultiNode {
		name += " on " + string(c.Topology)
	}
	if c.Context != "" {
		name += " on " + c.Context
	}
	if c.Kubectl != "" {
		name += " with kubectl " + c.Kubectl
	}
	return name
}

// Step is one thing that a spec did and what it observed.
type Step struct {
	// Hop is the hop that the step is about.
	Hop catalog.Hop `json:"hop,omitempty"`
	// What says in a few words what was tried.
	What string `json:"what"`
	// Command is the command or request, redacted.
	Command string `json:"command,omitempty"`
	// Want is the outcome that the spec asserts, or Unknown where it asserts
	// something else of the result.
	Want catalog.Outcome `json:"want,omitempty"`
	// Outcome is what the caller observed.
	Outcome catalog.Outcome `json:"outcome,omitempty"`
	// Status is the HTTP status, or 0 if no response arrived.
	Status int `json:"status,omitempty"`
	// Exit is the exit code of the command, or 0 if there was none.
	Exit int `json:"exit,omitempty"`
	// Milliseconds is how long the step took.
	Milliseconds int64 `json:"milliseconds"`
}

// Duration is a time.Duration that is written as text ("1.25s"), rounded to
// milliseconds.
type Duration time.Duration

// String returns the duration rounded to milliseconds.
func (d Duration) String() string { return time.Duration(d).Round(time.Millisecond).String() }

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("reading a duration: %w", err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("reading a duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// Meta is what a report says of the run itself, whatever came of the claims.
type Meta struct {
	// Version is that of inroads; "" means the one that this binary was built
	// from.
	Version string
	// Started and Finished bound the run; FromGinkgo takes those of the Ginkgo
	// suite where they are zero.
	Started  time.Time
	Finished time.Time
	Clusters []Cluster
	// Claims are those that the run was asked for. No other claim appears in
	// the report.
	Claims []catalog.Claim
	// Topology, Context and Kubectl are described with Claim.
	Topology catalog.Topology
	Context  string
	Kubectl  string
}

// Version returns the version of inroads that this binary was built from, as Go
// stamped it ("v0.1.0", or a pseudo-version with the commit).
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// ToolName is the name of the program in reports.
const ToolName = "inroads"

// reasonUnfinished is the reason of every claim in a placeholder.
const reasonUnfinished = "the run did not finish"

// Placeholder returns the report of a run that has only begun. It is written
// before anything that can fail, so that a run that is killed leaves a report
// which says so.
func Placeholder(m Meta) Report {
	m.Finished = time.Time{}
	r := assemble(m, func(c catalog.Claim) Claim {
		return inconclusive(c, reasonUnfinished)
	})
	r.Result = Unfinished
	return r
}

// Unable returns the report of a run that did not get to its claims.
func Unable(m Meta, cause SetupFailure) Report {
	cause.Message = clean(cause.Message)
	r := assemble(m, func(c catalog.Claim) Claim {
		claim := inconclusive(c, cause.Stage+": "+cause.Message)
		claim.Hop, claim.Code = cause.Hop, cause.Code
		return claim
	})
	r.Setup = &cause
	return r
}

// Stopped returns the report of a run that a signal stopped before its specs
// could report.
func Stopped(m Meta) Report {
	r := assemble(m, func(c catalog.Claim) Claim { return inconclusive(c, reasonInterrupted) })
	r.Interrupted = true
	return r
}

// assemble makes the report of the selected claims, each judged by judge.
func assemble(m Meta, judge func(catalog.Claim) Claim) Report {
	r := Report{
		APIVersion:    APIVersion,
		Kind:          Kind,
		Tool:          Tool{Name: ToolName, Version: cmp.Or(m.Version, Version())},
		Documentation: AccessingClusters(),
		Started:       m.Started.UTC().Round(time.Millisecond),
		Finished:      m.Finished.UTC().Round(time.Millisecond),
		Clusters:      slices.Clone(m.Clusters),
		Claims:        []Claim{},
	}
	if r.Clusters == nil {
		r.Clusters = []Cluster{}
	}
	for _, c := range m.Claims {
		one := judge(c)
		one.Topology, one.Context, one.Kubectl = m.Topology, m.Context, m.Kubectl
		r.Claims = append(r.Claims, one)
	}
	r.sort()
	r.count()
	return r
}

func (r *Report) sort() {
	order := catalog.Topologies()
	slices.SortStableFunc(r.Claims, func(a, b Claim) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(slices.Index(order, a.Topology), slices.Index(order, b.Topology)))
	})
	slices.SortFunc(r.Clusters, func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
}

// Merge returns one report of the parts of a run, of which there is at least one.
// Where every part has a set-up failure it has the first of them; where only some
// have, or the parts are of several contexts, their claims say so.
func Merge(parts []Report) Report {
	out := parts[0]
	out.Clusters, out.Claims = []Cluster{}, []Claim{}
	unfinished := false
	var cleanUps []string
	for _, p := range parts {
		if p.Started.Before(out.Started) {
			out.Started = p.Started
		}
		if p.Finished.After(out.Finished) {
			out.Finished = p.Finished
		}
		for _, c := range p.Clusters {
			if !slices.Contains(out.Clusters, c) {
				out.Clusters = append(out.Clusters, c)
			}
		}
		out.Claims = append(out.Claims, p.Claims...)
		out.Interrupted = out.Interrupted || p.Interrupted
		if left := p.CleanUp; left != "" {
			if in := p.context(); in != "" {
				left = in + ": " + left
			}
			cleanUps = append(cleanUps, left)
		}
		unfinished = unfinished || p.Result == Unfinished
		if p.Setup == nil || p.context() != parts[0].context() {
			out.Setup = nil
		}
	}
	out.CleanUp = strings.Join(slices.Compact(cleanUps), "; ")
	out.sort()
	out.count()
	if unfinished {
		out.Result = Unfinished
	}
	return out
}

// context is that of the part of a run, "" where the run has no other.
func (r Report) context() string {
	if len(r.Claims) == 0 {
		return ""
	}
	return r.Claims[0].Context
}

// count sets the summary and the result from the claims.
func (r *Report) count() {
	var s Summary
	for _, c := range r.Claims {
		switch c.Verdict {
		case catalog.Proven:
			s.Proven++
		case catalog.Disproven:
			s.Disproven++
		case catalog.NotApplicable:
			s.NotApplicable++
		case catalog.Skipped:
			s.Skipped++
		default:
			s.Inconclusive++
		}
		if c.Deviates {
			s.Deviations++
		}
	}
	r.Summary = s
	r.Result = Complete
	if s.Skipped+s.Inconclusive > 0 {
		r.Result = Partial
	}
}

// describe returns the claim as a report shows it, without a verdict.
func describe(c catalog.Claim) Claim {
	return Claim{
		ID:        c.ID,
		Path:      c.Path,
		Level:     c.Level,
		Sentence:  c.Sentence,
		Source:    c.Source.URL(),
		Deviation: c.Deviation,
	}
}

func inconclusive(c catalog.Claim, reason string) Claim {
	claim := describe(c)
	claim.Verdict, claim.Reason = catalog.Inconclusive, reason
	return claim
}
