package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/harness"
)

// allowClusterScoped is what --allow takes.
const allowClusterScoped = "cluster-scoped"

// bindReach binds the flags that say what a run may create in a cluster that
// someone set up.
func bindReach(cmd *cobra.Command, o *harness.Options) {
	f := cmd.Flags()
	f.StringVar(&o.Namespace, "namespace", "", "a namespace that is there, to run in, which stays (default one that the run makes)")
	f.Var(allowance{&o.ClusterScoped}, "allow", "cluster-scoped: a namespace for each spec, and the claims that need more than one")
	f.BoolVar(&o.NoPods, "no-pods", false, "start no pods; the claims that need some are not applicable")
	complete(cmd, "allow", func() []string { return []string{allowClusterScoped} })
}

// checkReach finds flags of bindReach that are for another cluster.
func checkReach(o harness.Options) error {
	if o.Existing() {
		return checkPullSecret(o)
	}
	const cause, next = "--%s is of a cluster that is there, and none is named", "name yours with --kubeconfig or --context"
	switch {
	case o.Namespace != "":
		return usage(fmt.Sprintf(cause, "namespace"), next)
	case o.ImageRegistry != "":
		return usage(fmt.Sprintf(cause, "image-registry"), next)
	case o.ImagePullSecret != "":
		return usage(fmt.Sprintf(cause, "image-pull-secret"), next)
	case o.ClusterScoped:
		return usage(fmt.Sprintf(cause, "allow"), next)
	}
	return nil
}

// checkPullSecret finds a Secret of which nobody knows in which namespace it is.
func checkPullSecret(o harness.Options) error {
	namespace, name, qualified := strings.Cut(o.ImagePullSecret, "/")
	switch {
	case o.ImagePullSecret == "":
	case qualified && (namespace == "" || name == "" || strings.Contains(name, "/")):
		return usage(fmt.Sprintf("--image-pull-secret is %q and not NAME or NAMESPACE/NAME", o.ImagePullSecret), "'kubectl get secrets --all-namespaces' lists them")
	case qualified && o.Namespace != "" && namespace != o.Namespace:
		return usage(fmt.Sprintf("--image-pull-secret is in namespace %q, and pods of --namespace %q cannot use it", namespace, o.Namespace), "put a copy of it there")
	case !qualified && (o.Namespace == "" || o.ClusterScoped):
		return usage("--image-pull-secret names no namespace, and the run makes its own", "give NAMESPACE/NAME, of which it makes copies")
	}
	return nil
}

// allowance is the value of --allow.
type allowance struct{ clusterScoped *bool }

func (a allowance) String() string {
	if a.clusterScoped != nil && *a.clusterScoped {
		return allowClusterScoped
	}
	return ""
}

func (allowance) Type() string { return "strings" }

func (a allowance) Set(value string) error {
	for v := range strings.SplitSeq(value, ",") {
		if !slices.Contains([]string{allowClusterScoped}, v) {
			return fmt.Errorf("there is %s", allowClusterScoped)
		}
		*a.clusterScoped = true
	}
	return nil
}
