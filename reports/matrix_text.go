package reports

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable writes a line for each claim under each fault, and what it amounts
// to. It returns the writer's error.
func (m Matrix) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FAULT\tHOP\tCLAIM\tUNDER IT\tBLAMED\tTIME\tHEALED")
	for _, f := range m.Faults {
		switch {
		case f.Skipped != "":
			_, _ = fmt.Fprintf(w, "%s\t%s\t\tskipped: %s\n", f.Name, f.Hop, f.Skipped)
		case f.Failure != "":
			_, _ = fmt.Fprintf(w, "%s\t%s\t\tfailed: %s\n", f.Name, f.Hop, oneLineOf(f.Failure))
		}
		for _, p := range f.Pairs {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, f.Hop, p.Claim, p.Verdict, p.blame(), p.Time, p.Healed)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the matrix: %w", err)
	}
	for _, line := range m.Lines() {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return fmt.Errorf("writing the matrix: %w", err)
		}
	}
	return nil
}

// Lines returns what the matrix amounts to: its figures, and a line for
// everything that is not as it must be.
func (m Matrix) Lines() []string {
	s := m.Summary
	lines := []string{
		fmt.Sprintf("pairs: %d of %d detected, %d blamed right, %d green after healing%s", s.Detected, s.Pairs, s.Blamed, s.Healed, m.besides()),
		fmt.Sprintf("faults: %d, of them %d skipped, %d failed; %d of %d on the way to the API server named by the preflight", s.Faults, s.Skipped, s.Failures, s.WaysNamed, s.Ways),
		fmt.Sprintf("false alarms: %d in %d healthy runs; %d of %d spared claims stayed proven", s.FalseAlarms, s.HealthyRuns, s.SparedGreen, s.Spared),
		fmt.Sprintf("median time from command to verdict: %s for faults on the way to the API server, %s for all others", s.MedianWay, s.MedianOther),
	}
	if s.Scripts > 0 {
		lines = append(lines, fmt.Sprintf("scripts: %d of %d fail under the fault and not after it, %d cannot tell", s.ScriptsRight, s.Scripts, s.ScriptsUnable))
	}
	for _, leak := range m.Leaks {
		lines = append(lines, "leaked: "+leak)
	}
	for _, f := range m.Faults {
		if f.Failure != "" {
			lines = append(lines, fmt.Sprintf("failed: fault %s: %s", f.Name, oneLineOf(f.Failure)))
		}
		if p := f.Preflight; f.Skipped == "" && p.Way && p.Hop != f.Hop {
			lines = append(lines, fmt.Sprintf("not named: fault %s: the preflight says %q %s", f.Name, p.Hop, p.Code))
		}
		for _, p := range f.Pairs {
			if why := p.wrong(); why != "" {
				lines = append(lines, fmt.Sprintf("wrong: fault %s, claim %s: %s", f.Name, p.Claim, why))
			}
			if r := p.Repeated; r != nil && !r.Right() && !r.Unable() {
				lines = append(lines, fmt.Sprintf("wrong: fault %s, claim %s: its script ends with exit code %d under the fault and %d after it, not 1 and 0", f.Name, p.Claim, r.Broken.Exit, r.Healed.Exit))
			}
		}
		for _, c := range f.Spared {
			if c.Verdict != "proven" {
				lines = append(lines, fmt.Sprintf("false alarm: fault %s, claim %s: %s %s %s: %s", f.Name, c.Claim, c.Verdict, c.Hop, c.Code, oneLineOf(c.Reason)))
			}
		}
	}
	for i, h := range m.Healthy {
		for _, c := range h.Red {
			lines = append(lines, fmt.Sprintf("false alarm: healthy run %d, claim %s: %s %s %s: %s", i+1, c.Claim, c.Verdict, c.Hop, c.Code, oneLineOf(c.Reason)))
		}
	}
	for _, c := range m.NotApplicable {
		lines = append(lines, fmt.Sprintf("not applicable: %s: %s", c.Claim, oneLineOf(c.Reason)))
	}
	for _, id := range m.Unproven {
		lines = append(lines, fmt.Sprintf("unproven: no fault turned %s red", id))
	}
	return lines
}

// besides tells of the pairs that are not counted, if there are any.
func (m Matrix) besides() string {
	if m.Summary.NotApplicable == 0 {
		return ""
	}
	return fmt.Sprintf("; %d not applicable", m.Summary.NotApplicable)
}

// wrong says what is not as it must be, or "".
func (p Pair) wrong() string {
	switch {
	case p.NotApplicable():
		return ""
	case !p.Detected():
		return fmt.Sprintf("%s, not disproven: %s", p.Verdict, oneLineOf(p.Reason))
	case !p.Blamed():
		return fmt.Sprintf("blames %s %s, not %s %s: %s", p.Hop, p.Code, p.WantHop, p.WantCode, oneLineOf(p.Reason))
	case !p.Green():
		return fmt.Sprintf("%s after healing: %s", p.Healed, oneLineOf(p.HealedReason))
	}
	return ""
}

// blame names the hop and the code that were blamed.
func (p Pair) blame() string {
	text := strings.TrimSpace(string(p.Hop) + " " + p.Code)
	if p.Blamed() || p.NotApplicable() {
		return text
	}
	return fmt.Sprintf("%s (not %s %s)", text, p.WantHop, p.WantCode)
}

// oneLineOf returns the first line of a text, not too long.
func oneLineOf(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return clip(line, maxJUnitMessage)
}

// Markdown returns the matrix for a job summary or a wiki.
func (m Matrix) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Fault matrix\n\n%s %s on %s, Kubernetes %s, %d nodes, %s, %s\n\n", m.Tool.Name, m.Tool.Version,
		m.Cluster.Name, m.Cluster.KubernetesVersion, m.Cluster.Nodes, m.Started.Format(time.RFC3339), m.Finished.Sub(m.Started).Round(time.Second))
	for _, line := range m.Lines() {
		fmt.Fprintf(&b, "- %s\n", escapeMarkdown(line))
	}
	b.WriteString("\n| | fault | hop | claim | under it | blamed | time | healed |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, f := range m.Faults {
		if f.Skipped != "" {
			fmt.Fprintf(&b, "| – | %s | %s | | skipped: %s | | | |\n", f.Name, f.Hop, escapeMarkdown(f.Skipped))
		}
		for _, p := range f.Pairs {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", p.Mark(), f.Name, f.Hop, p.Claim, p.Verdict, escapeMarkdown(p.blame()), p.Time, p.Healed)
		}
	}
	return b.String()
}
