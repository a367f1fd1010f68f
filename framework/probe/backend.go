package probe

import (
	"context"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// BackendTarget is the way to a Service, a pod or a node through the API
// server's proxy.
type BackendTarget struct {
	// Target is the way to the API server. Its attributes do not count: the
	// walk asks for the right to proxy to just this backend.
	Target
	// Namespace is that of the Service or the pod.
	Namespace string
	// Service, Pod and Node name the backend; just one of them is set.
	Service, Pod, Node string
	// Port is the name or the number of a Service's port, or the number of
	// a pod's or a node's. Empty leaves it to the API server: a Service's
	// port without a name, a pod's first port, the kubelet's.
	Port string
	// HTTPS has the API server speak TLS to the backend.
	HTTPS bool
	// Path is what the backend is asked for, with its leading slash. Empty
	// means "/", and /healthz of a node.
	Path string
}

// backendHops are those behind the API server.
var backendHops = []catalog.Hop{catalog.HopService, catalog.HopEndpoint, catalog.HopNode, catalog.HopBackend}

// WalkBackend goes to the API server as Walk does and from there to the
// backend. It changes nothing in the cluster, provided that a GET of the
// backend does not.
func WalkBackend(_ context.Context, _ BackendTarget) Trace {
	return Trace{Path: catalog.PathAPIServerProxy}
}
