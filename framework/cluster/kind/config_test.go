package kind

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/inroads-k8s/inroads/framework/cluster/engine"
)

const header = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"

func TestParseConfigRefuses(t *testing.T) {
	for _, tc := range []struct{ name, config, want string }{
		{"nothing", "", `reading kind configuration "k.yaml": EOF`},
		{"what is no YAML", "kind: [", `reading kind configuration "k.yaml": yaml: `},
		{"another kind", "kind: Pod\napiVersion: v1\n", `reading kind configuration "k.yaml": it is apiVersion "v1", kind "Pod"; kind reads "kind.x-k8s.io/v1alpha4", "Cluster"`},
		{"an unknown field", header + "nodez: []\n", `reading kind configuration "k.yaml": yaml: unmarshal errors: line 3: field nodez not found`},
		{"a wrong type", header + "nodes: 3\n", `reading kind configuration "k.yaml": yaml: unmarshal errors: line 3: cannot unmarshal`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConfig([]byte(tc.config), `"k.yaml"`)
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s…", err, tc.want)
			}
		})
	}
}

func TestParseConfigHonours(t *testing.T) {
	c, err := parseConfig([]byte(header+`
name: theirs
networking: {ipFamily: dual}
featureGates: {A: true}
kubeadmConfigPatches: ["kind: ClusterConfiguration"]
nodes:
- role: control-plane
  extraPortMappings: [{containerPort: 80, hostPort: 8080, protocol: tcp}]
- role: worker
  image: w:1
- role: worker
  image: w:1
`), "k.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Networking.IPFamily != v1alpha4.DualStackFamily || !c.FeatureGates["A"] || len(c.KubeadmConfigPatches) != 1 ||
		len(c.Nodes) != 3 || c.Nodes[0].ExtraPortMappings[0].Protocol != v1alpha4.PortMappingProtocolTCP {
		t.Errorf("got %+v", c.Cluster)
	}
	if named, open := c.images(); !slices.Equal(named, []string{"w:1"}) || !open {
		t.Errorf("images %v, open %t", named, open)
	}
	c.setImage("own:1", false)
	if got := []string{c.Nodes[0].Image, c.Nodes[1].Image}; !slices.Equal(got, []string{"own:1", "w:1"}) {
		t.Errorf("after filling in: %v", got)
	}
}

func TestParseConfigWithoutNodesHasOne(t *testing.T) {
	c, err := parseConfig([]byte(header), "k.yaml")
	if err != nil || len(c.Nodes) != 1 || c.Nodes[0].Role != v1alpha4.ControlPlaneRole {
		t.Errorf("got %+v, error %v", c, err)
	}
}

func TestAdapt(t *testing.T) {
	capability := engine.Sandbox{NoSysResource: "the engine has no CAP_SYS_RESOURCE"}
	cgroup := engine.Sandbox{CgroupV1: "the engine says that it uses cgroup v1"}
	for _, tc := range []struct {
		name       string
		config     string
		sandbox    engine.Sandbox
		gate       bool
		containerd []string
		kubeadm    []string
		lines      int
	}{
		{"an ordinary machine", header, engine.Sandbox{}, false, nil, nil, 0},
		{"without the capability", header, capability, true, []string{restrictOOMv2, restrictOOMv3}, nil, 2},
		{"with cgroup v1", header, cgroup, false, nil, []string{allowCgroupV1}, 1},
		{"what the configuration says stays", header + "featureGates: {KubeletInUserNamespace: false}\ncontainerdConfigPatches: [theirs]\n", capability, false, []string{restrictOOMv2, restrictOOMv3, "theirs"}, nil, 1},
		{"their patch comes last", header + "kubeadmConfigPatches: [theirs]\n", cgroup, false, nil, []string{allowCgroupV1, "theirs"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := parseConfig([]byte(tc.config), "k.yaml")
			if err != nil {
				t.Fatal(err)
			}
			lines := c.adapt(tc.sandbox)
			if c.FeatureGates[userNamespaceGate] != tc.gate || !slices.Equal(c.ContainerdConfigPatches, tc.containerd) || !slices.Equal(c.KubeadmConfigPatches, tc.kubeadm) {
				t.Errorf("got gates %v, containerd %q, kubeadm %q", c.FeatureGates, c.ContainerdConfigPatches, c.KubeadmConfigPatches)
			}
			if len(lines) != tc.lines {
				t.Errorf("lines: %q", lines)
			}
			for _, line := range lines {
				if !strings.Contains(line, ", because the engine ") {
					t.Errorf("no reason in %q", line)
				}
			}
		})
	}
}

func TestHasten(t *testing.T) {
	c, err := parseConfig([]byte(header+"kubeadmConfigPatches: [theirs]\n"), "k.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := c.hasten()
	if want := []string{startAtOnce, "theirs"}; !slices.Equal(c.KubeadmConfigPatches, want) {
		t.Errorf("got kubeadm %q", c.KubeadmConfigPatches)
	}
	for _, line := range lines {
		if !strings.Contains(line, ", because ") {
			t.Errorf("no reason in %q", line)
		}
	}
}
