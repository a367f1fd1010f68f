package probe_test

import (
	"reflect"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/probe"
)

func twoOfEach() *clientcmdapi.Config {
	return &clientcmdapi.Config{
		CurrentContext: "one",
		Contexts:       map[string]*clientcmdapi.Context{"one": {Cluster: "c1", AuthInfo: "u1"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"c1": {Server: "https://127.0.0.1:1"}, "c2": {Server: "https://127.0.0.1:2"}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u1": {Token: "1"}, "u2": {Token: "2", Impersonate: "stored", ImpersonateGroups: []string{"stored"}}},
	}
}

// TestOverrides holds the two forms of the overrides against each other: that of
// kubectl, and the one that changes a kubeconfig.
func TestOverrides(t *testing.T) {
	all := probe.Overrides{Cluster: "c2", User: "u2", As: "jane", AsUID: "7", AsGroups: []string{"a", "b"}, RequestTimeout: time.Minute}
	for name, o := range map[string]probe.Overrides{
		"none": {}, "cluster": {Cluster: "c2"}, "user": {User: "u2"}, "as": {As: "jane"}, "groups": {User: "u2", As: "jane", AsGroups: []string{"x"}}, "all": all,
	} {
		t.Run(name, func(t *testing.T) {
			kubectls, err := clientcmd.NewNonInteractiveClientConfig(*twoOfEach(), "one", o.ClientConfig("one"), nil).ClientConfig()
			if err != nil {
				t.Fatal(err)
			}
			changed := twoOfEach()
			o.Apply(changed, "one")
			ours, err := clientcmd.NewDefaultClientConfig(*changed, &clientcmd.ConfigOverrides{}).ClientConfig()
			if err != nil {
				t.Fatal(err)
			}
			if ours.Host != kubectls.Host || ours.BearerToken != kubectls.BearerToken || !reflect.DeepEqual(ours.Impersonate, kubectls.Impersonate) {
				t.Errorf("got %s %s %+v, want %s %s %+v", ours.Host, ours.BearerToken, ours.Impersonate, kubectls.Host, kubectls.BearerToken, kubectls.Impersonate)
			}
			if kubectls.Timeout != o.RequestTimeout {
				t.Errorf("timeout %s, want %s", kubectls.Timeout, o.RequestTimeout)
			}
			if o.IsZero() != (name == "none") {
				t.Errorf("IsZero is %v", o.IsZero())
			}
		})
	}
}

// TestOverridesOfNothing proves that what is not there stays so.
func TestOverridesOfNothing(t *testing.T) {
	config := twoOfEach()
	probe.Overrides{As: "jane"}.Apply(config, "none")
	probe.Overrides{User: "none", As: "jane"}.Apply(config, "one")
	if config.Contexts["one"].AuthInfo != "none" || config.AuthInfos["none"] != nil || len(config.Contexts) != 1 {
		t.Errorf("changed to %+v, %+v", config.Contexts, config.AuthInfos)
	}
}
