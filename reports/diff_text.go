package reports

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes a line for each change, and what they amount to. It returns
// the writer's error.
func (d Diff) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "before:\t%s\nafter:\t%s\n\n", d.Before.text(), d.After.text())
	if len(d.Changes) > 0 {
		_, _ = fmt.Fprintln(w, "\tCHANGE\tCLAIM\tBEFORE\tAFTER\tTIME\tWHY")
	}
	for _, ch := range d.Changes {
		_, _ = fmt.Fprintln(w, strings.TrimRight(strings.Join([]string{ch.Mark(), string(ch.Kind), ch.name, verdictOr(ch.Before), verdictOr(ch.After), ch.times(), ch.why()}, "\t"), "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the differences: %w", err)
	}
	if len(d.Changes) > 0 {
		_, _ = fmt.Fprintln(out)
	}
	if _, err := fmt.Fprintln(out, d.Headline()); err != nil {
		return fmt.Errorf("writing the differences: %w", err)
	}
	return nil
}

// text tells in one line which report it is.
func (s Side) text() string {
	clusters := make([]string, 0, len(s.Clusters))
	for _, c := range s.Clusters {
		clusters = append(clusters, c.Name+" "+c.KubernetesVersion)
	}
	if n := len(clusters); n >= manyAlike {
		clusters = []string{fmt.Sprintf("%d clusters", n)}
	}
	return fmt.Sprintf("%s, %s %s on %s: %s; report is %s", s.Started.Format("2006-01-02 15:04:05 MST"), s.Tool.Name, s.Tool.Version,
		cmp.Or(strings.Join(clusters, ", "), "no cluster"), s.Summary.text(), s.Result)
}

// Headline says in one line what the changes amount to.
func (d Diff) Headline() string {
	var parts []string
	for _, kind := range changeKinds() {
		n := 0
		for _, ch := range d.Changes {
			if ch.Kind == kind {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	regressions := "no regression"
	if d.Regressions == 1 {
		regressions = "1 regression"
	} else if d.Regressions > 1 {
		regressions = fmt.Sprintf("%d regressions", d.Regressions)
	}
	return fmt.Sprintf("%s: %s; %d claims as before", regressions, cmp.Or(strings.Join(parts, ", "), "no change"), d.Same)
}

// Mark is the sign of a regression, of what is better, or of neither.
func (ch Change) Mark() string {
	switch {
	case ch.Regression:
		return markBad
	case ch.Kind == Repaired || ch.Kind == Faster:
		return markGood
	default:
		return markNone
	}
}

func verdictOr[T ~string](v T) string { return cmp.Or(string(v), markNone) }

// times tells how long it took and takes, where that is what changed.
func (ch Change) times() string {
	if ch.Kind != Slower && ch.Kind != Faster {
		return ""
	}
	return ch.Took.String() + " → " + ch.Takes.String()
}

// why is the reason in one line.
func (ch Change) why() string {
	seen, _ := Claim{Reason: ch.Reason, Code: ch.Code}.cause()
	return oneLineOf(seen)
}

// rule says what noise is.
func (n Noise) rule() string {
	counts := "is no regression"
	if n.Counts {
		counts = "is a regression"
	}
	return fmt.Sprintf("A proven claim is slower, or faster, where it takes %g times as long and %s more; that %s.", n.Ratio, n.Bound, counts)
}

// Markdown returns the differences for the summary of a CI job or a comment.
func (d Diff) Markdown() string {
	var b strings.Builder
	sign := markGood
	if d.Regressions > 0 {
		sign = markBad
	}
	fmt.Fprintf(&b, "## %s %s\n\n- before: %s\n- after: %s\n", sign, escapeMarkdown(d.Headline()), escapeMarkdown(d.Before.text()), escapeMarkdown(d.After.text()))
	if len(d.Changes) > 0 {
		b.WriteString("\n| | change | claim | before | after | time | why |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	}
	for _, ch := range d.Changes {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", ch.Mark(), ch.Kind, markdownCode(ch.name), verdictOr(ch.Before), verdictOr(ch.After), ch.times(), escapeMarkdown(ch.why()))
	}
	fmt.Fprintf(&b, "\n%s\n", d.Noise.rule())
	return b.String()
}
