package catalog

// cloudLoadBalancers is the last of the proxies on the page "Accessing Clusters".
var cloudLoadBalancers = accessCluster(sectionProxies)

// Faults that break more than one claim about load balancers.
var (
	noBalancerController = Fault{"load-balancer-controller-down", HopController, "A-CONTROLLER-02", "scale the provider's controller to zero replicas"}
	noBalancerAddress    = Fault{"load-balancer-pool-closed", HopController, "A-CONTROLLER-02", "have the provider's pool give no address that is not asked for by name"}
	noBalancerSpeaker    = Fault{"load-balancer-speakers-gone", HopDial, "A-DIAL-03", "take the speakers, which answer for the provider's addresses, off every node, and the addresses out of this machine's memory"}
	balancerBlocked      = Fault{"load-balancer-blocked", HopDial, "A-DIAL-02", "drop on every node what arrives for the provider's addresses"}
	serviceProxiesPaused = Fault{"service-proxies-paused", HopService, "A-SERVICE-03", "stop kube-proxy on every node, so that new Services get no rules, and drop what would leave a node for their addresses instead"}
	backendsCutOff       = Fault{"backends-cut-off", HopBackend, "A-BACKEND-06", "drop on every node what is forwarded to the backends of a run"}
)

var balancerFaults = []Fault{
	noBalancerController, noBalancerAddress, noBalancerSpeaker, balancerBlocked, serviceProxiesPaused, selectorWrong, backendsCutOff, targetPortWrong, backendError,
}

func withBalancerFaults(more ...Fault) []Fault {
	return append(append([]Fault{}, balancerFaults...), more...)
}

// balancedRights are what a spec needs to make a Service of type LoadBalancer and
// to look at it from both sides.
var balancedRights = rights(execInPods, ownServices, in("services", "list", "watch"), clusterWide("", "nodes", "list"))

var loadBalancerClaims = []Claim{
	{
		ID: "clb/provided-by-some", Path: PathLoadBalancer, Level: Core, Expect: Reached,
		Sentence: "a Service of type LoadBalancer gets an address that leads to it where somebody provides load balancers; one whose loadBalancerClass nobody serves, and each where nobody provides any, stays pending and is reached at its node ports alone",
		Source:   cloudLoadBalancers, Needs: withPods(), Topologies: []Topology{TopologyLoadBalancer, TopologyMultiNode},
		Rights: balancedRights,
		Faults: withBalancerFaults(
			Fault{"load-balancer-address-written", HopDial, "A-DIAL-03", "where nobody provides load balancers, write an address that is nobody's into the status of every Service of the type"},
			Fault{"load-balancer-class-dropped", HopController, "A-CONTROLLER-01", "have an admission policy take the loadBalancerClass off every Service"},
		),
	},
	{
		ID: "clb/auto-created", Path: PathLoadBalancer, Level: Core, Expect: Reached,
		Sentence: "a Service of type LoadBalancer gets a load balancer without further ado, by whose address it is reached from outside, and which goes with the Service though the backend is there",
		Source:   cloudLoadBalancers, Needs: withPods(), Topologies: []Topology{TopologyLoadBalancer},
		Rights: rights(balancedRights, in("services", "get", "delete")),
		Faults: balancerFaults,
	},
	{
		ID: "clb/udp-tcp-only", Path: PathLoadBalancer, Level: Core, Expect: Reached,
		Sentence:  "a load balancer passes TCP and UDP, also both at the same port of one Service; the API takes SCTP beside them, and no fourth protocol",
		Deviation: "the page says that cloud load balancers use UDP and TCP only; the API takes a Service of type LoadBalancer with an SCTP port too, and leaves it to the provider",
		Source:    cloudLoadBalancers, Needs: withPods(), Topologies: []Topology{TopologyLoadBalancer},
		Rights: balancedRights,
		Faults: withBalancerFaults(Fault{"load-balancer-udp-blocked", HopDial, "A-DIAL-02", "drop on every node what arrives over UDP for the provider's addresses"}),
	},
	{
		ID: "clb/varies", Path: PathLoadBalancer, Level: Core, Expect: Reached,
		Sentence: "load balancers differ, and their Services tell how: each is at an ip, with an ipMode, or at a hostname, and shows the backend with externalTrafficPolicy Local the caller himself, with Cluster a node",
		Source:   cloudLoadBalancers, Needs: withPods(), Topologies: []Topology{TopologyLoadBalancer},
		Rights: balancedRights,
		Faults: withBalancerFaults(Fault{"traffic-policy-cluster", HopService, "A-SERVICE-05", "have an admission policy change the externalTrafficPolicy of every Service to Cluster"}),
	},
}
