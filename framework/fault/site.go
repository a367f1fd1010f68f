package fault

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

// Site is a cluster and the way to it, to be broken.
type Site struct {
	// Ref is the cluster as a run is given it. A fault may change it; healing
	// makes it the healthy one again.
	Ref cluster.Ref
	// Env is added to the environment of the run, each entry "NAME=value".
	Env []string
	// Dir is a folder, mode 0700, for what the fault has on disk. It goes with
	// the site.
	Dir string
	// Config and Client are the healthy way to the cluster.
	Config *rest.Config
	Client kubernetes.Interface
	// Log gets a line per event, nil for none.
	Log io.Writer

	// healthy is Ref as it was before any fault.
	healthy cluster.Ref
	undo    []func()
}

// NewSite returns the site of a healthy cluster. Dir may be empty for healing.
func NewSite(ref cluster.Ref, dir string, log io.Writer) (*Site, error) {
	config, err := ref.RESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for %q: %w", config.Host, err)
	}
	if log == nil {
		log = io.Discard
	}
	return &Site{Ref: ref, Dir: dir, Config: config, Client: client, Log: log, healthy: ref}, nil
}

// Defer has f called when the site is closed, last first: for the servers of a
// Client fault.
func (s *Site) Defer(f func()) { s.undo = append(s.undo, f) }

// Close ends what Defer was told of and removes the folder.
func (s *Site) Close() error {
	for _, f := range slices.Backward(s.undo) {
		f()
	}
	s.undo = nil
	if s.Dir == "" {
		return nil
	}
	return os.RemoveAll(s.Dir)
}

func (s *Site) logf(format string, args ...any) { fmt.Fprintf(s.Log, format+"\n", args...) }

// ControlPlane returns the name of the first control plane node, Worker that of
// the first other one; "" where there is none.
func (s *Site) ControlPlane() string { return s.firstNode(true) }

// Worker is described with ControlPlane.
func (s *Site) Worker() string { return s.firstNode(false) }

func (s *Site) firstNode(controlPlane bool) string {
	for _, n := range s.Ref.Nodes {
		if n.ControlPlane == controlPlane {
			return n.Name
		}
	}
	return ""
}

// policiesSince is the version that serves MutatingAdmissionPolicy as v1.
var policiesSince = version.MustParseGeneric("1.36.0")

func (s *Site) missing(ctx context.Context, n Need) string {
	switch n {
	case Nodes:
		if s.Ref.Engine == "" {
			return "the nodes cannot be entered"
		}
		if s.ControlPlane() == "" {
			return "no node is known as a control plane"
		}
	case Worker:
		if s.Worker() == "" {
			return "the cluster has no worker"
		}
	case AnonymousConfigured, AnonymousByDefault:
		if slices.Contains(anonymousConfigured, s.Ref.Topology) != (n == AnonymousConfigured) {
			return fmt.Sprintf("topology %q is not so", s.Ref.Topology)
		}
	case AuditLog:
		if s.Ref.Topology != catalog.TopologyAudit {
			return fmt.Sprintf("topology %q has none", s.Ref.Topology)
		}
	case LoadBalancers:
		if s.Ref.Topology != catalog.TopologyLoadBalancer {
			return "the cluster has no provider of load balancers that inroads has added"
		}
	case NoLoadBalancers:
		if s.Ref.Topology == catalog.TopologyLoadBalancer {
			return "the cluster has a provider of load balancers"
		}
	case Balancer:
		if _, err := os.Stat(s.balancerConfig()); s.Ref.Engine == "" || err != nil {
			return "inroads has put no load balancer before the API servers of this cluster"
		}
	case Browser:
		if _, err := exec.LookPath(browserProgram); err != nil {
			return err.Error()
		}
	case Python:
		if _, err := access.FindPython(ctx, access.PythonClient); err != nil {
			return err.Error()
		}
	case Venv:
		if _, err := access.FindPython(ctx, access.PythonEnsurePip); err != nil {
			return err.Error()
		}
	case Node:
		if _, err := exec.LookPath(access.NodeProgram); err != nil {
			return err.Error()
		}
	case Go:
		if _, err := exec.LookPath(access.GoProgram); err != nil {
			return err.Error()
		}
	case AdmissionPolicies:
		v, err := version.ParseSemantic(s.Ref.KubernetesVersion)
		if err != nil || v.LessThan(policiesSince) {
			return fmt.Sprintf("Kubernetes %s serves no MutatingAdmissionPolicy", s.Ref.KubernetesVersion)
		}
	}
	return ""
}

// OnNode runs a shell script on a node; see cluster.Ref.
func (s *Site) OnNode(ctx context.Context, node, script string) (string, error) {
	return s.Ref.OnNode(ctx, node, script)
}
