package kind

import (
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestNothingIsLeftWithoutLoadBalancers(t *testing.T) {
	m := newMachine()
	p, _ := newProvider(t, m, Options{Topology: catalog.TopologyLoadBalancer})
	// The machine's kubeconfig is none.
	_, err := p.Create(t.Context())
	if err == nil || !strings.Contains(err.Error(), "kubeconfig") {
		t.Errorf("got %v, want an error about the kubeconfig", err)
	}
	if m.has("x") || len(entries(t, p)) > 0 {
		t.Errorf("there is still a cluster, or %q in the ledger", entries(t, p))
	}
}
