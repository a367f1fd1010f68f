package cli

import (
	"io"
	"os"

	"github.com/inroads-k8s/inroads/reports"
)

// runFormats are those of what judges; of a run's report, table is the summary in
// words.
var runFormats = append(dataFormats[:len(dataFormats):len(dataFormats)], formatJUnit)

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
		r.screen.hear(r.meta.Context, e)
	}
}

// writeReport prints the report as data, where that was asked for.
func (r *runner) writeReport(report reports.Report) error {
	if r.data == nil {
		return nil
	}
	return showReport(r.data, report, r.format)
}
