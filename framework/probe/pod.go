package probe

import (
	"context"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Shell runs a script with sh in a container. An error means that the way into
// the container broke or the script was not run to its end, whatever it says
// itself; an exit code other than zero is no error.
type Shell func(ctx context.Context, script string) (ShellResult, error)

// ShellResult is what became of a script.
type ShellResult struct {
	Stdout, Stderr string
	Exit           int
}

// PodTarget is the way from a container to the API.
type PodTarget struct {
	// Shell leads into the container, which needs sh and curl alone.
	Shell Shell
	// Name says in messages which container it is ("namespace/pod").
	Name string
	// Dir is the folder of the service account volume in the container.
	// Empty means DefaultServiceAccountDir.
	Dir string
	// Server is the URL of the API as pods know it. Empty means
	// DefaultServer.
	Server string
	// Attributes are what the authz hop asks for. Nil skips that hop.
	Attributes *authorizationv1.ResourceAttributes
	// Timeout bounds each request. Zero means DefaultAnswerTimeout.
	Timeout time.Duration
}

const (
	// DefaultServiceAccountDir is where a pod has its service account volume.
	DefaultServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	// DefaultServer is the API as the cluster's DNS names it.
	DefaultServer = "https://kubernetes.default.svc"
)

// WalkPod goes from a container to the API server's API. The token does not
// leave the container.
func WalkPod(_ context.Context, _ PodTarget) Trace {
	return Trace{Path: catalog.PathInPod}
}
