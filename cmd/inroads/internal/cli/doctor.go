package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
)

// doctorName is the verb, as its JUnit has it too.
const doctorName = "doctor"

func newDoctor(s Streams) *cobra.Command {
	var o harness.Options
	var sel selection
	var several contextChoice
	var format string
	cmd := &cobra.Command{
		Use:   doctorName,
		Short: "Tell whether a run can go on, or which hop on the way to the cluster is broken",
		Long: `Walk the way to the cluster of --kubeconfig or --context hop by hop, stop at the
first hop that is broken and say what to do. Where the way is whole, look there
for what a run needs: the rights of the selected claims, clocks, certificates and
images, and for what earlier runs left. It changes nothing and takes less than two
seconds. Without a cluster, look whether this machine can make one.

With --contexts or --all-contexts the clusters of several contexts of the kubeconfig
are looked at side by side, and each has a line, with one more for each warning.

Exit codes: 0 a run can go on, 3 the way is broken.`,
		Example: `  inroads doctor                       # can this machine make a cluster?
  inroads doctor --context staging
  inroads doctor --context staging --as system:serviceaccount:ci:inroads
  inroads doctor --kubeconfig k -o json
  inroads doctor --contexts staging,prod
  inroads doctor --all-contexts -o markdown`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := sel.apply(&o); err != nil {
				return err
			}
			contexts, err := several.choose(cmd, &o)
			if err != nil {
				return err
			}
			if err := checkCluster(cmd, o, o.Existing()); err != nil {
				return err
			}
			if err := checkReach(o); err != nil {
				return err
			}
			if !o.Existing() {
				return examineHost(cmd.Context(), s.Out, format)
			}
			if contexts != nil {
				return examineContexts(cmd.Context(), s.Out, o, contexts, format)
			}
			return examineCluster(cmd.Context(), s.Out, o, format)
		},
	}
	sel.bind(cmd, ProfileCore)
	bindCluster(cmd, &o)
	several.bind(cmd, &o)
	bindReach(cmd, &o)
	bindImages(cmd, &o)
	bindOutput(cmd, &format, runFormats)
	bindConfig(cmd)
	return cmd
}

func examineCluster(ctx context.Context, out io.Writer, o harness.Options, format string) error {
	found := harness.Preflight(ctx, o)
	if err := writeFindings(out, format, found); err != nil {
		return unable(err, "")
	}
	if _, broken := found.Broken(); broken {
		return &exitError{code: ExitInconclusive, cause: found.Summary()}
	}
	return nil
}

// writeFindings prints what the preflight saw.
func writeFindings(out io.Writer, format string, found harness.Findings) error {
	switch format {
	case formatTable:
		return found.WriteTable(out)
	case formatJUnit:
		return writeChecks(out, doctorName, checksOf(found))
	case formatMarkdown:
		rows := stepRows(found.Trace)
		for _, f := range found.List {
			rows = append(rows, []string{f.Check, string(f.Severity), "", f.String()})
		}
		writeMarkdownTable(out, []string{"check", "state", "target", "saw"}, rows)
		return nil
	}
	return writeData(out, format, found)
}

// checksOf returns the hops of the way and the findings as checks.
func checksOf(found harness.Findings) []reports.Check {
	checks := reports.ChecksOf(found.Trace)
	for _, f := range found.List {
		checks = append(checks, checkOf(f))
	}
	return checks
}

// checkOf returns the finding as a check. What is in a run's way for some claims, or
// could not be looked at, is neither well nor broken.
func checkOf(f harness.Finding) reports.Check {
	c := reports.Check{Name: f.Check, Verdict: catalog.Proven, Saw: f.Saw, Next: f.Next}
	if f.Severity != harness.Fine {
		c.Verdict, c.Saw = catalog.Skipped, string(f.Severity)+": "+f.String()
	}
	return c
}

// writeChecks prints what a verb has looked at as JUnit XML.
func writeChecks(out io.Writer, verb string, checks []reports.Check) error {
	raw, err := reports.ChecksJUnit(programName+" "+verb, time.Now(), checks)
	if err == nil {
		_, err = out.Write(raw)
	}
	return err
}

// contextFindings are what was seen of one of several contexts.
type contextFindings struct {
	Context string `json:"context"`
	harness.Findings
}

