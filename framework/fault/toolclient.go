package fault

import (
	"context"
	"maps"
	"slices"
	"strings"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// droppedPod is the pod of a spec that a broken client leaves out of a list.
	droppedPod = "second"
	// What the out-of-cluster example of client-go prints, and what a broken one
	// prints instead.
	exampleCounts = "There are "
	exampleNone   = "There are 0 pods in the cluster\n"
)

// clientTools are broken in what a client library makes of a kubeconfig, or of
// the API server's answer.
var clientTools = slices.Concat(
	clientOf(access.PythonProgram, "python", Python, nil),
	clientOf(access.NodeProgram, "node", Node, nil),
	clientOf(access.GoProgram, "go", Go, []string{"run"}),
	[]tool{podEnvironment(access.PythonProgram, "python", Python), podEnvironment(access.NodeProgram, "node", Node)},
)

func clientOf(program, name string, need Need, of []string) []tool {
	broken := tool{program: program, of: of, needs: []Need{need}, spares: besidesHTTP}
	other, trust, drop := broken, broken, broken
	other.name, other.hop = name+"-context-ignored", catalog.HopConfig
	other.change = changingConfig(func(config *clientcmdapi.Config) error {
		if len(config.Contexts) > 0 {
			config.CurrentContext = slices.Min(slices.Collect(maps.Keys(config.Contexts)))
		}
		return nil
	})
	trust.name, trust.hop = name+"-verification-off", catalog.HopTLS
	trust.change = changingConfig(func(config *clientcmdapi.Config) error {
		for _, c := range config.Clusters {
			c.CertificateAuthority, c.CertificateAuthorityData, c.TLSServerName, c.InsecureSkipTLSVerify = "", nil, "", true
		}
		return nil
	})
	drop.name, drop.hop = name+"-pod-dropped", catalog.HopTool
	drop.run = func(ctx context.Context, c *toolCall) (int, error) { return c.filter(ctx, dropPod) }
	return []tool{other, trust, drop}
}

// podEnvironment is a program whose environment says that it is in a pod.
func podEnvironment(program, name string, need Need) tool {
	return tool{
		name: name + "-in-pod-environment", hop: catalog.HopTool, program: program, needs: []Need{need}, spares: besidesHTTP,
		change: func(c *toolCall) error {
			c.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
			c.setenv("KUBERNETES_SERVICE_PORT", "1")
			return nil
		},
	}
}

func dropPod(line string) string {
	switch {
	case strings.Contains(line, droppedPod):
		return ""
	case strings.HasPrefix(line, exampleCounts):
		return exampleNone
	}
	return line
}
