package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/harness"
)

func newDoctor(s Streams) *cobra.Command {
	var o harness.Options
	var sel selection
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell whether a run can go on, or which hop on the way to the cluster is broken",
		Long: `Walk the way to the cluster of --kubeconfig or --context hop by hop, stop at the
first hop that is broken and say what to do. Where the way is whole, look there
for what a run needs: the rights of the selected claims, clocks, certificates and
images, and for what earlier runs left. It changes nothing and takes less than two
seconds. Without a cluster, look whether this machine can make one.

Exit codes: 0 a run can go on, 3 the way is broken.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != formatTable && format != formatJSON {
				return usage(fmt.Sprintf("no output format %q", format), "there are table and json")
			}
			if err := sel.apply(&o); err != nil {
				return err
			}
			if err := checkCluster(cmd, o, o.Existing()); err != nil {
				return err
			}
			if !o.Existing() {
				return examineHost(cmd.Context(), s.Out)
			}
			return examineCluster(cmd.Context(), s.Out, o, format)
		},
	}
	sel.bind(cmd, ProfileCore)
	bindCluster(cmd, &o)
	bindImages(cmd, &o)
	cmd.Flags().StringVarP(&format, "output", "o", formatTable, "table or json")
	return cmd
}

func examineCluster(ctx context.Context, out io.Writer, o harness.Options, format string) error {
	found := harness.Preflight(ctx, o)
	if format == formatJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(found); err != nil {
			return unable(err, "")
		}
	} else if err := found.WriteTable(out); err != nil {
		return unable(err, "")
	}
	if _, broken := found.Broken(); broken {
		return &exitError{code: ExitInconclusive, cause: found.Summary()}
	}
	return nil
}

// examineHost looks for what killed runs left, and for a container engine without
// installing or starting one.
func examineHost(ctx context.Context, out io.Writer) error {
	left := harness.Leftovers()
	fmt.Fprintf(out, "%s: %s\n", left.Check, left)
	e, found, err := engine.Find(ctx, engine.Options{NoInstall: true})
	if err != nil {
		return unable(err, "")
	}
	if !found {
		fmt.Fprintln(out, "engine: none; 'inroads run' as root on Debian or Ubuntu installs and starts a private one")
		return nil
	}
	where := "as the environment has it"
	if e.Host != "" {
		where = "at " + e.Host
	}
	fmt.Fprintf(out, "engine: %s %s, %s\n", e.Name, e.Version, where)
	for _, why := range []string{e.Sandbox.NoSysResource, e.Sandbox.CgroupV1} {
		if why != "" {
			fmt.Fprintln(out, "engine: "+why)
		}
	}
	return e.Release(context.WithoutCancel(ctx))
}
