package catalog

import "time"

// disruption bounds the specs that stop parts of the cluster, wait until others
// have noticed, and wait until all is well again.
const disruption = 4 * time.Minute

// Faults that break more than one claim about the load balancer before the API
// servers.
var (
	balancerStopped      = Fault{"lb-stopped", HopDial, "A-DIAL-01", "the load balancer before the API servers is stopped"}
	balancerOneBackend   = Fault{"lb-one-backend", HopAPI, "A-API-08", "the load balancer knows one of the API servers"}
	kubeconfigPast       = Fault{"kubeconfig-past-balancer", HopConfig, "A-CONFIG-14", "a kubeconfig that leads to an API server past the load balancer"}
	readNodes            = clusterWide("", "nodes", "list")
	readKubernetesSlices = []Right{{Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Namespaced: true, Namespace: "default"}}
)

// balancerClaims are about the load balancer before several API servers, and
// about what clients do where there is none.
var balancerClaims = []Claim{
	{
		ID: "lb/existence-varies", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence:   "whether a load balancer stands before the API servers varies: where one does, new connections to the one address of the kubeconfig come to several API servers, and without it every one comes to the only API server that the Service kubernetes knows",
		Source:     soManyProxies,
		Topologies: []Topology{TopologyMultiNode, TopologySingle, TopologyHA},
		Rights:     rights(readRoot, readKubernetesSlices),
		Faults:     []Fault{balancerOneBackend, kubeconfigPast, balancerStopped, serverPortDead},
	},
	{
		ID: "lb/balances", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence:   "the load balancer spreads new connections over all API servers, sends none to one that answers no longer, and sends some to it again once it does",
		Source:     soManyProxies,
		Topologies: []Topology{TopologyHA},
		Rights:     rights(readRoot, readKubernetesSlices, readNodes),
		Faults: []Fault{
			balancerOneBackend,
			{"lb-without-health-check", HopAPI, "A-API-08", "the load balancer does not look whether the API servers are well"},
			kubeconfigPast, balancerStopped,
		},
		Disruptive: true, Timeout: disruption,
	},
	{
		ID: "lb/between-all-clients", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence:  "kubectl, the kubelets of workers and kube-proxy have the address of the load balancer; the controllers, the scheduler and the kubelets of control planes have that of their own node's API server, and a pod that of the Service kubernetes, so that it reaches the API while the load balancer is stopped and kubectl's connection is refused",
		Deviation: "the page says that the load balancer sits between all clients and the API servers; what runs on a control plane, and whoever uses the Service kubernetes, goes past it",
		Source:    soManyProxies, Needs: withPods(KubectlImage),
		Topologies: []Topology{TopologyHA},
		Rights:     rights(readRoot, readKubernetesSlices, readNodes, execInPods, in("configmaps", "get")),
		Faults: []Fault{
			kubeconfigPast, balancerStopped,
			{"kubelet-past-balancer", HopConfig, "A-CONFIG-14", "the kubelet of a worker leads to an API server past the load balancer"},
		},
		Disruptive: true, Timeout: disruption,
	},
	{
		ID: "proxy-mode/no-client-lb-yet", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence:   "kubectl proxy does not balance load or fail over by itself: with a kubeconfig that leads to one of several API servers it answers 500 while that one is down, though the others serve",
		Source:     accessCluster(sectionRESTAPI),
		Topologies: []Topology{TopologyHA},
		Rights:     rights(readRoot, readKubernetesSlices, readNodes),
		Faults: []Fault{
			{"proxy-fails-over", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy asks the other API servers where one does not answer"},
			locationIgnored, proxyKilled, balancerStopped,
		},
		Disruptive: true, Timeout: disruption,
	},
}
