package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/inroads-k8s/inroads/framework/harness"
)

// bindCluster binds the flags that choose an existing cluster and say who asks
// it, with the names and the meanings that they have in kubectl.
func bindCluster(cmd *cobra.Command, o *harness.Options) {
	f := cmd.Flags()
	f.StringVar(&o.Kubeconfig, clientcmd.RecommendedConfigPathFlag, "", "kubeconfig of an existing cluster")
	f.StringVar(&o.Context, clientcmd.FlagContext, "", "context of an existing cluster")
	f.StringVar(&o.Overrides.Cluster, clientcmd.FlagClusterName, "", "the kubeconfig's cluster to use (default the context's)")
	f.StringVar(&o.Overrides.User, clientcmd.FlagAuthInfoName, "", "the kubeconfig's user to use (default the context's)")
	f.StringVar(&o.Overrides.As, clientcmd.FlagImpersonate, "", "user to impersonate; it may be a service account, as system:serviceaccount:NAMESPACE:NAME")
	f.StringArrayVar(&o.Overrides.AsGroups, clientcmd.FlagImpersonateGroup, nil, "group to impersonate; may be repeated")
	f.StringVar(&o.Overrides.AsUID, clientcmd.FlagImpersonateUID, "", "UID to impersonate")
	f.Var((*requestTimeout)(&o.Overrides.RequestTimeout), clientcmd.FlagTimeout, "how long to wait for the answer to each of inroads' own requests (1s, 2m); 0 sets no bound")
	_ = cmd.MarkFlagFilename(clientcmd.RecommendedConfigPathFlag)
	complete(cmd, clientcmd.FlagContext, func() []string { return contexts(o.Kubeconfig) })
}

// overrideFlags change what a kubeconfig says, and need one that was chosen.
var overrideFlags = []string{
	clientcmd.FlagClusterName, clientcmd.FlagAuthInfoName, clientcmd.FlagImpersonate, clientcmd.FlagImpersonateGroup,
	clientcmd.FlagImpersonateUID, clientcmd.FlagTimeout,
}

// checkCluster finds what contradicts itself among the flags of bindCluster.
// Without a cluster there is nothing for them to change, unless the command has a
// cluster of its own accord.
func checkCluster(cmd *cobra.Command, o harness.Options, chosen bool) error {
	for _, name := range overrideFlags {
		if cmd.Flags().Changed(name) && !chosen {
			return usage(fmt.Sprintf("--%s is of a cluster that is there", name), "give --kubeconfig or --context too")
		}
	}
	if o.Overrides.As == "" && (len(o.Overrides.AsGroups) > 0 || o.Overrides.AsUID != "") {
		return usage("--as-group and --as-uid are of a user who is impersonated", "give --as too")
	}
	return nil
}

// requestTimeout is a flag's value as kubectl reads it: a duration, or a whole
// number of seconds.
type requestTimeout time.Duration

var _ pflag.Value = (*requestTimeout)(nil)

// String returns it as it is set.
func (t *requestTimeout) String() string {
	if *t == 0 {
		return "0"
	}
	return time.Duration(*t).String()
}

// Set reads it.
func (t *requestTimeout) Set(text string) error {
	d, err := clientcmd.ParseTimeout(text)
	if err != nil || d < 0 {
		return fmt.Errorf("not a duration such as 10s")
	}
	*t = requestTimeout(d)
	return nil
}

// Type names the value in the help.
func (t *requestTimeout) Type() string { return "duration" }

// contexts returns the names of the contexts in the kubeconfig, sorted; "" means
// what kubectl would read. It is for completion: what cannot be read has none.
func contexts(kubeconfig string) []string {
	_, names, err := loadContexts(kubeconfig)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.ContainsAny(name, "\n\t") })
}

// kubectlFlags are the flags that give kubectl the same context and caller. The
// bound on requests is of inroads' own alone: kubectl proxy takes none.
func kubectlFlags(o harness.Options) (flags []string) {
	give := func(name, value string) {
		if value != "" {
			flags = append(flags, "--"+name+"="+value)
		}
	}
	give(clientcmd.FlagContext, o.Context)
	give(clientcmd.FlagClusterName, o.Overrides.Cluster)
	give(clientcmd.FlagAuthInfoName, o.Overrides.User)
	give(clientcmd.FlagImpersonate, o.Overrides.As)
	give(clientcmd.FlagImpersonateUID, o.Overrides.AsUID)
	for _, group := range o.Overrides.AsGroups {
		give(clientcmd.FlagImpersonateGroup, group)
	}
	return flags
}
