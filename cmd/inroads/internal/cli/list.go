package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// The formats of list.
const (
	formatTable    = "table"
	formatJSON     = "json"
	formatMarkdown = "markdown"
)

func newList(s Streams) *cobra.Command {
	var sel selection
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the claims that a run proves",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			var o harness.Options
			if err := sel.apply(&o); err != nil {
				return err
			}
			return writeClaims(s.Out, o.Selected(), format)
		},
	}
	sel.bind(cmd)
	formats := []string{formatTable, formatJSON, formatMarkdown}
	cmd.Flags().StringVarP(&format, "output", "o", formatTable, strings.Join(formats, ", "))
	complete(cmd, "output", func() []string { return formats })
	return cmd
}

func writeClaims(out io.Writer, claims []catalog.Claim, format string) error {
	switch format {
	case formatTable:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CLAIM\tLEVEL\tPATH\tEXPECTED\tSENTENCE")
		for _, c := range claims {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.ID, c.Level, c.Path, c.Expect, c.Sentence)
		}
		return w.Flush()
	case formatJSON:
		rows := make([]claimRow, 0, len(claims))
		for _, c := range claims {
			rows = append(rows, rowOf(c))
		}
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	case formatMarkdown:
		fmt.Fprintln(out, "| claim | level | path | expected | sentence |\n| --- | --- | --- | --- | --- |")
		for _, c := range claims {
			fmt.Fprintf(out, "| [`%s`](%s) | %s | %s | %s | %s |\n", c.ID, c.Source.URL(), c.Level, c.Path, c.Expect, strings.ReplaceAll(c.Sentence, "|", "\\|"))
		}
		return nil
	default:
		return usage(fmt.Sprintf("no output format %q", format), "there are table, json and markdown")
	}
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
	Faults    []faultRow        `json:"faults"`
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
		Expect: c.Expect, Deviation: c.Deviation, Needs: c.Needs, Faults: []faultRow{},
	}
	for _, f := range c.Faults {
		row.Faults = append(row.Faults, faultRow(f))
	}
	return row
}
