package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
)

func newList(s Streams) *cobra.Command {
	var sel selection
	var format, artifacts string
	var adviceAlone bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the claims that a run proves",
		Long: `Print the claims that a run proves. In Markdown and JSON each comes with what it
needs: features of the cluster or the machine, rights of the user, and the faults
that must turn it red. Where no claim or path is chosen, the sentences of the
documentation that nothing can prove come after them, each with the reason. JSON
has the claims alone, or with --advice those sentences alone.`,
		Example: `  inroads list
  inroads list -o markdown --report _artifacts   # with the verdicts of the last run
  inroads list -o json --claim aap/dns-name
  inroads list -o json --advice`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			var o harness.Options
			if err := sel.apply(&o); err != nil {
				return err
			}
			verdicts, err := verdictsOf(artifacts)
			if err != nil {
				return unable(err, "give the folder of a run's reports with --report")
			}
			if adviceAlone {
				return writeAdvice(s.Out, sel.advices(), format)
			}
			if err := writeClaims(s.Out, o.Selected(), format, verdicts); err != nil || format == formatJSON || format == formatYAML || len(sel.advices()) == 0 {
				return err
			}
			if format == formatMarkdown {
				fmt.Fprintf(s.Out, "\n## %s\n\n", adviceTitle)
			} else {
				fmt.Fprintf(s.Out, "\n%s\n", adviceTitle)
			}
			return writeAdvice(s.Out, sel.advices(), format)
		},
	}
	sel.bind(cmd, ProfilePage)
	cmd.Flags().StringVar(&artifacts, "report", "", "folder of the reports of a run, to print its verdicts too")
	_ = cmd.MarkFlagDirname("report")
	cmd.Flags().BoolVar(&adviceAlone, "advice", false, "print the sentences that nothing can prove, and no claims")
	bindOutput(cmd, &format, dataFormats)
	bindConfig(cmd)
	return cmd
}

// column is what a run said of the claims on one topology or in one context, and with
// one kubectl.
type column struct {
	// name is "verdict" where there is one column, and head what is over it.
	name     string
	head     string
	verdicts map[catalog.ID]catalog.Verdict
}

// verdictsOf returns what a run said of each claim, nil without a folder.
func verdictsOf(artifacts string) ([]column, error) {
	if artifacts == "" {
		return nil, nil
	}
	report, err := reports.Load(artifacts)
	if err != nil {
		return nil, err
	}
	columns := []column{}
	for _, c := range report.Claims {
		name := strings.Join(slices.DeleteFunc([]string{string(c.Topology), c.Context, c.Kubectl}, func(s string) bool { return s == "" }), " ")
		i := slices.IndexFunc(columns, func(of column) bool { return of.name == name })
		if i < 0 {
			i = len(columns)
			head := name
			if c.Context == "" {
				head = strings.ToUpper(name)
			}
			columns = append(columns, column{name, head, map[catalog.ID]catalog.Verdict{}})
		}
		columns[i].verdicts[c.ID] = c.Verdict
	}
	if len(columns) == 1 {
		columns[0].name, columns[0].head = "verdict", "VERDICT"
	}
	return columns, nil
}

// adviceTitle is over the sentences that are no claims.
const adviceTitle = "Advice that nothing can prove"

// writeClaims prints the claims and what a run said of each, in as many columns.
func writeClaims(out io.Writer, claims []catalog.Claim, format string, columns []column) error {
	switch format {
	case formatTable:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		head := []string{"CLAIM", "LEVEL", "PATH", "EXPECTED", "SENTENCE"}
		for i, of := range columns {
			head = slices.Insert(head, 1+i, of.head)
		}
		fmt.Fprintln(w, strings.Join(head, "\t"))
		for _, c := range claims {
			row := []string{string(c.ID), string(c.Level), string(c.Path), string(c.Expect), c.Sentence}
			for i, of := range columns {
				row = slices.Insert(row, 1+i, of.of(c))
			}
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		return w.Flush()
	case formatJSON, formatYAML:
		rows := make([]claimRow, 0, len(claims))
		for _, c := range claims {
			row := rowOf(c)
			for _, of := range columns {
				if v := of.verdicts[c.ID]; v != "" {
					row.Verdicts = append(row.Verdicts, verdictRow{of.name, v})
				}
			}
			rows = append(rows, row)
		}
		return writeData(out, format, rows)
	case formatMarkdown:
		writeMarkdown(out, claims, columns)
	}
	return nil
}

// writeAdvice prints the advice.
func writeAdvice(out io.Writer, advices []catalog.Advice, format string) error {
	switch format {
	case formatTable:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ADVICE\tLEVEL\tSENTENCE\tREASON")
		for _, a := range advices {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.ID, a.Level, a.Sentence, a.Reason)
		}
		return w.Flush()
	case formatJSON, formatYAML:
		rows := make([]adviceRow, 0, len(advices))
		for _, a := range advices {
			rows = append(rows, rowOfAdvice(a))
		}
		return writeData(out, format, rows)
	case formatMarkdown:
		fmt.Fprintln(out, "| advice | level | says | reason |\n| --- | --- | --- | --- |")
		for _, a := range advices {
			writeMarkdownRow(out, []string{fmt.Sprintf("[`%s`](%s)", a.ID, a.Source.URL()), string(a.Level), a.Sentence, a.Reason})
		}
	}
	return nil
}

