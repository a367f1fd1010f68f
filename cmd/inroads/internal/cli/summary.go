package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// verdictWidth is that of the longest verdict, "not applicable".
const verdictWidth = 14

// tally counts the verdicts that were printed.
type tally struct {
	mu       sync.Mutex
	told, of int
}

// add counts so many more.
func (t *tally) add(n int) (told, of int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told += n
	return t.told, t.of
}

// lines is where the lines about this part of the run go.
func (r *runner) lines() io.Writer {
	if r.name == "" {
		return r.talk()
	}
	return prefixed{r.talk(), r.name + ": "}
}

// prefixed writes what is one or more lines at a time with a prefix each.
type prefixed struct {
	out    io.Writer
	prefix string
}

func (p prefixed) Write(b []byte) (int, error) {
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		out.WriteString(p.prefix + line)
	}
	_, err := io.WriteString(p.out, out.String())
	return len(b), err
}

// progress prints one line about the run, or a part of it.
func (r *runner) progress(format string, args ...any) {
	fmt.Fprintln(r.lines(), oneLine(fmt.Sprintf(format, args...)))
}

// tell prints the verdict of one claim as soon as it is known.
func (r *runner) tell(e reports.Event) {
	told, of := r.tally.add(1)
	if r.screen != nil {
		r.screen.hear(r.meta.Context, e)
		if e.Verdict != catalog.Disproven && e.Verdict != catalog.Inconclusive {
			return
		}
	}
	name := string(e.Claim)
	if r.name != "" {
		name += " on " + r.name
	}
	line := fmt.Sprintf("[%*d/%d] %-*s %s (%s)", len(fmt.Sprint(of)), told, of, verdictWidth, e.Verdict, name, e.Duration)
	if e.Verdict != catalog.Proven && e.Reason != "" {
		line += ": " + firstLine(e.Reason)
	}
	fmt.Fprintln(r.talk(), line)
}

// ended prints, in one line, what came of one of several contexts.
func (r *runner) ended(one reports.Report) {
	for _, c := range one.Contexts() {
		r.progress("%s: %s in %s", c.Verdict, c.Counts(), one.Finished.Sub(one.Started).Round(time.Millisecond))
	}
}

// untested prints, in one line, that the claims of a part of the run were not put to
// the test, and why. Where the run has no other part its end says so.
func (r *runner) untested(one reports.Report) {
	n := len(one.Claims)
	told, of := r.tally.add(n)
	if r.name == "" || n == 0 {
		return
	}
	if r.screen != nil {
		var events []reports.Event
		for _, c := range one.Claims {
			events = append(events, reports.Event{Claim: c.ID, Verdict: c.Verdict})
		}
		r.screen.hear(r.meta.Context, events...)
	}
	c := one.Claims[0]
	fmt.Fprintf(r.talk(), "[%*d/%d] %-*s %d claims on %s: %s\n", len(fmt.Sprint(of)), told, of, verdictWidth, c.Verdict, n, r.name, firstLine(c.Reason))
}

// conclude writes the report, prints what came of the run and returns how the
// program ends. left says what the run could not remove of what it made, or is
// "".
func (r *runner) conclude(report reports.Report, left string) (failure error) {
	report.Started, report.Finished = r.started.UTC().Round(time.Millisecond), r.now().UTC().Round(time.Millisecond)
	report.CleanUp = cmp.Or(left, report.CleanUp)
	if err := reports.Write(r.options.Artifacts, report); err != nil {
		return unable(err, "")
	}
	leaks, err := r.guard.search(r.options.Artifacts)
	if err != nil {
		return unable(err, "")
	}
	if r.guard != nil && report.Setup == nil {
		r.progress("%s", r.guard.sought(leaks))
	}
	if len(leaks) > 0 {
		if report, err = cleaned(r.guard, report); err != nil {
			return unable(err, "")
		}
		report.Leaks = leaks
		if err := reports.Write(r.options.Artifacts, report); err != nil {
			return unable(err, "")
		}
		defer func() {
			var exit *exitError
			if !errors.As(failure, &exit) || exit.code != ExitUsage {
				failure = leaked(leaks, failure)
			}
		}()
	}
	if err := r.writeReport(report); err != nil {
		return err
	}
	code := exitCode(report)
	if report.Setup != nil && report.Setup.Stage != stageSpecs && left == "" {
		// No claim was looked at: what was in the way takes one line.
		cause := report.Setup.Message
		if report.Setup.Stage != stagePreflight {
			cause = report.Setup.Stage + ": " + cause
		}
		next := ""
		if len(report.Claims) > 0 {
			next = strings.TrimSpace(repeating(report.Claims[0], r.options.Artifacts))
		}
		return &exitError{code: code, cause: cause, next: next}
	}
	r.summarize(report)
	switch {
	case left != "":
		return &exitError{code: code, cause: "removing what the run made: " + left, next: "'inroads sweep' removes what is left"}
	case report.Setup != nil:
		return &exitError{code: code, cause: report.Setup.Stage + ": " + report.Setup.Message}
	case report.CleanUp != "":
		return &exitError{code: code, cause: report.CleanUp}
	default:
		return done(code)
	}
}

// giveScripts gives the claims that failed and have no script of their own one that
// goes the way to the API server, which is what kept the run from them.
func (r *runner) giveScripts(report *reports.Report) error {
	// There was no cluster to ask, or nobody who wanted to know.
	if report.Interrupted || report.Setup != nil && report.Setup.Stage != stagePreflight && report.Setup.Stage != stageSpecs {
		return nil
	}
	var step probe.Step
	if s := report.Setup; s != nil && s.Hop != "" {
		step = probe.Step{Hop: s.Hop, State: probe.Broken, Code: probe.Code(s.Code), Saw: s.Message}
	}
	name := ""
	for i := range report.Claims {
		c := &report.Claims[i]
		if c.Script != "" || c.Verdict != catalog.Disproven && c.Verdict != catalog.Inconclusive {
			continue
		}
		if name == "" {
			var err error
			if name, err = harness.WriteWayScript(r.options, step); err != nil {
				return err
			}
		}
		c.Script = name
	}
	return nil
}

