package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/reports"
)

// formatHTML is a format of reports alone.
const formatHTML = "html"

func newReport(s Streams) *cobra.Command {
	return group("report", "Read reports of earlier runs, with no cluster at hand", newReportShow(s), newReportDiff(s))
}

func newReportShow(s Streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show PATH",
		Short: "Print a report in another format",
		Long: `Print the report of an earlier run, of which PATH is the artifacts folder or the
file report.json, in the format of --output. No cluster is asked.

Exit codes: 0 whatever the report says, 3 it could not be read.`,
		Example: `  inroads report show _artifacts
  inroads report show _artifacts -o markdown >> "$GITHUB_STEP_SUMMARY"
  inroads report show old/report.json -o html > old.html`,
		Args:              paths(1, "one report, a run's artifacts folder or its report.json"),
		ValidArgsFunction: completeReports(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := loadReport(args[0])
			if err != nil {
				return err
			}
			return showReport(s.Out, r, format)
		},
	}
	bindOutput(cmd, &format, append(runFormats[:len(runFormats):len(runFormats)], formatHTML))
	return cmd
}

func showReport(out io.Writer, r reports.Report, format string) error {
	var raw []byte
	var err error
	switch format {
	case formatTable:
		return writing(r.WriteTable(out))
	case formatMarkdown:
		raw = []byte(r.Markdown())
	case formatJSON, formatYAML:
		return writing(writeData(out, format, r))
	case formatJUnit:
		raw, err = r.JUnit()
	case formatHTML:
		raw, err = r.HTML()
	}
	if err == nil {
		_, err = out.Write(raw)
	}
	return writing(err)
}

func newReportDiff(s Streams) *cobra.Command {
	var format string
	noise := reports.UsualNoise()
	bound := time.Duration(noise.Bound)
	cmd := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Tell what a run says otherwise than an earlier one",
		Long: `Tell what the report AFTER says otherwise than the report BEFORE, each an artifacts
folder or a report.json. Claims are matched by id, topology, context and kubectl.

A regression is a claim that is disproven and was not, or that was proven and is
not any more: skipped, not applicable or inconclusive. A claim that is gone is
told and is none, for a run may be asked for less.

A proven claim is slower, or faster, where it takes --slower-ratio times as long
and --slower-by more, both: on a busy machine the same claim may take twice as long
from one run to the next. That is told too, and is a regression only with
--fail-on-slower.

Exit codes: 0 no regression, 1 a regression, 3 a report could not be read.`,
		Example: `  inroads report diff before/ after/
  inroads report diff main.json _artifacts -o markdown
  inroads report diff before/ after/ --fail-on-slower --slower-ratio 5 --slower-by 20s`,
		Args:              paths(2, "two reports, the earlier one first"),
		ValidArgsFunction: completeReports(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if noise.Ratio < 1 || bound < 0 {
				return usage(fmt.Sprintf("--slower-ratio is %g and --slower-by %s", noise.Ratio, bound), "give a ratio of 1 or more and a time of 0 or more")
			}
			noise.Bound = reports.Duration(bound)
			before, err := loadReport(args[0])
			if err != nil {
				return err
			}
			after, err := loadReport(args[1])
			if err != nil {
				return err
			}
			d := reports.Compare(before, after, noise)
			if err := showDiff(s.Out, d, format); err != nil {
				return err
			}
			if d.Regressions > 0 {
				return done(ExitDisproven)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.Float64Var(&noise.Ratio, "slower-ratio", noise.Ratio, "how many times as long a slower claim takes, at least")
	f.DurationVar(&bound, "slower-by", bound, "how much longer a slower claim takes, at least")
	f.BoolVar(&noise.Counts, "fail-on-slower", false, "take a slower claim for a regression")
	bindOutput(cmd, &format, dataFormats)
	return cmd
}

func showDiff(out io.Writer, d reports.Diff, format string) error {
	switch format {
	case formatJSON, formatYAML:
		return writing(writeData(out, format, d))
	case formatMarkdown:
		_, err := io.WriteString(out, d.Markdown())
		return writing(err)
	default:
		return writing(d.WriteTable(out))
	}
}

// paths takes as many arguments.
func paths(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Sprintf("%s takes %s, and was given %d arguments", cmd.CommandPath(), what, len(args)), fmt.Sprintf("'%s --help' tells more", cmd.CommandPath()))
		}
		return nil
	}
}

// completeReports completes the names of files and folders, for as many arguments.
func completeReports(n int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
}

func loadReport(path string) (reports.Report, error) {
	r, err := reports.Load(path)
	if err == nil {
		return r, nil
	}
	next := "give the artifacts folder of a run, or its " + reports.JSONFile
	switch {
	case errors.Is(err, reports.ErrNewer):
		next = "read it with a newer inroads"
	case errors.Is(err, reports.ErrCutShort):
		next = "copy it again from where the run wrote it"
	}
	return r, unable(err, next)
}

// writing is the error of what could not be printed.
func writing(err error) error {
	if err == nil {
		return nil
	}
	return unable(err, "")
}
