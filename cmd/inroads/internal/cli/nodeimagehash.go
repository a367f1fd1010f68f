package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

func newNodeImageHash(s Streams) *cobra.Command {
	o := nodeimage.Options{Log: io.Discard}
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "Print the hash of what the node image is built from",
		Long: `Print the hash of all that the node image is built from, whether it is built or
not. Once it is, it is in the folder of that name below nodeimage in the cache
folder, and needs nothing else there: a pipeline keeps that folder under that key.`,
		Example: `  inroads node-image hash
  inroads node-image hash --kubernetes-version 1.36`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			image, _, err := nodeimage.Lookup(cmd.Context(), o)
			if err != nil {
				return unable(err, "")
			}
			fmt.Fprintln(s.Out, image.Hash)
			return nil
		},
	}
	bindVersion(cmd, &o)
	return cmd
}