// exitCode is what the report amounts to.
func exitCode(r reports.Report) int {
	s := r.Summary
	switch {
	case s.Disproven > 0 && !r.Interrupted:
		return ExitDisproven
	case r.CleanUp != "":
		// What is not clean is no success, nor a clean interruption.
		return ExitInconclusive
	case r.Interrupted:
		return ExitInterrupted
	case s.Inconclusive > 0 || s.Proven == 0, slices.ContainsFunc(r.Contexts(), func(c reports.ContextResult) bool { return c.Summary.Proven == 0 }):
		return ExitInconclusive
	default:
		return ExitProven
	}
}

// summarize prints the end of a run: each claim that is not proven, the counts
// and where to look. Its last line has the form that tools for go test know.
func (r *runner) summarize(report reports.Report) {
	out, s := r.summaryTo(), report.Summary
	fmt.Fprintln(out)
	for _, line := range remarks(report.Claims, r.options.Artifacts) {
		fmt.Fprintln(out, line)
	}
	contexts := report.Contexts()
	for _, c := range report.Clusters {
		if len(contexts) > 0 {
			break // each is told below
		}
		fmt.Fprintf(out, "cluster: %s (%s), Kubernetes %s, %d nodes\n", c.Name, strings.TrimSpace(c.Provider+" "+special(c.Topology)), c.KubernetesVersion, c.Nodes)
	}
	took := report.Finished.Sub(report.Started).Round(time.Second)
	fmt.Fprintf(out, "claims: %d of %d proven in %s, %d disproven, %d inconclusive, %d skipped, %d not applicable; report is %s\n",
		s.Proven, s.Total(), took, s.Disproven, s.Inconclusive, s.Skipped, s.NotApplicable, report.Result)
	log := ""
	// Of a run in parts each keeps its own, beside its reports; what is there then is
	// of an earlier run.
	if kept, err := os.Stat(filepath.Join(r.options.Artifacts, logFile)); err == nil && kept.ModTime().After(r.started) {
		log = ", log " + logFile
	}
	fmt.Fprintf(out, "reports: %s %s %s %s%s\n", filepath.Join(r.options.Artifacts, reports.HTMLFile), reports.MarkdownFile, reports.JSONFile, reports.JUnitFile, log)
	if report.Interrupted && report.CleanUp == "" {
		fmt.Fprintln(out, "interrupted: nothing of the run is left")
	}
	if next := nextStep(report); next != "" {
		fmt.Fprintln(out, "next: "+r.streams.own(next))
	}
	// Who cannot be written to has not seen the rest either.
	_ = report.WriteContexts(out)
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", s.Proven, s.Disproven+s.Inconclusive, s.Skipped+s.NotApplicable)
}

// special names a topology that is not that of most claims.
func special(t catalog.Topology) string {
	if t == catalog.TopologyMultiNode {
		return ""
	}
	return string(t)
}

// manyAlike is from how many claims on one reason is told once for all.
const manyAlike = 3

// remarks returns a line for each claim of which there is more to say than that
// it is proven.
func remarks(claims []reports.Claim, artifacts string) []string {
	var lines []string
	said := slices.DeleteFunc(slices.Clone(claims), func(c reports.Claim) bool { return c.Verdict == catalog.Proven && !c.Deviates })
	for _, alike := range reports.Alike(said, manyAlike) {
		c, name := alike[0], alike[0].Name()
		if len(alike) > 1 {
			name = reports.Together(alike)
		}
		if c.Deviates {
			lines = append(lines, fmt.Sprintf("%-*s %s: documentation deviates: %s", verdictWidth, c.Verdict, name, oneLine(c.Deviation)))
		} else {
			lines = append(lines, fmt.Sprintf("%-*s %s%s: %s", verdictWidth, c.Verdict, name, blame(c), indented(c.Reason)+repeating(c, artifacts)))
		}
	}
	return lines
}

// repeating is the line that tells how to repeat what failed, or "".
func repeating(c reports.Claim, artifacts string) string {
	if c.Script == "" {
		return ""
	}
	return "\n    repeat it: bash " + shellescape.Quote(filepath.Join(artifacts, c.Script))
}

// firstLine returns the line of a reason that names the hop and what was wanted.
func firstLine(reason string) string {
	line, _, _ := strings.Cut(reason, "\n")
	return oneLine(line)
}

// indented returns a reason with its further lines, commands and what they
// printed, set off from those of other claims.
func indented(reason string) string {
	lines := strings.Split(probe.Redact(reason), "\n")
	for i := 1; i < len(lines); i++ {
		lines[i] = "    " + strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

// blame names the hop that is blamed, or is "".
func blame(c reports.Claim) string {
	what := strings.TrimSpace(string(c.Hop) + " " + c.Code)
	if what == "" {
		return ""
	}
	return " [" + what + "]"
}

// nextStep is the command to type after the run, or "".
func nextStep(report reports.Report) string {
	if report.Setup != nil || report.Interrupted {
		return ""
	}
	for _, verdict := range []catalog.Verdict{catalog.Disproven, catalog.Inconclusive} {
		for _, c := range report.Claims {
			if c.Verdict == verdict {
				return "inroads explain " + string(c.ID)
			}
		}
	}
	return ""
}
