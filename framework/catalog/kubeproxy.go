package catalog

// Faults that break more than one claim about kube-proxy.
var (
	httpAwareProxy  = Fault{"http-aware-proxy", HopService, "A-SERVICE-05", "have a proxy that understands HTTP answer for every Service, and send each request on by itself"}
	affinityDropped = Fault{"affinity-dropped", HopService, "A-SERVICE-05", "have an admission policy take sessionAffinity from every Service"}
	serviceUDPGone  = Fault{"service-udp-dropped", HopService, "A-SERVICE-03", "drop what the pods of the workers send to Services by UDP, but for DNS"}
)

// kubeProxyRights are for Services that pods of every node ask.
var kubeProxyRights = rights(execInPods, ownServices, clusterWide("", "nodes", "list"), in("pods/status", "patch"))

// kubeProxyTopologies have kube-proxy in one mode and in the other,
// protocolTopologies also two families of addresses.
var (
	kubeProxyTopologies = []Topology{TopologyMultiNode, TopologyNFTables}
	protocolTopologies  = []Topology{TopologyMultiNode, TopologyNFTables, TopologyDualStack}
)

var kubeProxyClaims = []Claim{
	{
		ID: "kpx/on-each-node", Path: PathKubeProxy, Level: Core, Expect: Reached,
		Sentence: "kube-proxy runs on each node: it has a ready pod there and says that it is healthy, and a Service is reached from the node at its cluster IP and at the node's own address",
		Source:   soManyProxies, Needs: withPods(KubeProxy), Topologies: kubeProxyTopologies,
		Rights: rights(kubeProxyRights,
			each(Right{Group: "apps", Resource: "daemonsets", Namespaced: true, Namespace: "kube-system"}, []string{"list"}),
			each(Right{Resource: "pods", Namespaced: true, Namespace: "kube-system"}, []string{"list"})),
		Faults: []Fault{kubeProxyLost, selectorWrong, endpointsNotReady, targetPortWrong},
	},
	{
		ID: "kpx/tcp", Path: PathKubeProxy, Level: Core, Expect: Reached,
		Sentence: "a TCP connection to a Service's cluster IP or node port is one to its pod, from each node, and is refused at once when the Service has lost its last endpoint",
		Source:   soManyProxies, Needs: withPods(), Topologies: protocolTopologies,
		Rights: kubeProxyRights,
		Faults: []Fault{kubeProxyLost, selectorWrong, endpointsNotReady, targetPortWrong},
	},
	{
		ID: "kpx/udp", Path: PathKubeProxy, Level: Core, Expect: Reached,
		Sentence: "a UDP datagram to a Service's cluster IP or node port arrives at its pod and the answer comes back, from each node; it is refused when the Service has lost its last endpoint, and goes to another pod once that is ready",
		Source:   soManyProxies, Needs: withPods(), Topologies: protocolTopologies,
		Rights: kubeProxyRights,
		Faults: []Fault{kubeProxyLost, serviceUDPGone, selectorWrong, endpointsNotReady, targetPortWrong},
	},
	{
		ID: "kpx/no-http-understanding", Path: PathKubeProxy, Level: Core, Expect: Reached,
		Sentence: "kube-proxy does not understand HTTP: all requests of one connection go to one pod, those of many connections to several, none has a header that its client did not send, and a protocol that is not HTTP passes as it is",
		Source:   soManyProxies, Needs: withPods(), Topologies: kubeProxyTopologies,
		Rights: kubeProxyRights,
		Faults: []Fault{httpAwareProxy, selectorWrong, endpointsNotReady, targetPortWrong, hostnamesIdentical},
	},
	{
		ID: "kpx/load-balances", Path: PathKubeProxy, Level: Core, Expect: Reached,
		Sentence: "connections to a Service are spread over all its ready pods, from each node; with sessionAffinity ClientIP those of one client go to one pod, and a pod that is no longer ready gets no more",
		Source:   soManyProxies, Needs: withPods(), Topologies: kubeProxyTopologies,
		Rights: kubeProxyRights,
		Faults: []Fault{hostnamesIdentical, affinityDropped, kubeProxyLost, selectorWrong, endpointsNotReady, targetPortWrong},
	},
	{
		ID: "kpx/only-services", Path: PathKubeProxy, Level: Core, Expect: Reached,
		Sentence: "kube-proxy is only used to reach Services: one that it is told to leave alone does not answer at its cluster IP until it no longer is, while its pods answer all the time at their own addresses and by a headless Service's name",
		Source:   soManyProxies, Needs: withPods(), Topologies: kubeProxyTopologies,
		Rights: rights(kubeProxyRights, in("services", "patch")),
		Faults: []Fault{
			kubeProxyLost,
			// Who asks many times gets no more refusals from the node, which limits
			// their number, and waits in vain.
			{dnsDown.Name, HopResolve, "A-RESOLVE-02", dnsDown.How},
			{"proxy-name-dropped", HopService, "A-SERVICE-05", "have an admission policy take the label service.kubernetes.io/service-proxy-name from every Service"},
		},
	},
}
