package catalog

// Hop is one leg of a path. The order of a path's hops is the order in which
// a request meets them.
type Hop string

const (
	// HopTool is the client program itself: present, of a known version, and
	// doing what its reference says.
	HopTool Hop = "tool"
	// HopConfig is the kubeconfig: file, context, cluster, credential.
	HopConfig Hop = "config"
	// HopLocalProxy is a proxy on the caller's own host, kubectl proxy.
	HopLocalProxy Hop = "local-proxy"
	// HopMount is the service account volume of a pod.
	HopMount Hop = "mount"
	// HopResolve is turning a host name into addresses.
	HopResolve Hop = "resolve"
	// HopDial is the TCP connection.
	HopDial Hop = "dial"
	// HopTLS is the TLS handshake: authority, names, validity.
	HopTLS Hop = "tls"
	// HopAuthn is authentication: who the API server says the caller is.
	HopAuthn Hop = "authn"
	// HopAuthz is authorization: what the caller may do.
	HopAuthz Hop = "authz"
	// HopAPI is the API server's own answer, once the caller is let in.
	HopAPI Hop = "api"
	// HopController is a controller that has to act on an object.
	HopController Hop = "controller"
	// HopService is the Service object and its port.
	HopService Hop = "service"
	// HopEndpoint is a ready endpoint behind a Service.
	HopEndpoint Hop = "endpoint"
	// HopNode is the kubelet as the API server reaches it.
	HopNode Hop = "node"
	// HopBackend is the program that answers at last.
	HopBackend Hop = "backend"
)
