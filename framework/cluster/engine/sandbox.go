package engine

import (
	"strconv"

	"github.com/inroads-k8s/inroads/framework/cluster/engine/internal/capability"
)

// Sandbox says what a Kubernetes node in an engine must do without. The zero
// value, that of an ordinary machine, asks for no special setting.
type Sandbox struct {
	// NoSysResource, when not empty, says why a node cannot lower oom_score_adj:
	// it then needs the feature gate KubeletInUserNamespace and containerd's
	// restrict_oom_score_adj.
	NoSysResource string
	// CgroupV1, when not empty, says how it is known that nodes have cgroup v1:
	// the kubelet then needs failCgroupV1 to be false.
	CgroupV1 string
}

func (s Sandbox) reasons() []string {
	var reasons []string
	if s.NoSysResource != "" {
		reasons = append(reasons, "KubeletInUserNamespace and restrict_oom_score_adj, because "+s.NoSysResource)
	}
	if s.CgroupV1 != "" {
		reasons = append(reasons, "failCgroupV1=false, because "+s.CgroupV1)
	}
	return reasons
}

// sandbox works out the settings from what the engine tells and, when it is on
// this machine, from the capabilities of the process that listens on its socket.
func sandbox(a about, private bool, socket string) Sandbox {
	var s Sandbox
	if a.cgroup == "1" {
		s.CgroupV1 = "the engine says that it uses cgroup v1"
	}
	if a.rootless {
		s.NoSysResource = "the engine is rootless"
		return s
	}
	process, whose := "", ""
	// This process's own capabilities say nothing about an engine that runs
	// elsewhere, or in another container.
	if pid := listener(socket); pid > 0 {
		process, whose = strconv.Itoa(pid), "the engine"
	} else if private {
		process, whose = "self", "this process"
	}
	if process == "" {
		return s
	}
	if bounding, err := capability.Bounding(process); err == nil && !bounding.Has(capability.SysResource) {
		s.NoSysResource = whose + " has no CAP_SYS_RESOURCE in its capability bounding set"
	}
	return s
}
