package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/inroads-k8s/inroads/reports"
)

// runFormats are those of a run's report; table is the summary in words.
var runFormats = append(append([]string{}, dataFormats...), formatJUnit)

// presentation is how a run shows itself. The zero value prints lines.
type presentation struct {
	format string
	quiet  bool
	// data is where the report goes where it is printed as data, nil where it is not.
	data io.Writer
	// screen shows the progress as a table; nil prints lines.
	screen *screen
}

// present chooses where progress, summary and report go: a report that is printed
// as data has standard output to itself.
func (r *runner) present(quiet bool) {
	r.quiet = quiet
	if r.format != "" && r.format != formatTable {
		r.data, r.streams.Out = r.streams.Out, r.streams.Err
	}
	if !quiet && !r.verbose {
		r.screen = newScreen(r.streams.Out, os.Getenv)
	}
}

// talk is where progress goes.
func (r *runner) talk() io.Writer {
	switch {
	case r.quiet:
		return io.Discard
	case r.screen != nil:
		return r.screen
	}
	return r.streams.Out
}

// summaryTo is where the summary goes.
func (r *runner) summaryTo() io.Writer {
	if r.quiet && r.data != nil {
		return io.Discard
	}
	return r.streams.Out
}

// began hears that the spec of a claim begins.
func (r *runner) began(e reports.Event) {
	if r.screen != nil {
		r.screen.hear(e)
	}
}

// writeReport prints the report as data, where that was asked for.
func (r *runner) writeReport(report reports.Report) error {
	if r.data == nil {
		return nil
	}
	switch r.format {
	case formatJUnit:
		return showReport(r.data, report, r.format)
	case formatMarkdown:
		var rows [][]string
		for _, c := range report.Claims {
			why := firstLine(c.Reason)
			if c.Deviates {
				why = "documentation deviates: " + oneLine(c.Deviation)
			}
			rows = append(rows, []string{"`" + c.Name() + "`", string(c.Verdict), strings.TrimSpace(string(c.Hop) + " " + c.Code), c.Duration.String(), why})
		}
		s := report.Summary
		fmt.Fprintf(r.data, "%d of %d claims proven, %d disproven, %d inconclusive, %d skipped, %d not applicable; the report is %s.\n\n", s.Proven, s.Total(), s.Disproven, s.Inconclusive, s.Skipped, s.NotApplicable, report.Result)
		writeMarkdownTable(r.data, []string{"claim", "verdict", "blamed", "took", "why"}, rows)
		return nil
	}
	return writeData(r.data, r.format, report)
}
