package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

func newNodeImage(s Streams) *cobra.Command {
	return group("node-image", "Build the node image that needs no registry", newNodeImageBuild(s), newNodeImageShow(s), newNodeImageHash(s))
}

func newNodeImageBuild(s Streams) *cobra.Command {
	o := nodeimage.Options{Log: s.Out}
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the node image from source, unless it is there",
		Example: `  inroads node-image build
  inroads node-image build --kubernetes-version 1.36`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			image, err := nodeimage.Build(cmd.Context(), o)
			switch {
			case cmd.Context().Err() != nil:
				return done(ExitInterrupted)
			case err != nil:
				return unable(err, "")
			}
			return writeImage(s.Out, image)
		},
	}
	bindVersion(cmd, &o)
	return cmd
}

func newNodeImageShow(s Streams) *cobra.Command {
	o := nodeimage.Options{Log: io.Discard}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Tell which node image is built",
		Example: `  inroads node-image show
  inroads node-image show --kubernetes-version 1.36`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			image, found, err := nodeimage.Lookup(cmd.Context(), o)
			switch {
			case err != nil:
				return unable(err, "")
			case !found:
				return unable(fmt.Errorf("the node image is not built"), "'inroads node-image build' builds it")
			}
			return writeImage(s.Out, image)
		},
	}
	bindVersion(cmd, &o)
	return cmd
}

func bindVersion(cmd *cobra.Command, o *nodeimage.Options) {
	usage := "version of Kubernetes"
	if known := nodeimage.Versions(); len(known) > 0 {
		usage += ": " + strings.Join(known, ", ")
	}
	cmd.Flags().StringVar(&o.KubernetesVersion, "kubernetes-version", "", usage)
	complete(cmd, "kubernetes-version", nodeimage.Versions)
}

func writeImage(out io.Writer, i nodeimage.Image) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "image\t%s\n", i.Ref)
	fmt.Fprintf(w, "kubernetes\t%s\n", i.KubernetesVersion)
	fmt.Fprintf(w, "archive\t%s (%d MB)\n", i.Archive, i.Bytes/1e6)
	fmt.Fprintf(w, "kubectl\t%s\n", i.Kubectl)
	fmt.Fprintf(w, "pod images\t%s %s\n", i.ServerImage, i.ClientImage)
	return w.Flush()
}
