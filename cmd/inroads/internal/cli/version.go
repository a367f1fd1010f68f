package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/reports"
)

// version is what version prints.
type version struct {
	Version       string                `json:"version"`
	GoVersion     string                `json:"goVersion"`
	Platform      string                `json:"platform"`
	Documentation reports.Documentation `json:"documentation"`
}

func newVersion(s Streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of inroads and of the page that it proves",
		Example: `  inroads version
  inroads version -o json`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version{reports.Version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, reports.AccessingClusters()}
			doc := fmt.Sprintf("%s, %s, commit %s", v.Documentation.Title, v.Documentation.Version, v.Documentation.Commit)
			switch format {
			case formatTable:
				fmt.Fprintf(s.Out, "inroads %s (%s, %s)\n", v.Version, v.GoVersion, v.Platform)
				fmt.Fprintf(s.Out, "documentation: %s\n", doc)
				return nil
			case formatMarkdown:
				writeMarkdownTable(s.Out, []string{"inroads", v.Version}, [][]string{{"built with", v.GoVersion}, {"platform", v.Platform}, {"documentation", doc}})
				return nil
			}
			return writeData(s.Out, format, v)
		},
	}
	bindOutput(cmd, &format, dataFormats)
	return cmd
}
