package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/reports"
)

func newVersion(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of inroads and of the page that it proves",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			doc := reports.AccessingClusters()
			fmt.Fprintf(s.Out, "inroads %s (%s, %s/%s)\n", reports.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			fmt.Fprintf(s.Out, "documentation: %s, %s, commit %s\n", doc.Title, doc.Version, doc.Commit)
			return nil
		},
	}
}
