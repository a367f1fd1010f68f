package catalog

// soManyProxies is the list of proxies on the page "Accessing Clusters".
var soManyProxies = Source{Page: "tasks/access-application-cluster/access-cluster", Section: "so-many-proxies", Version: "v1.23"}

// proxyURLs is the section about URLs of the API server's proxy on the page
// "Access Services Running on Clusters".
var proxyURLs = Source{Page: "tasks/access-application-cluster/access-cluster-services", Section: "manually-constructing-apiserver-proxy-urls", Version: "v1.23"}

// Faults that break more than one claim about the API server's proxy.
var (
	selectorWrong      = Fault{"selector-wrong", HopEndpoint, "A-ENDPOINT-01", "have an admission policy change the selector of every Service"}
	targetPortWrong    = Fault{"target-port-wrong", HopBackend, "A-BACKEND-01", "have an admission policy change the targetPort of every Service to one that no pod listens on"}
	endpointsNotReady  = Fault{"endpoints-not-ready", HopEndpoint, "A-ENDPOINT-01", "have an admission policy write every endpoint down as not ready"}
	nodeRoutesGone     = Fault{"node-routes-gone", HopBackend, "A-BACKEND-01", "make the pods of the workers unreachable in the control plane's routing table"}
	backendError       = Fault{"backend-error", HopBackend, "A-BACKEND-02", "have another program answer 500 in the place of every backend"}
	backendSlow        = Fault{"backend-slow", HopBackend, "A-BACKEND-06", "have another program answer after 20 seconds in the place of every backend"}
	backendResets      = Fault{"backend-resets", HopBackend, "A-BACKEND-05", "have another program reset the connection in the middle of the body in the place of every backend"}
	podsUnreachable    = Fault{"pods-unreachable", HopBackend, "A-BACKEND-06", "drop what the control plane's nodes send to the pods' addresses"}
	proxyRightMissing  = Fault{"proxy-right-missing", HopAuthz, "A-AUTHZ-01", "run as a user who may not get services/proxy, pods/proxy and nodes/proxy"}
	backendWithoutTLS  = Fault{"backend-without-tls", HopBackend, "A-BACKEND-04", "have an admission policy take the certificate off the backend's command"}
	backendOnlyTLS     = Fault{"backend-only-tls", HopBackend, "A-BACKEND-04", "have an admission policy give every backend a certificate"}
	queryDropped       = Fault{"query-dropped", HopBackend, "A-BACKEND-03", "put a reverse proxy in front of the API server that drops the query of what is for a backend"}
	hostnamesIdentical = Fault{"hostnames-identical", HopBackend, "A-BACKEND-03", "have an admission policy give every backend the same host name, as if one took all requests"}
)

var serviceClaims = []Claim{
	{
		ID: "ap/reach-service", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "the API server's proxy reaches the pod behind a Service, answers 503 for a Service that has no ready endpoint and, before Kubernetes 1.37, 404 for one that does not exist, since then 503 too, passes a backend's own 503 on, and is forbidden to a user without the right",
		Source:   soManyProxies, Needs: []Feature{Pods},
		Rights: rights(ownPods, ownServices, throughServices, accountToken),
		Faults: []Fault{
			selectorWrong, endpointsNotReady, targetPortWrong, podsUnreachable, nodeRoutesGone,
			backendError, backendSlow, backendResets, proxyRightMissing,
		},
	},
	{
		ID: "ap/reach-pod", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "the API server's proxy reaches a pod at its first declared port, at a given port and over HTTPS, answers 404 for no such pod and 503 for a closed port, and is forbidden to a user without the right",
		Source:   soManyProxies, Needs: []Feature{Pods},
		Rights: rights(ownPods, throughPods, accountToken, in("secrets", "create")),
		Faults: []Fault{podsUnreachable, nodeRoutesGone, backendError, backendSlow, backendResets, proxyRightMissing},
	},
	{
		ID: "ap/reach-node", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "the API server's proxy reaches the kubelet of each node, with its port or without, answers 404 for no such node, and is forbidden to a user without the right",
		Source:   soManyProxies,
		Rights:   rights(clusterWide("", "nodes", "list"), clusterWide("", "nodes/proxy", "get"), ownNamespace, accountToken),
		Faults: []Fault{
			{"kubelet-stopped", HopNode, "A-NODE-01", "stop the kubelet of a worker"},
			{"kubelet-port-blocked", HopNode, "A-NODE-01", "drop what arrives at a worker's kubelet port"},
			proxyRightMissing,
		},
	},
	{
		ID: "ap/load-balances-service", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "requests through the API server's proxy are spread over all ready pods of a Service; a pod that is not ready gets none of them, yet is reached by its own name",
		Source:   soManyProxies, Needs: []Feature{Pods},
		Rights: rights(ownPods, ownServices, throughServices, throughPods, accountToken, in("pods/status", "patch")),
		Faults: []Fault{selectorWrong, endpointsNotReady, targetPortWrong, podsUnreachable, hostnamesIdentical, proxyRightMissing},
	},
	{
		ID: "ap/target-http-or-https", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence:  "the API server's proxy speaks HTTPS to a Service or pod when the URL says https: and HTTP otherwise, whatever the port's number, name or appProtocol, and does not fall back to the other",
		Deviation: "the page says that the proxy chooses HTTP or HTTPS using available information; for Services and pods that information is the https: in the URL and nothing else",
		Source:    soManyProxies, Needs: []Feature{Pods},
		Rights: rights(backends, throughPods),
		Faults: []Fault{backendWithoutTLS, backendOnlyTLS, selectorWrong, podsUnreachable},
	},
	{
		ID: "acs/url-format", Path: PathAPIServerProxy, Level: Linked, Expect: Reached,
		Sentence: "[https:]name[:port] names a Service's port by name or by number in the proxy's URL, what follows /proxy arrives at the backend with its query, and any scheme but http and https is a bad request",
		Source:   proxyURLs, Needs: []Feature{Pods},
		Rights: backends,
		Faults: []Fault{queryDropped, backendWithoutTLS, selectorWrong, podsUnreachable},
	},
	{
		ID: "acs/https-prefix", Path: PathAPIServerProxy, Level: Linked, Expect: Reached,
		Sentence: "https: before the Service's name makes the API server speak HTTPS to the backend, whose certificate it does not verify; without the colon at the end of https:name: the name is taken for a port",
		Source:   proxyURLs, Needs: []Feature{Pods},
		Rights: backends,
		Faults: []Fault{backendWithoutTLS, selectorWrong, podsUnreachable},
	},
	{
		ID: "acs/default-http", Path: PathAPIServerProxy, Level: Linked, Expect: Reached,
		Sentence: "without a scheme, or with http:, the API server speaks plain HTTP to the backend, so that a backend that only speaks TLS answers 400",
		Source:   proxyURLs, Needs: []Feature{Pods},
		Rights: backends,
		Faults: []Fault{
			backendOnlyTLS, selectorWrong, podsUnreachable,
			// It answers where it should say that it was not spoken to over TLS.
			{backendWithoutTLS.Name, HopBackend, "A-BACKEND-03", backendWithoutTLS.How},
		},
	},
}
