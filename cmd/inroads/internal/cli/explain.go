package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

func newExplain(s Streams) *cobra.Command {
	var format, artifacts string
	cmd := &cobra.Command{
		Use:   "explain CLAIM|CODE",
		Short: "Tell what a claim says and what would disprove it, why nothing can, or what a code means",
		Example: `  inroads explain kubectl-proxy/api-root
  inroads explain A-TLS-02
  inroads explain aap/dns-name -o yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(fmt.Sprintf("explain takes one claim or code, not %d", len(args)), "'inroads list' prints the claims")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return slices.Concat(claimIDs(), adviceIDs(), codes()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			for _, c := range catalog.Claims() {
				if strings.EqualFold(string(c.ID), args[0]) {
					return writeExplained(s.Out, format, rowOf(c), func(w io.Writer) error { return explain(w, c, artifacts) })
				}
			}
			for _, a := range catalog.Advices() {
				if strings.EqualFold(string(a.ID), args[0]) {
					return writeExplained(s.Out, format, rowOfAdvice(a), func(w io.Writer) error { return explainAdvice(w, a) })
				}
			}
			for _, d := range probe.All() {
				if strings.EqualFold(string(d.Code), args[0]) {
					return writeExplained(s.Out, format, d, func(w io.Writer) error { return explainCode(w, d) })
				}
			}
			return usage(fmt.Sprintf("no claim or code %q", args[0]), suggest(args[0], slices.Concat(claimIDs(), adviceIDs(), codes()))+"'inroads list' prints the claims")
		},
	}
	cmd.Flags().StringVar(&artifacts, "artifacts", harness.DefaultArtifacts, "folder of the reports of the last run, if there are any")
	bindOutput(cmd, &format, dataFormats)
	return cmd
}

// writeExplained prints a value, or as a table and in Markdown what tells of it,
// which writes a name, a tab and a text on each line.
func writeExplained(out io.Writer, format string, value any, tell func(io.Writer) error) error {
	switch format {
	case formatTable:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		return errors.Join(tell(w), w.Flush())
	case formatMarkdown:
		var text strings.Builder
		if err := tell(&text); err != nil {
			return err
		}
		var rows [][]string
		for line := range strings.Lines(text.String()) {
			name, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			rows = append(rows, []string{name, what})
		}
		writeMarkdownTable(out, rows[0], rows[1:])
		return nil
	}
	return writeData(out, format, value)
}

func codes() []string {
	return ids(probe.All(), func(d probe.Diagnosis) string { return string(d.Code) })
}

func explainCode(w io.Writer, d probe.Diagnosis) error {
	fmt.Fprintf(w, "code\t%s\n", d.Code)
	fmt.Fprintf(w, "means\t%s\n", d.Title)
	fmt.Fprintf(w, "hop\t%s\n", cmp.Or(string(d.Hop), "any"))
	fmt.Fprintf(w, "outcome\t%s\n", cmp.Or(string(d.Outcome), "none: the walk could not tell"))
	fmt.Fprintf(w, "next\t%s\n", d.HintFor(""))
	fmt.Fprintf(w, "see\t%s\n", d.Doc)
	head := "given for"
	for _, f := range faultsOf(d.Code) {
		fmt.Fprintf(w, "%s\t%s: %s; it disproves %s\n", head, f.Name, f.How, strings.Join(f.claims, ", "))
		head = ""
	}
	return nil
}

// faultOf is a fault with the claims that name it.
type faultOf struct {
	catalog.Fault
	claims []string
}

// faultsOf returns the faults that give a code, sorted by name.
func faultsOf(code probe.Code) []faultOf {
	var all []faultOf
	for _, c := range catalog.Claims() {
		for _, f := range c.Faults {
			if f.Code != code {
				continue
			}
			i := slices.IndexFunc(all, func(of faultOf) bool { return of.Name == f.Name })
			if i < 0 {
				all = append(all, faultOf{Fault: f})
				i = len(all) - 1
			}
			all[i].claims = append(all[i].claims, string(c.ID))
		}
	}
	slices.SortFunc(all, func(a, b faultOf) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func explain(w io.Writer, c catalog.Claim, artifacts string) error {
	path, err := catalog.LookupPath(c.Path)
	if err != nil {
		return err
	}
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
	fmt.Fprintf(w, "on topology\t%s\n", join(c.On()))
	fmt.Fprintf(w, "takes at most\t%s\n", c.Bound())
	for i, f := range c.Faults {
		head := ""
		if i == 0 {
			head = "disproven by"
		}
		fmt.Fprintf(w, "%s\t%s at hop %s (%s): %s\n", head, f.Name, f.Hop, f.Code, f.How)
	}
	fmt.Fprintf(w, "prove it\tinroads run --claim %s\n", c.ID)
	explainLast(w, c.ID, artifacts)
	return nil
}

// explainLast tells how the claim failed in the last run, if there was one and it
// did, and how to repeat that.
func explainLast(w io.Writer, id catalog.ID, artifacts string) {
	report, err := reports.Load(artifacts)
	if err != nil {
		return
	}
	for _, c := range report.Claims {
		if c.ID == id && c.Script != "" {
			fmt.Fprintf(w, "in the last run\t%s%s: %s\n", c.Verdict, blame(c), firstLine(c.Reason))
			fmt.Fprintf(w, "repeat it\tbash %s\n", shellescape.Quote(filepath.Join(artifacts, c.Script)))
		}
	}
}

func explainAdvice(w io.Writer, a catalog.Advice) error {
	fmt.Fprintf(w, "advice\t%s\n", a.ID)
	fmt.Fprintf(w, "says\t%s\n", a.Sentence)
	fmt.Fprintf(w, "documented\t%s (%s)\n", a.Source.URL(), a.Source.Version)
	fmt.Fprintf(w, "level\t%s\n", a.Level)
	fmt.Fprintf(w, "nothing can prove it\t%s\n", a.Reason)
	return nil
}

func join[T ~string](list []T) string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	return strings.Join(out, ", ")
}