// of is what the run said of the claim, in words.
func (of column) of(c catalog.Claim) string {
	return cmp.Or(string(of.verdicts[c.ID]), "–")
}

func writeMarkdown(out io.Writer, claims []catalog.Claim, columns []column) {
	head := []string{"claim", "level", "path", "says", "needs", "rights of the user", "disproven by"}
	for _, of := range columns {
		head = append(head, of.name)
	}
	fmt.Fprintln(out, "| "+strings.Join(head, " | ")+" |\n|"+strings.Repeat(" --- |", len(head)))
	for _, c := range claims {
		says := c.Sentence
		if c.Deviation != "" {
			says += ". *The documentation deviates: " + c.Deviation + ".*"
		}
		var rights, faults []string
		for _, r := range catalog.RightsOf([]catalog.Claim{c}) {
			rights = append(rights, r.String())
		}
		for _, f := range c.Faults {
			faults = append(faults, fmt.Sprintf("%s (%s)", f.Name, f.Code))
		}
		row := []string{
			fmt.Sprintf("[`%s`](%s)", c.ID, c.Source.URL()), string(c.Level), string(c.Path), says,
			cmp.Or(join(needsOf(c)), "–"), cmp.Or(strings.Join(rights, ", "), "–"), strings.Join(faults, ", "),
		}
		for _, of := range columns {
			row = append(row, of.of(c))
		}
		writeMarkdownRow(out, row)
	}
}

// needsOf returns what the claim needs, with the topologies that it names.
func needsOf(c catalog.Claim) (needs []string) {
	for _, f := range c.Needs {
		needs = append(needs, string(f))
	}
	if len(c.Topologies) > 0 {
		needs = append(needs, "topology "+strings.ReplaceAll(join(c.Topologies), ", ", " or "))
	}
	return needs
}

func writeMarkdownRow(out io.Writer, row []string) {
	for i := range row {
		row[i] = strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(row[i])
	}
	fmt.Fprintln(out, "| "+strings.Join(row, " | ")+" |")
}

// claimRow is a claim as list prints it in JSON.
type claimRow struct {
	ID        catalog.ID        `json:"id"`
	Path      catalog.PathID    `json:"path"`
	Level     catalog.Level     `json:"level"`
	Sentence  string            `json:"sentence"`
	Source    string            `json:"source"`
	Expect    catalog.Outcome   `json:"expect"`
	Deviation string            `json:"deviation,omitempty"`
	Needs     []catalog.Feature `json:"needs,omitempty"`
	Labels    []string          `json:"labels"`
	// Topologies are those of the clusters that it is proven on.
	Topologies []catalog.Topology `json:"topologies"`
	// Rights are what the user must be allowed to do, in words.
	Rights []string   `json:"rights,omitempty"`
	Faults []faultRow `json:"faults"`
	// Verdicts are what the run of --report said.
	Verdicts []verdictRow `json:"verdicts,omitempty"`
}

type verdictRow struct {
	// Of is the topology, the context and the kubectl, where the run had several.
	Of      string          `json:"of"`
	Verdict catalog.Verdict `json:"verdict"`
}

// adviceRow is an advice as list prints it in JSON.
type adviceRow struct {
	ID       catalog.ID    `json:"id"`
	Level    catalog.Level `json:"level"`
	Sentence string        `json:"sentence"`
	Source   string        `json:"source"`
	Reason   string        `json:"reason"`
}

func rowOfAdvice(a catalog.Advice) adviceRow {
	return adviceRow{ID: a.ID, Level: a.Level, Sentence: a.Sentence, Source: a.Source.URL(), Reason: a.Reason}
}

type faultRow struct {
	Name string       `json:"name"`
	Hop  catalog.Hop  `json:"hop"`
	Code catalog.Code `json:"code"`
	How  string       `json:"how"`
}

func rowOf(c catalog.Claim) claimRow {
	row := claimRow{
		ID: c.ID, Path: c.Path, Level: c.Level, Sentence: c.Sentence, Source: c.Source.URL(),
		Expect: c.Expect, Deviation: c.Deviation, Needs: c.Needs, Labels: c.Labels(), Topologies: c.On(), Faults: []faultRow{},
	}
	for _, r := range catalog.RightsOf([]catalog.Claim{c}) {
		row.Rights = append(row.Rights, r.String())
	}
	for _, f := range c.Faults {
		row.Faults = append(row.Faults, faultRow(f))
	}
	return row
}
