package catalog

// fromPod is the page "Accessing the Kubernetes API from a Pod".
func fromPod(section string) Source {
	return Source{Page: "tasks/run-application/access-api-from-pod", Section: section, Version: "v1.23"}
}

const (
	sectionClientLibraries = "using-official-client-libraries"
	sectionDirectlyFromPod = "directly-accessing-the-rest-api"
	sectionProxyInPod      = "using-kubectl-proxy"
	sectionNoProxyInPod    = "without-using-a-proxy"
)

// Faults that break more than one claim about access from a pod.
var (
	serviceRulesGone = Fault{"service-rules-gone", HopService, "A-SERVICE-03", "stop kube-proxy, remove its rules for the Service kubernetes and drop what would leave the node for that address instead"}
	tokenNotMounted  = Fault{"automount-off", HopMount, "A-MOUNT-01", "create every ServiceAccount with automountServiceAccountToken: false"}
	wrongRootCA      = Fault{"root-ca-wrong", HopTLS, "A-TLS-02", "publish another authority in every kube-root-ca.crt"}
	otherAudience    = Fault{"token-for-another-audience", HopAuthn, "A-AUTHN-01", "have an admission policy ask for another audience in the token volume of every pod"}
	dnsWrong         = Fault{"dns-wrong", HopResolve, "A-RESOLVE-03", "have CoreDNS say that kubernetes.default.svc is at 127.0.0.1"}
	kubeProxyLost    = Fault{"kube-proxy-rules-gone-one-node", HopService, "A-SERVICE-03", "stop kube-proxy of one worker and remove all its rules"}
	noAPIEndpoints   = Fault{"kubernetes-service-without-endpoints", HopService, "A-SERVICE-04", "restart kube-apiserver with --endpoint-reconciler-type=none and delete the EndpointSlices of the Service kubernetes"}
	podsCutOff       = Fault{"pod-network-to-apiserver-dropped", HopDial, "A-DIAL-02", "drop what the pods of the workers send to the API servers' own addresses"}
	dnsDown          = Fault{"dns-down", HopResolve, "A-RESOLVE-01", "scale CoreDNS to zero replicas"}
)

// brokenVolume is what breaks the way from a pod, by what the cluster gives it, for
// a library that takes that.
var brokenVolume = []Fault{serviceRulesGone, podsCutOff, tokenNotMounted, wrongRootCA, otherAudience, serviceAccountsView}

