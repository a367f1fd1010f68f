package fault

import (
	"context"
	"testing"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

func TestHealGoesByTheHealthyWay(t *testing.T) {
	healthy := cluster.Ref{Kubeconfig: "healthy", Context: "healthy"}
	s := &Site{Ref: healthy, healthy: healthy}
	var seen string
	f := Fault{
		Name: "way-changed", Scope: Client,
		Inject: func(_ context.Context, s *Site) error {
			s.Ref.Kubeconfig = "broken"
			return nil
		},
		Heal: func(_ context.Context, s *Site) error {
			seen = s.Ref.Kubeconfig
			return nil
		},
	}
	i, err := Start(t.Context(), nil, f, s)
	if err != nil {
		t.Fatal(err)
	}
	if s.Ref.Kubeconfig != "broken" {
		t.Errorf("after the injection the run is given %q, want the changed one", s.Ref.Kubeconfig)
	}
	if err := i.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen != healthy.Kubeconfig || s.Ref.Kubeconfig != healthy.Kubeconfig {
		t.Errorf("healing went by %q and left %q, want %q", seen, s.Ref.Kubeconfig, healthy.Kubeconfig)
	}
}
