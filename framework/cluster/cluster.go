// Package cluster says what a run needs of a cluster and what it knows of one.
// Who makes clusters is a provider's business: see its subfolders kind and
// existing.
package cluster

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// Node is one machine of a cluster.
type Node struct {
	Name string `json:"name"`
	// ControlPlane is whether an API server runs on the node.
	ControlPlane bool `json:"controlPlane,omitempty"`
}

// Images are the container images that specs run, present on every node.
type Images struct {
	// Server is agnhost: netexec and its like.
	Server string `json:"server"`
	// Client has sh, curl, wget and kubectl.
	Client string `json:"client"`
	// Library has sh, timeout, a Python with the package kubernetes, and Node.js
	// with @kubernetes/client-node in the node_modules of its working directory. It
	// is "" where there is none, which is what most clusters have.
	Library string `json:"library,omitempty"`
}

// Ref is a cluster as a run sees it. It is plain data, so that the process that
// made the cluster can hand it to the others. It holds no credential: those are
// in the file that Kubeconfig names.
type Ref struct {
	// Name tells clusters of one run apart.
	Name string `json:"name"`
	// Provider is "kind" or "existing".
	Provider string `json:"provider"`
	// Topology is the one that the cluster was made for, or as much of it as
	// nodes tell: multi-node, or "".
	Topology catalog.Topology `json:"topology"`
	// Kubeconfig is the absolute path of a kubeconfig file, and Context the
	// name of the context in it, neither empty in a cluster that a provider gave.
	Kubeconfig string `json:"kubeconfig"`
	Context    string `json:"context"`
	// Overrides take the place of what that kubeconfig says.
	Overrides probe.Overrides `json:"overrides,omitzero"`
	// KubernetesVersion is what the API server says of itself ("v1.37.2").
	KubernetesVersion string `json:"kubernetesVersion"`
	Nodes             []Node `json:"nodes"`
	// Images is zero where the run may start no pods.
	Images Images `json:"images"`
	// NoLibrary is why there is no Images.Library on a cluster that was made to
	// have one, or "".
	NoLibrary string `json:"noLibrary,omitempty"`
	// Own are the images of inroads that were found on every node; see OwnImages.
	Own Images `json:"-"`
	// Preloaded is whether the images are on every node, so that a run pulls
	// nothing.
	Preloaded bool `json:"preloaded,omitempty"`
	// Kubectl is the path of the kubectl that came with the cluster, or "".
	Kubectl string `json:"kubectl,omitempty"`
	// EngineEnv is what a child process needs in its environment to reach the
	// container engine that runs the nodes ("DOCKER_HOST=…").
	EngineEnv []string `json:"engineEnv,omitempty"`
	// Engine is the program that drives it ("docker"), or "" for a cluster
	// whose nodes cannot be entered.
	Engine string `json:"engine,omitempty"`
}

// Provider makes clusters and removes them.
type Provider interface {
	// Create returns a ready cluster. A cluster that does not become ready
	// within the provider's time, or before ctx ends, is removed again.
	Create(ctx context.Context) (Ref, error)
	// Delete removes what Create made. Deleting what is gone is no error.
	Delete(ctx context.Context, ref Ref) error
}

// RESTConfig returns the client configuration of the cluster's context.
func (r Ref) RESTConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = r.Kubeconfig
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		rules,
		r.Overrides.ClientConfig(r.Context),
	).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("loading context %q of %q: %w", r.Context, r.Kubeconfig, err)
	}
	// Specs run side by side; client-go's default of 5 requests per second
	// would measure the client and not the cluster.
	cfg.QPS, cfg.Burst = clientQPS, clientBurst
	return cfg, nil
}

const (
	clientQPS   = 200
	clientBurst = 400
)
