package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// The output formats. Each verb that prints data has table, json, yaml and
// markdown; one that judges has junit too, see runFormats.
const (
	formatTable    = "table"
	formatJSON     = "json"
	formatYAML     = "yaml"
	formatMarkdown = "markdown"
	formatJUnit    = "junit"
)

// dataFormats are those of every verb that prints data.
var dataFormats = []string{formatTable, formatJSON, formatYAML, formatMarkdown}

// bindOutput binds --output, which has to be one of the formats when the command
// runs; the first is the default.
func bindOutput(cmd *cobra.Command, format *string, formats []string) {
	cmd.Flags().StringVarP(format, "output", "o", formats[0], strings.Join(formats, ", "))
	complete(cmd, "output", func() []string { return formats })
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(formats, *format) {
			return usage(fmt.Sprintf("no output format %q", *format), "there are "+enumerate(formats))
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
}

// enumerate returns "a, b and c".
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// writeData prints the value as JSON, or as YAML with the same fields.
func writeData(out io.Writer, format string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err == nil && format == formatYAML {
		raw, err = yaml.JSONToYAML(raw)
	}
	if err != nil {
		return unable(fmt.Errorf("writing %s: %w", format, err), "")
	}
	_, err = fmt.Fprintln(out, strings.TrimSuffix(string(raw), "\n"))
	return err
}

// writeMarkdownTable prints the rows below a head.
func writeMarkdownTable(out io.Writer, head []string, rows [][]string) {
	fmt.Fprintln(out, "| "+strings.Join(head, " | ")+" |\n|"+strings.Repeat(" --- |", len(head)))
	for _, row := range rows {
		writeMarkdownRow(out, row)
	}
}
