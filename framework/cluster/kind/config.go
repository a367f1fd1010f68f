package kind

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/inroads-k8s/inroads/framework/cluster/engine"
)

// clusterConfig is what a cluster is made from.
type clusterConfig struct{ v1alpha4.Cluster }

// The type of the only configuration that kind reads.
const (
	configKind    = "Cluster"
	configVersion = "kind.x-k8s.io/v1alpha4"
)

// parseConfig reads a kind configuration as kind itself does, whose reader is
// internal: no unknown field is let through. Defaults stay unset.
func parseConfig(data []byte, source string) (*clusterConfig, error) {
	fail := func(err error) (*clusterConfig, error) {
		// yaml puts each of its complaints on a line of its own.
		return nil, fmt.Errorf("reading kind configuration %s: %s", source, strings.Join(strings.Fields(err.Error()), " "))
	}
	var c clusterConfig
	d := yaml.NewDecoder(bytes.NewReader(data))
	var t v1alpha4.TypeMeta
	if err := d.Decode(&t); err != nil {
		return fail(err)
	}
	if t.APIVersion != configVersion || t.Kind != configKind {
		return fail(fmt.Errorf("it is apiVersion %q, kind %q; kind reads %q, %q", t.APIVersion, t.Kind, configVersion, configKind))
	}
	d = yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&c.Cluster); err != nil {
		return fail(err)
	}
	if len(c.Nodes) == 0 {
		c.Nodes = []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole}}
	}
	return &c, nil
}

// The settings of nodes in a sandbox.
const (
	userNamespaceGate = "KubeletInUserNamespace"

	// kind applies a patch whose version is that of the node's own configuration,
	// and passes over the other. Without a version it would apply a patch to
	// either, and containerd would ignore the setting of a plugin it does not have.
	restrictOOMv2 = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
`
	restrictOOMv3 = `version = 3
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
`
	allowCgroupV1 = `kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
failCgroupV1: false
`
	// controllerQPS is ten times the default, and leaderRetry half of it: whoever
	// leads renews his lease as often, for as long as the cluster is there, and
	// twice a second takes more of a run than it saves before it.
	controllerQPS = 200
	leaderRetry   = time.Second
)

// startAtOnce has no version, for kind converts what it says then. Twice the rate
// may come in a burst, nearly as by default.
var startAtOnce = fmt.Sprintf(`kind: ClusterConfiguration
controllerManager:
  extraArgs:
    kube-api-qps: "%[1]d"
    kube-api-burst: "%[2]d"
    leader-elect-retry-period: %[3]s
scheduler:
  extraArgs:
    leader-elect-retry-period: %[3]s
`, controllerQPS, 2*controllerQPS, leaderRetry)

// adapt adds what nodes need in such a sandbox, and returns a line for each
// setting that says why. What the configuration itself says stays.
func (c *clusterConfig) adapt(s engine.Sandbox) []string {
	var lines []string
	if s.NoSysResource != "" {
		if _, said := c.FeatureGates[userNamespaceGate]; !said {
			if c.FeatureGates == nil {
				c.FeatureGates = map[string]bool{}
			}
			c.FeatureGates[userNamespaceGate] = true
			lines = append(lines, fmt.Sprintf("feature gate %s on every node, because %s", userNamespaceGate, s.NoSysResource))
		}
		// First, so that a patch of the configuration's own wins.
		c.ContainerdConfigPatches = append([]string{restrictOOMv2, restrictOOMv3}, c.ContainerdConfigPatches...)
		lines = append(lines, "containerd's restrict_oom_score_adj on every node, because "+s.NoSysResource)
	}
	if s.CgroupV1 != "" {
		c.KubeadmConfigPatches = append([]string{allowCgroupV1}, c.KubeadmConfigPatches...)
		lines = append(lines, "the kubelet's failCgroupV1 to false on every node, because "+s.CgroupV1)
	}
	return lines
}

// hasten has controllers start at once, and returns a line for each setting that
// says why. What the configuration itself says stays. kubeadm join waits for what a
// controller signs, and asks again no sooner than after five seconds.
func (c *clusterConfig) hasten() []string {
	c.KubeadmConfigPatches = append([]string{startAtOnce}, c.KubeadmConfigPatches...)
	return []string{
		fmt.Sprintf("kube-controller-manager's kube-api-qps to %d, because its controllers wait seconds for their turn to ask", controllerQPS),
		fmt.Sprintf("leader-elect-retry-period to %s, because RBAC does not let who would lead read the lease at first", leaderRetry),
	}
}

// images returns the node images that the configuration names, each once, and
// whether a node is without.
func (c *clusterConfig) images() (named []string, open bool) {
	seen := map[string]bool{}
	for _, n := range c.Nodes {
		switch {
		case n.Image == "":
			open = true
		case !seen[n.Image]:
			seen[n.Image] = true
			named = append(named, n.Image)
		}
	}
	return named, open
}

// setImage gives the image to the nodes without one, or to all of them.
func (c *clusterConfig) setImage(image string, all bool) {
	for i := range c.Nodes {
		if all || c.Nodes[i].Image == "" {
			c.Nodes[i].Image = image
		}
	}
}

// mountFrom lets the extra mounts of these files be those below the folder.
func (c *clusterConfig) mountFrom(dir string, files map[string][]byte) {
	for i := range c.Nodes {
		for j := range c.Nodes[i].ExtraMounts {
			m := &c.Nodes[i].ExtraMounts[j]
			if _, ours := files[m.HostPath]; ours {
				m.HostPath = filepath.Join(dir, m.HostPath)
			}
		}
	}
}

// Nodes is how many nodes the configuration has, 0 where it cannot be read.
func Nodes(config []byte, source string) int {
	c, err := parseConfig(config, source)
	if err != nil {
		return 0
	}
	return len(c.Nodes)
}
