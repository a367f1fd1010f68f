package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func newExplain(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain CLAIM",
		Short: "Tell what a claim says, where it is documented and what would disprove it",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(fmt.Sprintf("explain takes one claim, not %d", len(args)), "'inroads list' prints them")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return claimIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := known("claim", args[0], claimIDs()); err != nil {
				return err
			}
			c, err := catalog.Lookup(catalog.ID(args[0]))
			if err != nil {
				return err
			}
			return explain(s.Out, c)
		},
	}
}

func explain(out io.Writer, c catalog.Claim) error {
	path, err := catalog.LookupPath(c.Path)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "claim\t%s\n", c.ID)
	fmt.Fprintf(w, "says\t%s\n", c.Sentence)
	fmt.Fprintf(w, "documented\t%s (%s)\n", c.Source.URL(), c.Source.Version)
	if c.Deviation != "" {
		fmt.Fprintf(w, "the page says\t%s\n", c.Deviation)
	}
	fmt.Fprintf(w, "level\t%s\n", c.Level)
	fmt.Fprintf(w, "path\t%s (%s)\n", path.ID, path.Title)
	fmt.Fprintf(w, "hops\t%s\n", join(path.Hops))
	fmt.Fprintf(w, "expected\t%s\n", c.Expect)
	if len(c.Needs) > 0 {
		fmt.Fprintf(w, "needs\t%s\n", join(c.Needs))
	}
	fmt.Fprintf(w, "takes at most\t%s\n", c.Bound())
	for i, f := range c.Faults {
		head := ""
		if i == 0 {
			head = "disproven by"
		}
		fmt.Fprintf(w, "%s\t%s at hop %s: %s\n", head, f.Name, f.Hop, f.How)
	}
	fmt.Fprintf(w, "prove it\tinroads run --claim %s\n", c.ID)
	return w.Flush()
}

func join[T ~string](list []T) string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	return strings.Join(out, ", ")
}
