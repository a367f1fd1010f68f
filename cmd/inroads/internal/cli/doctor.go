package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

func newDoctor(s Streams) *cobra.Command {
	var o harness.Options
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Walk the way to a cluster hop by hop, or look at what this machine has",
		Long: `Walk the way to the cluster of --kubeconfig or --context hop by hop, stop at the
first hop that is broken and say what to do. Without either, look whether this
machine can make a cluster.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != formatTable && format != formatJSON {
				return usage(fmt.Sprintf("no output format %q", format), "there are table and json")
			}
			if !o.Existing() {
				return examineHost(cmd.Context(), s.Out)
			}
			return examineCluster(cmd.Context(), s.Out, probe.Target{Kubeconfig: o.Kubeconfig, Context: o.Context}, format)
		},
	}
	bindCluster(cmd, &o)
	cmd.Flags().StringVarP(&format, "output", "o", formatTable, "table or json")
	return cmd
}

func examineCluster(ctx context.Context, out io.Writer, target probe.Target, format string) error {
	trace := probe.Walk(ctx, target)
	if format == formatJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(trace); err != nil {
			return unable(err, "")
		}
	} else if err := trace.WriteTable(out); err != nil {
		return unable(err, "")
	}
	if _, broken := trace.Broken(); broken {
		return &exitError{code: ExitInconclusive, cause: trace.Summary()}
	}
	return nil
}

// examineHost looks for a container engine without installing or starting one.
func examineHost(ctx context.Context, out io.Writer) error {
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
