package fault

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// kubeconfigName is the name of the kubeconfig that a fault writes, below the
// site's folder.
const kubeconfigName = "kubeconfig"

// kubeconfig returns what the run is given, to be changed.
func (s *Site) kubeconfig() (access.Kubeconfig, error) {
	return access.LoadKubeconfig(s.Ref.Kubeconfig, s.Ref.Context)
}

// hand gives the run a kubeconfig and its current context.
func (s *Site) hand(k access.Kubeconfig) error {
	path := filepath.Join(s.Dir, kubeconfigName)
	if err := k.Write(path); err != nil {
		return err
	}
	s.Ref.Kubeconfig, s.Ref.Context = path, k.Context()
	return nil
}

// edited gives the run a changed copy of its kubeconfig.
func edited(change func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error)) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		k, err := s.kubeconfig()
		if err != nil {
			return err
		}
		if k, err = change(ctx, s, k); err != nil {
			return err
		}
		return s.hand(k)
	}
}

// walk goes the way that the run is given.
func (s *Site) walk(ctx context.Context) probe.Trace {
	return probe.Walk(ctx, probe.Target{Kubeconfig: s.Ref.Kubeconfig, Context: s.Ref.Context, Overrides: s.Ref.Overrides})
}

// stopsAt returns nil once the way that the run is given ends at the hop.
func stopsAt(hop catalog.Hop) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		step, broken := s.walk(ctx).Broken()
		switch {
		case !broken:
			return fmt.Errorf("the way leads to the API server and should end at %s", hop)
		case step.Hop != hop:
			return fmt.Errorf("the way ends at %s (%s) and should at %s: %w", step.Hop, step.Code, hop, step.Err)
		}
		return nil
	}
}

// whole returns nil if the way that the run is given leads to the API server:
// for faults that break something beyond it.
func whole(ctx context.Context, s *Site) error { return s.walk(ctx).Err() }
