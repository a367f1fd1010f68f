package catalog

// everyClaims are about the documented ways as a whole.
var everyClaims = []Claim{
	{
		ID: "meta/doc-version-banner", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "the API server says that it is no older than the page, which is of Kubernetes v1.23; kubectl tells the same version of the API server, and its own, which is within one minor version of it; without an API server it tells its own alone",
		Source:   accessCluster(""),
		Rights:   rights(readRoot, []Right{{Verb: "get", NonResourceURL: "/version"}}),
		Faults: []Fault{
			{"kubectl-of-old", HopTool, "A-TOOL-01", "a kubectl that says that it is of v1.20.0"},
			{"apiserver-of-old", HopAPI, "A-API-08", "put a reverse proxy in front of the API server that says that it is of v1.20.0"},
			kubeconfigIgnored, serverPortDead, caWrong, certificateForeign, apiServerDown,
		},
	},
	{
		ID: "meta/several-ways", Path: PathEvery, Level: Core, Expect: Reached,
		Sentence: "kubectl, kubectl proxy, a client with the certificate, a client with a token, a pod, a container beside kubectl proxy in a pod, and the API server's proxy to that pod all give the same list of pods, and the audit log has each with its user, its groups and its source",
		Source:   accessCluster(""), Needs: []Feature{Pods, KubectlImage, ClientCertificate, ControlPlaneNode},
		Topologies: []Topology{TopologyAudit},
		Rights: rights(
			readRoot, askWho, execInPods, readLogs, account, accountToken, grantPods, throughPods,
			in("pods/proxy", "create"), clusterWide("", "nodes", "list"), clusterWide("", "nodes/proxy", "get"),
		),
		Faults: []Fault{
			kubeconfigIgnored, proxyKilled, credentialsDropped, locationIgnored, certificateForeign, caWrong, serverPortDead,
			tokenNotMounted, wrongRootCA, serviceRulesGone, dnsDown, accountKeyOther, anonymousLetIn, apiServerDown,
			{"audit-log-off", HopAPI, "A-API-08", "restart kube-apiserver without the flag that names its audit log"},
		},
	},
}
