package harness

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"

	"github.com/inroads-k8s/inroads/framework/access"
)

const checkKubectl = "kubectl"

// kubectl compares the version of the kubectl under test with the API server's.
func (p *preflight) kubectl(ctx context.Context) []Finding {
	path, err := findKubectl(p.options.Kubectl, p.ref.Kubectl)
	if err != nil {
		return []Finding{unseen(checkKubectl, err)}
	}
	tool, err := access.KubectlVersion(ctx, path)
	if err != nil {
		return []Finding{unseen(checkKubectl, err)}
	}
	server, err := discovery.ToServerVersionInterfaceWithContext(p.client.Discovery()).ServerVersionWithContext(ctx)
	if err != nil {
		return []Finding{unseen(checkKubectl, err)}
	}
	return []Finding{judgeSkew(tool, server.GitVersion)}
}

func judgeSkew(kubectl, server string) Finding {
	f := Finding{Check: checkKubectl, Severity: Fine, Saw: fmt.Sprintf("kubectl is %s, the API server %s", kubectl, server)}
	own, errOwn := version.ParseGeneric(kubectl)
	is, errIs := version.ParseGeneric(server)
	if errOwn != nil || errIs != nil {
		f.Severity = Unseen
		return f
	}
	if skew := int(own.Minor()) - int(is.Minor()); own.Major() != is.Major() || max(skew, -skew) > access.SupportedSkew {
		f.Severity = Warning
		f.Saw += fmt.Sprintf(", which is more than %d minor version away", access.SupportedSkew)
		f.Next = "give one of a nearer version with --kubectl"
	}
	return f
}
