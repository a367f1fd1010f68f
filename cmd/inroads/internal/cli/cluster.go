package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/harness"
)

func newCluster(s Streams) *cobra.Command {
	return group("cluster", "Make, list and remove clusters with kind", newClusterUp(s), newClusterDown(s), newClusterList(s))
}

func newClusterUp(s Streams) *cobra.Command {
	o := harness.Options{Keep: true}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Make the cluster that a run makes, and keep it",
		Example: `  inroads cluster up
  inroads cluster up --name old --kubernetes-version 1.36
  inroads cluster up --name ha --topology ha`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			_, release, err := harness.Provision(ctx, o, s.Out)
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
			defer cancel()
			left := release(clean)
			switch {
			case ctx.Err() != nil && left == nil:
				return done(ExitInterrupted)
			case errors.Join(err, left) != nil:
				return unable(errors.Join(err, left), "'inroads sweep' removes what is left")
			}
			return nil
		},
	}
	bindKind(cmd, &o)
	return cmd
}

func newClusterDown(s Streams) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove a cluster that inroads made",
		Example: `  inroads cluster down
  inroads cluster down --name ha`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := cache.Dir()
			if err == nil {
				err = kind.Down(cmd.Context(), dir, name, s.Out)
			}
			if err != nil {
				return unable(err, "")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", harness.DefaultClusterName, "name of the cluster")
	complete(cmd, "name", clusterNames)
	return cmd
}

func newClusterList(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Print the clusters that inroads made",
		Example: `  inroads cluster list`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := cache.Dir()
			if err != nil {
				return unable(err, "")
			}
			clusters, err := kind.List(cmd.Context(), dir)
			w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSTATE\tKUBERNETES\tNODES\tRUNNING\tCREATED\tKUBECONFIG")
			for _, c := range clusters {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", c.Name, c.State, c.KubernetesVersion, len(c.Nodes), c.Running, c.Created.Format(time.RFC3339), c.Kubeconfig)
			}
			if err := errors.Join(err, w.Flush()); err != nil {
				return unable(err, "")
			}
			return nil
		},
	}
}

// clusterNames returns the names of the clusters that inroads made, as far as the
// ledger knows them. It asks no engine, since it is for completion.
func clusterNames() (names []string) {
	for _, e := range noted() {
		if e.Kind == ledger.Cluster {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
