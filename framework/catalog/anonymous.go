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
			readRoot, clusterWide("", "namespaces", "list"),
			[]Right{
				{Verb: "list", Resource: "pods", Namespaced: true, Namespace: "kube-system"},
				{Verb: "create", Resource: "pods", Subresource: "exec", Namespaced: true, Namespace: "kube-system"},
				{Verb: "get", Resource: "pods", Subresource: "exec", Namespaced: true, Namespace: "kube-system"},
			},
		),
		Faults: []Fault{
			anonymousLetIn,
			{"anonymous-taken", HopAuthn, "A-AUTHN-04", "restart kube-apiserver without what it was told of anonymous requests"},
			certificateForeign, caWrong, serverPortDead, apiServerDown,
		},
	},
}
