package catalog

// fromAPod and redirects are sections of the page "Accessing Clusters".
var (
	fromAPod  = accessCluster("accessing-the-api-from-a-pod")
	redirects = accessCluster("requesting-redirects")
)

// withPods adds the feature Pods to others.
func withPods(more ...Feature) []Feature { return append([]Feature{Pods}, more...) }

// differentClaims are what the page itself says about access from a pod.
var differentClaims = []Claim{{
	ID: "in-pod/different", Path: PathInPod, Level: Core, Expect: Reached,
	Sentence: "what kubectl finds in a kubeconfig, a pod finds in its environment and its volume: without a kubeconfig it asks the same API, as its ServiceAccount and not as the kubeconfig's user, while nothing answers at the kubeconfig's loopback address",
	Source:   fromAPod, Needs: withPods(LoopbackServer),
	Rights: rights(execInPods, askWho),
	Faults: []Fault{serviceRulesGone, noAPIEndpoints, podsCutOff, tokenNotMounted, wrongRootCA, otherAudience, accountKeyOther},
}}

// bastionClaims are about the API server's proxy as the place between outside
// and inside.
var bastionClaims = []Claim{
	{
		ID: "ap/outside-to-cluster-ip", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "the API server's proxy connects a caller outside the cluster to a Service and a pod whose addresses he does not reach himself, though a pod inside does",
		Source:   soManyProxies, Needs: withPods(Outside),
		Rights: rights(execInPods, ownServices, throughServices, throughPods),
		Faults: []Fault{selectorWrong, endpointsNotReady, targetPortWrong, podsUnreachable, nodeRoutesGone, backendError, proxyRightMissing},
	},
	{
		ID: "ap/runs-in-apiserver", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "a request through the proxy comes to the backend from the API server's own node and says for whom and for which path of the API it is; one from a pod comes from that pod and says nothing of the kind",
		Source:   soManyProxies, Needs: withPods(MultiNode, ControlPlaneNode),
		Rights: rights(execInPods, ownServices, throughServices, throughPods, clusterWide("", "nodes", "list")),
		Faults: []Fault{
			podsUnreachable, nodeRoutesGone, proxyRightMissing,
			{"source-translated", HopBackend, "A-BACKEND-03", "have a worker put its own address in the place of that from which the control plane asks its pods"},
		},
	},
	{
		ID: "ap/bastion", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "the proxy is a part of the API server, which gives the answer its Audit-Id, lets through who may get services/proxy and nothing else, and keeps from the backend the requests of who may not and of who has no credential",
		Source:   soManyProxies, Needs: withPods(),
		Rights: rights(ownPods, ownServices, throughServices, accountToken, readLogs,
			inGroup("rbac.authorization.k8s.io", "roles", "create"), inGroup("rbac.authorization.k8s.io", "rolebindings", "create")),
		Faults: []Fault{
			selectorWrong, targetPortWrong, podsUnreachable, backendError, proxyRightMissing,
			accountsMayEdit,
		},
	},
	{
		ID: "redirect/use-proxy-instead", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "the API server's proxy gives what redirects are no longer there for: it answers for the target, hands a backend's redirect to the caller instead of following it, puts its own path before a Location that begins with a slash, and leaves one that names a host as it is",
		Source:   redirects, Needs: withPods(),
		Rights: rights(ownPods, ownServices, throughServices, accountToken),
		Faults: []Fault{
			selectorWrong, targetPortWrong, podsUnreachable, backendError, proxyRightMissing,
			{"redirects-followed", HopBackend, "A-BACKEND-03", "put a reverse proxy in front of the API server that follows a backend's redirects"},
			{"location-bare", HopBackend, "A-BACKEND-03", "put a reverse proxy in front of the API server that takes its path out of a backend's Location"},
		},
	},
}
