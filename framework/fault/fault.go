// Package fault breaks a cluster, or the way to one, at one hop, and heals it
// again. The fault matrix is made of it: a claim earns its place when a fault
// turns it red, the right hop is blamed, and it is green again after healing.
package fault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Scope is how far a fault reaches.
type Scope string

const (
	// Client faults change nothing but what one run is given: its kubeconfig,
	// its programs, its environment. Any number can be in place at once.
	Client Scope = "client"
	// Cluster faults change the cluster for everybody. One at a time.
	Cluster Scope = "cluster"
)

// Need is what a fault needs of the cluster beyond the rights of its kubeconfig.
type Need string

const (
	// Nodes means that the nodes are containers that can be entered.
	Nodes Need = "nodes"
	// Worker means a node that is no control plane.
	Worker Need = "worker"
	// Balancer means that inroads itself has put a load balancer before several API
	// servers.
	Balancer Need = "apiserver-balancer"
	// AdmissionPolicies means MutatingAdmissionPolicy, of Kubernetes 1.36.
	AdmissionPolicies Need = "admission-policies"
	// AnonymousConfigured means that the API server was told which anonymous
	// requests to take, and AnonymousByDefault that it was not.
	AnonymousConfigured Need = "anonymous-configured"
	AnonymousByDefault  Need = "anonymous-by-default"
	// AuditLog means that the API server writes one.
	AuditLog Need = "audit-log"
	// LoadBalancers means that inroads has added a provider of load balancers, and
	// NoLoadBalancers that it has not.
	LoadBalancers   Need = "load-balancers"
	NoLoadBalancers Need = "no-load-balancers"
	// Browser means that this machine has the browser that is to be broken.
	Browser Need = "browser"
	// Python, Node and Go mean that this machine has the program whose client of
	// the API is to be broken.
	Python Need = "python"
	Node   Need = "node"
	Go     Need = "go"
	// Venv means that it has a Python that makes virtual environments.
	Venv Need = "venv"
)

// Fault is one reversible way to break one hop.
type Fault struct {
	// Name is the stable name, by which the catalogue's claims name it.
	Name string
	// Hop is the hop that breaks.
	Hop   catalog.Hop
	Scope Scope
	Needs []Need
	// Way is whether the way to the API server itself is broken by it, so that
	// a walk of it must stop at Hop.
	Way bool
	// Spares are claims that must stay proven while the fault is in place.
	Spares []catalog.ID
	// Inject breaks the site. After an error Heal is called all the same.
	Inject func(ctx context.Context, s *Site) error
	// Took returns nil once the fault has taken hold, and else what is still
	// whole. Nil means that it has as soon as Inject returns.
	Took func(ctx context.Context, s *Site) error
	// Heal undoes Inject. It knows nothing but the site: what it has to know,
	// Inject has left at the place that it broke, since Heal may be called by
	// another process after this one was killed. It works from any state, also
	// where nothing is broken. Nil for a Client fault, whose files and servers
	// go with the site.
	Heal func(ctx context.Context, s *Site) error
	// Healed returns nil once nothing of the fault is left, and else what is.
	Healed func(ctx context.Context, s *Site) error
	// TakeTime and HealTime bound Inject with Took, and Heal with Healed. Zero
	// means DefaultTakeTime and DefaultHealTime.
	TakeTime, HealTime time.Duration
}

const (
	// DefaultTakeTime bounds a fault's taking hold.
	DefaultTakeTime = 60 * time.Second
	// DefaultHealTime bounds a fault's healing.
	DefaultHealTime = 3 * time.Minute
)

// All returns every fault, sorted by name.
func All() []Fault {
	all := slices.Concat(
		toolFaults, kubeconfigFaults, tokenFaults, frontFaults, plainFaults, rbacFaults, policyFaults, dnsFaults, controlPlaneFaults,
		nodeFaults, serviceFaults, backendFaults, bastionFaults, anonymousFaults, auditFaults, setUpFaults, localhostFaults, versionFaults,
		serverBalancerFaults, serviceBalancerFaults,
	)
	slices.SortFunc(all, func(a, b Fault) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the fault of the given name.
func Lookup(name string) (Fault, error) {
	all := All()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, fmt.Errorf("looking up fault %q: no such fault; 'inroads faults --list' prints them", name)
	}
	return all[i], nil
}

// Claims returns the claims that name the fault, sorted by id.
func (f Fault) Claims() []catalog.Claim {
	return slices.DeleteFunc(catalog.Claims(), func(c catalog.Claim) bool {
		return !slices.ContainsFunc(c.Faults, func(of catalog.Fault) bool { return of.Name == f.Name })
	})
}

// Missing returns why the fault cannot be injected at the site, or "".
func (f Fault) Missing(ctx context.Context, s *Site) string {
	for _, n := range f.Needs {
		if why := s.missing(ctx, n); why != "" {
			return fmt.Sprintf("needs %s: %s", n, why)
		}
	}
	return ""
}
