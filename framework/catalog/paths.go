package catalog

const (
	// PathKubectl is access with kubectl and its stored configuration.
	PathKubectl PathID = "kubectl"
	// PathConfigView is kubectl config view, which tells what kubectl knows.
	PathConfigView PathID = "config-view"
	// PathKubectlProxy is plain HTTP to kubectl proxy on the caller's host.
	PathKubectlProxy PathID = "kubectl-proxy"
	// PathToken is direct REST access with a token that the caller extracted.
	PathToken PathID = "token"
	// PathDirect is direct REST access with the location, authority and
	// credential of a kubeconfig, given to curl or wget.
	PathDirect PathID = "direct"
	// PathBrowser is direct access with a browser.
	PathBrowser PathID = "browser"
	// PathInPod is access to the API from a container in the cluster.
	PathInPod PathID = "pod"
	// PathAPIServerProxy is access to services, pods and nodes through the
	// API server's proxy.
	PathAPIServerProxy PathID = "apiserver-proxy"
	// PathKubeProxy is access to a Service at an address of its own, which
	// kube-proxy leads to a pod on each node.
	PathKubeProxy PathID = "kube-proxy"
	// PathEvery is each documented way to the API, one after the other.
	PathEvery PathID = "every"
	// PathLoadBalancer is access from outside to a Service of type LoadBalancer.
	PathLoadBalancer PathID = "load-balancer-service"
	// PathClients is access with a client library.
	PathClients PathID = "clients"
)

var paths = []Path{
	{PathKubectl, "kubectl with its stored configuration", []Hop{HopTool, HopConfig, HopResolve, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathConfigView, "kubectl config view", []Hop{HopTool, HopConfig}},
	{PathKubectlProxy, "kubectl proxy", []Hop{HopTool, HopConfig, HopLocalProxy, HopResolve, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathDirect, "direct REST access with an HTTP client", []Hop{HopTool, HopConfig, HopResolve, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathToken, "direct access with a token", []Hop{HopTool, HopConfig, HopController, HopResolve, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathBrowser, "direct access with a browser", []Hop{HopTool, HopConfig, HopResolve, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathClients, "client libraries", []Hop{HopTool, HopConfig, HopResolve, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathInPod, "the API from a pod", []Hop{HopTool, HopController, HopMount, HopLocalProxy, HopResolve, HopService, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathAPIServerProxy, "services, pods and nodes through the API server's proxy", []Hop{HopConfig, HopResolve, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI, HopService, HopEndpoint, HopNode, HopBackend}},
	{PathKubeProxy, "Services through kube-proxy", []Hop{HopTool, HopResolve, HopService, HopEndpoint, HopBackend}},
	{PathEvery, "every way to the API", []Hop{HopTool, HopConfig, HopController, HopMount, HopLocalProxy, HopResolve, HopService, HopDial, HopTLS, HopAuthn, HopAuthz, HopAPI}},
	{PathLoadBalancer, "a Service of type LoadBalancer", []Hop{HopConfig, HopController, HopDial, HopService, HopEndpoint, HopBackend}},
}
