package reports

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// maxNamed is how many are named of many claims with one reason.
const maxNamed = 3

// Markdown returns what came of the run for the summary of a CI job: a line with
// the verdict, a table of the claims that are not proven, with the reason and what
// to do next, and a table of the paths.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s\n\n%s\n", mark(r.worst()), escapeMarkdown(r.headline()), escapeMarkdown(r.about()))
	if s := r.Setup; s != nil {
		fmt.Fprintf(&b, "\n> **%s** %s\n", escapeMarkdown(strings.TrimSpace(s.Stage+" "+s.Code)+":"), escapeMarkdown(s.Message))
	}
	if r.CleanUp != "" {
		fmt.Fprintf(&b, "\n> **Not cleaned up:** %s; next: `inroads sweep`\n", escapeMarkdown(r.CleanUp))
	}
	r.markdownOfContexts(&b)
	r.markdownOfRest(&b)
	r.markdownOfPaths(&b)
	return b.String()
}

// about says in one line what was proven where, with what and when.
func (r Report) about() string {
	parts := append(r.clusters(), r.Tool.Name+" "+r.Tool.Version, r.Started.Format("2006-01-02 15:04:05 MST"))
	if took := r.took(); took != 0 {
		parts = append(parts, "took "+took.Round(time.Second).String())
	}
	return strings.Join(append(parts, "report is "+string(r.Result)), ", ")
}

// markdownOfContexts writes the table of the contexts, where the run had several.
func (r Report) markdownOfContexts(b *strings.Builder) {
	contexts := r.Contexts()
	if len(contexts) == 0 {
		return
	}
	b.WriteString("\n### Contexts\n\n| | context | claims | Kubernetes | why |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range contexts {
		fmt.Fprintf(b, "| %s %s | %s | %s | %s | %s |\n", mark(c.Verdict), c.Verdict, escapeMarkdown(c.Name), c.Counts(), cmp.Or(escapeMarkdown(c.Kubernetes()), markNone), escapeMarkdown(c.Why))
	}
}

// markdownOfRest writes the table of the claims that are not proven, the worst
// first.
func (r Report) markdownOfRest(b *strings.Builder) {
	if r.Summary.Proven == len(r.Claims) {
		return
	}
	b.WriteString("\n### Not proven\n\n| | claim | blamed | reason | next |\n| --- | --- | --- | --- | --- |\n")
	for _, alike := range r.unproven() {
		c := alike[0]
		name := markdownCode(c.Name())
		if len(alike) > 1 {
			var names []string
			for _, one := range alike[:maxNamed] {
				names = append(names, markdownCode(one.Name()))
			}
			name = fmt.Sprintf("%s: %s, …", escapeMarkdown(Together(alike)), strings.Join(names, ", "))
		}
		todo := c.next()
		steps := markdownCode(cmp.Or(todo.Hint, todo.Explain))
		if todo.Hint != "" {
			steps += "<br>" + markdownCode(todo.Explain)
		}
		seen, _ := c.cause()
		fmt.Fprintf(b, "| %s %s | %s | %s | %s | %s |\n", mark(c.Verdict), c.Verdict, name,
			escapeMarkdown(strings.TrimSpace(string(c.Hop)+" "+c.Code)), escapeMarkdown(oneLineOf(seen)), steps)
	}
}

// markdownOfPaths writes the table of the paths, a column for each topology, context
// and kubectl.
func (r Report) markdownOfPaths(b *strings.Builder) {
	columns := r.columns()
	if len(columns) == 0 {
		return
	}
	b.WriteString("\n### Paths\n\n| path |")
	for _, of := range columns {
		fmt.Fprintf(b, " %s |", escapeMarkdown(of.Name()))
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(columns)) + "\n")
	for _, row := range r.paths(columns) {
		fmt.Fprintf(b, "| %s |", escapeMarkdown(string(row.ID)))
		for _, c := range row.Cells {
			text := "–"
			if len(c) > 0 {
				text = mark(c.Worst()) + " "
				if len(columns) < dense {
					text += c.Counts()
				} else {
					text += c.Brief()
				}
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}

// markdownEscapes keep a text from being anything else than text, in a table or
// outside. An address without its second slash is not made a link.
var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "://", ":&#47;/", "\r", " ", "\n", " ",
)

// escapeMarkdown returns the text for GitHub's and GitLab's Markdown, in one line.
func escapeMarkdown(s string) string { return markdownEscapes.Replace(s) }

// markdownCode returns the text as code in a cell of a table, "" for none.
func markdownCode(s string) string {
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return ""
	}
	// A fence is longer than any row of backticks in the text.
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	// A table is cut at its pipes before anything else is read.
	return fence + strings.ReplaceAll(s, "|", `\|`) + fence
}