var inPodClaims = []Claim{
	{
		ID: "py-client/in-pod", Path: PathInPod, Level: Linked, Expect: Reached, Timeout: libraryTime,
		Sentence: "load_incluster_config of the Python client finds and verifies the API server and is the pod's ServiceAccount, which lists the pods of its namespace and gets an ApiException for others; another authority is not trusted, a token for another audience is told 401, and outside a pod it raises a ConfigException",
		Source:   fromPod(sectionClientLibraries), Needs: []Feature{Pods, LibraryImage, PythonClient}, Topologies: []Topology{TopologyClientLibraries},
		Rights: rights(execInPods, account, grantPods),
		Faults: append([]Fault{
			{"python-in-pod-environment", HopTool, "A-TOOL-01", "a python3 whose programs have the environment of a pod"},
			{"python-in-pod-unverified", HopTLS, "A-TLS-08", "have an admission policy turn verification off in the Python program of each pod"},
		}, brokenVolume...),
	},
	{
		ID: "js-client/in-pod", Path: PathInPod, Level: Linked, Expect: Reached, Timeout: libraryTime,
		Sentence: "loadFromCluster of the JavaScript client finds and verifies the API server and is the pod's ServiceAccount, which lists the pods of its namespace and gets an ApiException for others; another authority is not trusted, a token for another audience is told 401, and outside a pod it makes a configuration of https://undefined:undefined, with which no request can be made",
		Source:   fromPod(sectionClientLibraries), Needs: []Feature{Pods, LibraryImage, NodeClient}, Topologies: []Topology{TopologyClientLibraries},
		Rights: rights(execInPods, account, grantPods),
		Faults: append([]Fault{
			{"node-in-pod-environment", HopTool, "A-TOOL-01", "a node whose programs have the environment of a pod"},
			{"node-in-pod-unverified", HopTLS, "A-TLS-08", "have an admission policy set NODE_TLS_REJECT_UNAUTHORIZED=0 in the JavaScript program of each pod"},
		}, brokenVolume...),
	},
	{
		ID: "aap/client-libs-easiest", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "client-go's in-cluster configuration finds the API server, verifies it and authenticates with the pod's own token, and says that it is not in a cluster when KUBERNETES_SERVICE_HOST is empty",
		Source:   fromPod(sectionClientLibraries), Needs: []Feature{Pods},
		Rights: rights(execInPods, readLogs),
		Faults: []Fault{serviceRulesGone, noAPIEndpoints, podsCutOff, tokenNotMounted, wrongRootCA, otherAudience, accountKeyOther},
	},
	{
		ID: "aap/sa-credentials-used", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "a request with a pod's token is that of the pod's ServiceAccount, bound to this very pod, and may do what that ServiceAccount may, until its RoleBinding is removed",
		Source:   fromPod(sectionClientLibraries), Needs: []Feature{Pods},
		Rights: rights(execInPods, account, grantPods, inGroup("rbac.authorization.k8s.io", "rolebindings", "delete")),
		Faults: []Fault{
			tokenNotMounted, otherAudience, accountKeyOther,
			{"service-account-swapped", HopAuthn, "A-AUTHN-05", "have an admission policy change spec.serviceAccountName of every pod"},
		},
	},
	{
		ID: "aap/env-vars", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT_HTTPS is the API of the pod's own cluster, even in a pod without service links",
		Source:   fromPod(sectionDirectlyFromPod), Needs: []Feature{Pods},
		Rights: execInPods,
		Faults: []Fault{
			serviceRulesGone, kubeProxyLost, noAPIEndpoints, podsCutOff, wrongRootCA,
			{"service-host-overridden", HopService, "A-SERVICE-04", "have an admission policy set KUBERNETES_SERVICE_HOST to the pod's loopback address in every container"},
		},
	},
	{
		ID: "aap/dns-name", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "kubernetes.default.svc is, in a pod that uses the cluster's DNS, the address of the Service kubernetes, and the API answers there under that name; a pod with dnsPolicy Default does not know the name",
		Source:   fromPod(sectionDirectlyFromPod), Needs: []Feature{Pods},
		Rights: rights(execInPods, readKubernetes),
		Faults: []Fault{
			dnsDown, dnsWrong, serviceRulesGone,
			{"dns-policy-changed", HopResolve, "A-RESOLVE-01", "have an admission policy set dnsPolicy: Default on every pod"},
		},
	},
	{
		ID: "aap/token-path", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence:  "each init and ordinary container of a pod finds at /var/run/secrets/kubernetes.io/serviceaccount/token a token that is bound to the pod and expires; an ephemeral container finds none, nor does a pod with automountServiceAccountToken: false, and the pod's word outweighs its ServiceAccount's",
		Deviation: "the page says that the token is placed into the filesystem tree of each container; an ephemeral container has no such folder",
		Source:    fromPod(sectionDirectlyFromPod), Needs: []Feature{Pods},
		Rights: rights(execInPods, readLogs, account, in("serviceaccounts", "update"), in("pods/ephemeralcontainers", "update")),
		Faults: []Fault{tokenNotMounted},
	},
	{
		ID: "aap/ca-path", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt is the bundle of the ConfigMap kube-root-ca.crt, verifies the API server, without it curl does not trust the server, and a changed ConfigMap is put right again",
		Source:   fromPod(sectionDirectlyFromPod), Needs: []Feature{Pods, ClusterScoped},
		Rights: rights(execInPods, in("configmaps", "get", "update")),
		Faults: []Fault{
			tokenNotMounted, wrongRootCA,
			{"root-ca-publisher-stopped", HopController, "A-CONTROLLER-01", "stop kube-controller-manager once the namespace has its kube-root-ca.crt"},
		},
	},
	{
		ID: "aap/namespace-path", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "/var/run/secrets/kubernetes.io/serviceaccount/namespace holds the name of the pod's own namespace and nothing else",
		Source:   fromPod(sectionDirectlyFromPod), Needs: []Feature{Pods, ClusterScoped},
		Rights: execInPods,
		Faults: []Fault{
			tokenNotMounted,
			{"namespace-file-wrong", HopMount, "A-MOUNT-02", "have an admission policy project the pod's name as the file namespace"},
		},
	},
	{
		ID: "aap/kubectl-proxy-sidecar", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "kubectl proxy in a container of its own gives the other containers of the pod, which hold no credential, the API on localhost with the rights of the pod's ServiceAccount, and is not reached from another pod",
		Source:   fromPod(sectionProxyInPod), Needs: []Feature{Pods, KubectlImage},
		Rights: rights(execInPods, readLogs, account, grantPods),
		Faults: []Fault{
			tokenNotMounted, serviceRulesGone,
			{"sidecar-open-to-all", HopLocalProxy, "A-PROXY-04", "have an admission policy add --address=0.0.0.0 to the sidecar's command"},
		},
	},
	{
		ID: "aap/without-proxy", Path: PathInPod, Level: Linked, Expect: Reached,
		Sentence: "the documented script prints the API's versions when a container runs it, is told 401 with a token for another audience, and curl refuses the server under a name that its certificate does not have",
		Source:   fromPod(sectionNoProxyInPod), Needs: []Feature{Pods},
		Rights: rights(execInPods, readKubernetes),
		Faults: []Fault{dnsDown, dnsWrong, serviceRulesGone, podsCutOff, tokenNotMounted, wrongRootCA, otherAudience, accountKeyOther},
	},
}
