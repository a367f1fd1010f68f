package cli

import (
	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/sweep"
	"github.com/inroads-k8s/inroads/framework/fault"
)

func newSweep(s Streams) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Remove what killed runs left on this machine, and heal what they broke",
		Long: `Remove what killed runs left: clusters, networks, files and the private container
engine of this machine, and the namespaces that they made in a cluster that stays, or
their objects in the one of --namespace. Faults that were in place in such a cluster,
because it is kept or because inroads did not make it, are healed.`,
		Example: `  inroads sweep
  inroads sweep --all    # kept clusters too`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := cache.Dir()
			if err == nil {
				err = sweep.Sweep(cmd.Context(), sweep.Options{CacheDir: dir, All: all, Heal: fault.HealEntry, Log: s.Out})
			}
			if err != nil {
				return unable(err, "")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also remove clusters that are kept, and give up what is in clusters that do not answer")
	return cmd
}