// examineContexts looks at many clusters at a time, and tells of each.
func examineContexts(ctx context.Context, out io.Writer, o harness.Options, contexts []string, format string) error {
	found := make([]contextFindings, len(contexts))
	var looking errgroup.Group
	looking.SetLimit(maxLooks)
	for i, name := range contexts {
		looking.Go(func() error {
			one := o
			one.Context = name
			found[i] = contextFindings{name, harness.Preflight(ctx, one)}
			return nil
		})
	}
	_ = looking.Wait()
	if err := writeContexts(out, format, found); err != nil {
		return unable(err, "")
	}
	var broken []string
	for _, f := range found {
		if _, is := f.Broken(); is {
			broken = append(broken, f.Context)
		}
	}
	if len(broken) > 0 {
		return &exitError{code: ExitInconclusive, cause: fmt.Sprintf("the way is broken in %d of %d contexts: %s", len(broken), len(contexts), strings.Join(broken, ", ")), next: "'inroads doctor --context' walks it hop by hop"}
	}
	return nil
}

// writeContexts prints a row for each context and each warning about it.
func writeContexts(out io.Writer, format string, found []contextFindings) error {
	var rows [][]string
	// What is of this machine is told once.
	machine := harness.Leftovers()
	if machine.Severity == harness.Warning {
		rows = append(rows, []string{"–", string(machine.Severity), "", machine.Check + ": " + machine.String()})
	}
	for _, f := range found {
		state := string(harness.Fine)
		if step, broken := f.Broken(); broken {
			state = string(step.State)
		}
		rows = append(rows, []string{f.Context, state, f.Took.String(), f.Summary()})
		for _, one := range f.List {
			if one.Severity == harness.Warning && one.String() != machine.String() {
				rows = append(rows, []string{f.Context, string(one.Severity), "", one.Check + ": " + one.String()})
			}
		}
	}
	switch format {
	case formatTable:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CONTEXT\tSTATE\tTOOK\tSAW")
		for _, row := range rows {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		return w.Flush()
	case formatMarkdown:
		writeMarkdownTable(out, []string{"context", "state", "took", "saw"}, rows)
		return nil
	case formatJUnit:
		var checks []reports.Check
		for _, f := range found {
			for _, c := range checksOf(f.Findings) {
				c.Name = f.Context + ": " + c.Name
				checks = append(checks, c)
			}
		}
		return writeChecks(out, doctorName, checks)
	}
	return writeData(out, format, found)
}

// hostFinding is one matter of this machine, as doctor prints it.
type hostFinding struct {
	Check string `json:"check"`
	Saw   string `json:"saw"`
}

// examineHost looks for what killed runs left, and for a container engine without
// installing or starting one.
func examineHost(ctx context.Context, out io.Writer, format string) error {
	left := harness.Leftovers()
	found := []hostFinding{{left.Check, left.String()}}
	add := func(saw string) { found = append(found, hostFinding{"engine", saw}) }
	e, there, err := engine.Find(ctx, engine.Options{NoInstall: true})
	switch {
	case err != nil:
		return unable(err, "")
	case !there:
		add("none; 'inroads run' as root on Debian or Ubuntu installs and starts a private one")
	default:
		add(fmt.Sprintf("%s %s, %s", e.Name, e.Version, cmp.Or(strings.TrimSuffix("at "+e.Host, "at "), "as the environment has it")))
		for _, why := range []string{e.Sandbox.NoSysResource, e.Sandbox.CgroupV1} {
			if why != "" {
				add(why)
			}
		}
	}
	if err := writeHost(out, format, found); err != nil {
		return unable(err, "")
	}
	if !there {
		return nil
	}
	return e.Release(context.WithoutCancel(ctx))
}

func writeHost(out io.Writer, format string, found []hostFinding) error {
	switch format {
	case formatTable:
		for _, f := range found {
			fmt.Fprintf(out, "%s: %s\n", f.Check, f.Saw)
		}
		return nil
	case formatJUnit:
		var checks []reports.Check
		for _, f := range found {
			checks = append(checks, reports.Check{Name: f.Check, Verdict: catalog.Proven, Saw: f.Saw})
		}
		return writeChecks(out, "doctor", checks)
	case formatMarkdown:
		var rows [][]string
		for _, f := range found {
			rows = append(rows, []string{f.Check, f.Saw})
		}
		writeMarkdownTable(out, []string{"check", "saw"}, rows)
		return nil
	}
	return writeData(out, format, found)
}
