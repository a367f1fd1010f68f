package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

const (
	// inroadsImage is the name of the image of inroads, which fixtures/incluster
	// runs, and inroadsArchive the file that it is written to.
	inroadsImage   = "inroads.dev/inroads:latest"
	inroadsArchive = "inroads.tar"
)

func newImage(s Streams) *cobra.Command {
	o := nodeimage.Options{Log: s.Out}
	var ref, to string
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Write a container image of this inroads, to run it in a cluster",
		Long: `Write a container image of this very program, with kubectl and the tools that
claims call, to an archive. No container engine takes part. The parts of the node
image that are in it are taken from the cache, or made first.

fixtures/incluster/job.yaml runs the image in a cluster. With --client-image it
serves as the image of pods that call the API, too. The archive is what 'kind load
image-archive', 'docker load' and 'crane push' take.`,
		Example: `  inroads image -o inroads.tar
  inroads image --tag registry.example.com/inroads:1`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err == nil {
				to, err = filepath.Abs(to)
			}
			if err == nil {
				err = nodeimage.WriteInroads(cmd.Context(), o, ref, self, to)
			}
			missing := (*nodeimage.MissingError)(nil)
			switch {
			case cmd.Context().Err() != nil:
				return done(ExitInterrupted)
			case errors.As(err, &missing):
				return unable(errors.New(missing.Missing), missing.Remedy)
			case err != nil:
				return unable(err, "")
			}
			fmt.Fprintf(s.Out, "image %s in %s\n", ref, to)
			return nil
		},
	}
	bindVersion(cmd, &o)
	cmd.Flags().StringVar(&ref, "tag", inroadsImage, "name of the image")
	cmd.Flags().StringVarP(&to, "output", "o", inroadsArchive, "file of the archive")
	_ = cmd.MarkFlagFilename("output")
	return cmd
}
