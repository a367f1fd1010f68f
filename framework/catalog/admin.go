package catalog

// accountsMayEdit breaks more than one claim about who may use the API server's
// proxy.
var accountsMayEdit = Fault{"serviceaccounts-may-edit", HopAuthz, "A-AUTHZ-03", "bind the ClusterRole edit to the group system:serviceaccounts"}

// readKubeProxy is for the DaemonSet of kube-proxy, where a cluster has one.
var readKubeProxy = []Right{{Verb: "get", Group: "apps", Resource: "daemonsets", Name: "kube-proxy", Namespaced: true, Namespace: "kube-system"}}

// adminClaims are about what somebody else has set up before a user comes.
var adminClaims = []Claim{
	{
		ID: "kubectl/auto-setup", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "the tool that made the cluster has written its location, a credential and a current context of the cluster's name into one kubeconfig, with which kubectl works as it is, and without which kubectl does not find the cluster",
		Source:   accessCluster(sectionFirstTime), Needs: []Feature{SetUpByTool},
		Rights: readRoot,
		Faults: []Fault{
			{"current-context-unset", HopConfig, "A-CONFIG-14", "a kubeconfig that has the context and does not say that it is the current one"},
			kubeconfigIgnored, kubeconfigMissing, contextMissing, serverPortDead, certificateForeign,
		},
	},
	{
		ID: "meta/snapshot-text-damage", Path: PathToken, Level: Core, Expect: Reached,
		Sentence:  "the Secret of the page's snapshot is refused by kubectl as no YAML, and its output is no JSON; with the lines that the snapshot has lost the API server accepts the Secret, and the token controller fills it in",
		Deviation: "the page as it was kept has a manifest without metadata:, without the annotation's name and without a type, and an output without braces and values; neither can be used as it stands",
		Source:    accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Rights: tokenSecret,
		Faults: []Fault{
			{"broken-yaml-taken", HopTool, "A-TOOL-01", "a kubectl whose apply says that it has created what is no YAML"},
			controllerManagerDown, signingKeyMissing,
		},
	},
	{
		ID: "noauth/firewalled", Path: PathDirect, Level: Core, Expect: Reached,
		Sentence:  "the API server of a cluster that kind made answers at the kubeconfig's loopback address and refuses the connection at every other address of this machine",
		Deviation: "the page says that an apiserver without authentication may be protected by a firewall, and that there is no standard for it; kind protects one that does require authentication by where it listens",
		Source:    accessCluster(sectionWithoutKubectl), Needs: []Feature{SetUpByTool, LoopbackServer},
		Rights: readRoot,
		Faults: []Fault{
			{"server-elsewhere-too", HopDial, "A-DIAL-07", "lead to the API server from another loopback address too, at the same port"},
			serverPortDead, serverBlackHole, caWrong, certificateForeign,
		},
	},
	{
		ID: "proxies/users-first-two", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "a user who may get services/proxy in a namespace, and nothing else, reaches a Service there by kubectl proxy and the API server's proxy; a user without that rule is told that it is missing, as is the first one in another namespace",
		Source:   soManyProxies, Needs: withPods(),
		Rights: rights(ownPods, ownServices, throughServices, accountToken,
			inGroup("rbac.authorization.k8s.io", "roles", "create"), inGroup("rbac.authorization.k8s.io", "rolebindings", "create")),
		Faults: []Fault{selectorWrong, targetPortWrong, podsUnreachable, backendError, proxyRightMissing, accountsMayEdit},
	},
	{
		ID: "proxies/admin-ensures-rest", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "before a user comes kube-proxy is ready on every node, a pod on each reaches there a new Service and that of the API server, which has an endpoint, and is refused by a Service without endpoints",
		Source:   soManyProxies, Needs: withPods(KubeProxy),
		Rights: rights(execInPods, ownServices, readKubernetes, readKubeProxy, clusterWide("", "nodes", "list")),
		Faults: []Fault{kubeProxyLost, serviceRulesGone},
	},
}
