package harness

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// EnvOptions names the environment variable that carries Options, as JSON, to
// every process of a run. Options hold no secret.
const EnvOptions = "INROADS_OPTIONS"

// Options are what a run was asked to do. The zero value makes a kind cluster
// of the default topology, proves every claim on it and deletes it.
type Options struct {
	// Kubeconfig and Context select a cluster that someone set up. Both empty
	// means that the run makes its own with kind.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Context    string `json:"context,omitempty"`
	// Overrides take the place of what the kubeconfig says of that context.
	Overrides probe.Overrides `json:"overrides,omitzero"`
	// Namespace is a namespace that is there, in which the specs take turns and
	// which stays; "" means that the run makes what it needs.
	Namespace string `json:"namespace,omitempty"`
	// ClusterScoped allows cluster-scoped objects in a cluster that someone set up:
	// each spec has a namespace of its own, and some make another. Without it all
	// of the run is in one namespace. A cluster that the run makes needs no leave.
	ClusterScoped bool `json:"clusterScoped,omitempty"`
	// NoPods keeps the run from starting pods.
	NoPods bool `json:"noPods,omitempty"`
	// ClusterName is the name of the kind cluster; "" means DefaultClusterName.
	ClusterName string `json:"clusterName,omitempty"`
	// Topology is that of the kind cluster; "" means that of most claims, and with
	// KindConfig what the nodes tell. Only its claims are proven; "" selects
	// those of every topology.
	Topology catalog.Topology `json:"topology,omitempty"`
	// KindConfig is the path of a kind configuration; "" means the one that
	// inroads embeds for the topology.
	KindConfig string `json:"kindConfig,omitempty"`
	// NodeImage is the kind node image to use; "" lets inroads choose or build.
	NodeImage string `json:"nodeImage,omitempty"`
	// KubernetesVersion is the version of a node image that inroads builds; ""
	// means its default.
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// Keep leaves the cluster and its engine running, and takes a running one.
	Keep bool `json:"keep,omitempty"`
	// Kubectl is the kubectl under test; "" means the one that came with the
	// node image, or else the one in PATH.
	Kubectl string `json:"kubectl,omitempty"`
	// Images replace the container images that specs run.
	Images cluster.Images `json:"images"`
	// ImageRegistry replaces the registry of the images on a cluster that someone
	// set up; "" means their own.
	ImageRegistry string `json:"imageRegistry,omitempty"`
	// ImagePullSecret is the Secret by which nodes pull the images: NAME in
	// Namespace, or NAMESPACE/NAME, which is copied into the namespaces that the
	// run makes; "" means none.
	ImagePullSecret string `json:"imagePullSecret,omitempty"`
	// Artifacts is the folder of reports; "" means DefaultArtifacts.
	Artifacts string `json:"artifacts,omitempty"`
	// Claims, Paths and Levels select what is proven; each empty means all. Without
	// Page those that need another topology than most are proven only where
	// Claims names them, or Topology is theirs.
	Page   bool             `json:"page,omitempty"`
	Claims []catalog.ID     `json:"claims,omitempty"`
	Paths  []catalog.PathID `json:"paths,omitempty"`
	Levels []catalog.Level  `json:"levels,omitempty"`
	// Except are claims that are left out, whatever else selects them.
	Except []catalog.ID `json:"except,omitempty"`
	// Limits end the run before all of that is done.
	Limits Limits `json:"limits,omitzero"`
	// Forbidden are the claims that are skipped because the user of the run lacks
	// a right, and which right; see Preflight.
	Forbidden map[catalog.ID]string `json:"forbidden,omitempty"`
	// RightsMatter has a claim that fails looked at for a right that the user lacks
	// by now, which makes it inconclusive. Whoever takes rights away to see claims
	// fail for it leaves it out.
	RightsMatter bool `json:"rightsMatter,omitempty"`
	// Clusters are those that another process of this run has made.
	Clusters []cluster.Ref `json:"clusters,omitempty"`
	// Discard is whether those Clusters go with the run. Then nothing in them need go
	// before but pods, which take memory, and Services, which take addresses: of a
	// namespace a controller deletes and lists each of some 35 kinds of objects.
	Discard bool `json:"discard,omitempty"`
}

const (
	// DefaultClusterName is the name of the kind cluster of a run.
	DefaultClusterName = "inroads"
	// DefaultArtifacts is the folder of reports, below the working directory.
	DefaultArtifacts = "_artifacts"
)

// Existing is whether the run proves a cluster that someone else set up.
func (o Options) Existing() bool { return o.Kubeconfig != "" || o.Context != "" }

// OptionsFromEnv returns the options that EnvOptions carries, or the zero value
// when it is not set.
func OptionsFromEnv() (Options, error) {
	var o Options
	raw := os.Getenv(EnvOptions)
	if raw == "" {
		return o, nil
	}
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return o, fmt.Errorf("reading %s: %w", EnvOptions, err)
	}
	return o, nil
}

// Environ returns the options as an entry of a process environment.
func (o Options) Environ() (string, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", EnvOptions, err)
	}
	return EnvOptions + "=" + string(raw), nil
}
