package catalog

// anonymousTopologies are those that differ in what a caller without a credential
// may ask.
var anonymousTopologies = []Topology{TopologyMultiNode, TopologyAnonymousOff, TopologyAnonymousLimited}

// anonymousClaims are about API servers that were configured to take a caller
// without a credential, or not.
var anonymousClaims = []Claim{
	{
		ID: "noauth/admin-can-configure", Path: PathDirect, Level: Core, Expect: Unauthorized,
		Sentence: "what a caller without a credential gets is what the administrator has configured: with --anonymous-auth=false 401 whatever it asks, with an AuthenticationConfiguration the paths of its conditions and else 401, and by default what RBAC grants and else 403; the API server does not start with both",
		Source:   accessCluster(sectionWithoutKubectl),
		Needs:    []Feature{SetUpByTool}, Topologies: anonymousTopologies,
		Rights: rights(
			[]Right{{Verb: "get", NonResourceURL: "/livez"}, {Verb: "get", NonResourceURL: "/readyz"}, {Verb: "get", NonResourceURL: "/version"}},
			readRoot, clusterWide("", "namespaces", "list"), inControlPlane,
		),
		Faults: []Fault{
			anonymousLetIn,
			{"anonymous-taken", HopAuthn, "A-AUTHN-04", "restart kube-apiserver without what it was told of anonymous requests"},
			certificateForeign, caWrong, serverPortDead, apiServerDown,
		},
	},
	{
		ID: "noauth/localhost-serving", Path: PathDirect, Level: Core, Expect: Unauthorized,
		Sentence:  "on the node of a control plane nothing serves the API on the loopback to whoever asks; the API server takes TLS alone there too, and its program knows no flag to serve otherwise",
		Deviation: "the page says that such an apiserver may serve on localhost; the flags for that are gone since Kubernetes 1.24",
		Source:    accessCluster(sectionWithoutKubectl), Needs: []Feature{Pods, KubectlImage, ControlPlaneNode, ClusterScoped},
		Rights: rights(readRoot, execInPods, in("pods", "get", "delete"), readLogs, inControlPlane, apiEndpoints),
		Faults: []Fault{
			{"api-open-on-localhost", HopAuthn, "A-AUTHN-04", "serve the API to whoever asks at 127.0.0.1:8080 of each control plane"},
			certificateForeign, caWrong, serverPortDead, apiServerDown,
		},
	},
}

// inControlPlane is for the API server's own pod, in which a program is run.
var inControlPlane = []Right{
	{Verb: "list", Resource: "pods", Namespaced: true, Namespace: "kube-system"},
	{Verb: "create", Resource: "pods", Subresource: "exec", Namespaced: true, Namespace: "kube-system"},
	{Verb: "get", Resource: "pods", Subresource: "exec", Namespaced: true, Namespace: "kube-system"},
}

// apiEndpoints is for the API servers' own addresses.
var apiEndpoints = []Right{{Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Namespaced: true, Namespace: "default"}}
