package cli

import (
	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/sweep"
)

func newSweep(s Streams) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Remove what killed runs left on this machine",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := cache.Dir()
			if err == nil {
				err = sweep.Sweep(cmd.Context(), sweep.Options{CacheDir: dir, All: all, Log: s.Out})
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
