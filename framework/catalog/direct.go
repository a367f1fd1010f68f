package catalog

// Faults that break more than one claim about direct access.
var (
	curlHeadersIgnored  = Fault{"curl-header-files-ignored", HopAuthn, "A-AUTHN-02", "a curl that ignores a --header from a file"}
	serviceAccountsView = Fault{"serviceaccounts-may-view", HopAuthz, "A-AUTHZ-03", "bind the ClusterRole view to the group system:serviceaccounts"}
)

// editConfigMaps is for a ServiceAccount that is granted the right to edit
// ConfigMaps: who grants it must have it.
var editConfigMaps = rights(
	accountToken, in("configmaps", "create", "get", "list", "watch", "patch", "delete"),
	inGroup("rbac.authorization.k8s.io", "roles", "create"), inGroup("rbac.authorization.k8s.io", "rolebindings", "create"),
)

var directClaims = []Claim{
	{
		ID: "rest/client-curl", Path: PathDirect, Level: Core, Expect: Reached,
		Sentence: "curl reads, creates, changes, watches and deletes objects of the API with the kubeconfig's location, its authority and a token; without the authority it does not trust the server, and it exits with 0 when the API server refuses it, unless it is told --fail",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{HostTools, OwnCA},
		Rights: rights(readRoot, ownNamespace, editConfigMaps),
		Faults: []Fault{
			verificationOff, addressNotInServer, curlHeadersIgnored, serviceAccountsView, accountKeyOther, discoveryUnbound,
			{"curl-fails-on-status", HopTool, "A-TOOL-01", "a curl that is told --fail whatever it is told"},
			kubeconfigMissing, serverNameUnknown, serverPortDead, caWrong, certificateForeign, tokenGarbage,
			manInTheMiddle, answersCut, apiServerUnavailable, apiServerDown,
		},
	},
	{
		ID: "rest/client-wget", Path: PathDirect, Level: Core, Expect: Reached,
		Sentence: "wget reads, creates, changes, watches and deletes objects of the API with the kubeconfig's location, its authority and a token; without the authority it ends with exit code 5, and with 6 when the API server does not accept the token, with 8 when it refuses the request",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{Wget, OwnCA},
		Rights: rights(readRoot, ownNamespace, editConfigMaps),
		Faults: []Fault{
			addressNotInServer, serviceAccountsView, accountKeyOther, discoveryUnbound,
			{"wget-verification-off", HopTLS, "A-TLS-08", "a wget that verifies no certificate"},
			{"wget-startup-ignored", HopAuthn, "A-AUTHN-02", "a wget that does not read the file that WGETRC names, in which its header is"},
			kubeconfigMissing, serverNameUnknown, serverPortDead, caWrong, tokenGarbage,
			manInTheMiddle, answersCut, apiServerUnavailable, apiServerDown,
		},
	},
	{
		ID: "direct/location-and-credentials", Path: PathDirect, Level: Core, Expect: Reached,
		Sentence: "curl that is given a location with a client certificate or a token is the user whom that names; with the location alone it is refused what the user may have, and without the location it asks nobody",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{HostTools, OwnCA, OwnIdentity},
		Rights: rights(readRoot, askWho, ownNamespace, editConfigMaps),
		Faults: []Fault{
			curlHeadersIgnored, anonymousLetIn, anonymousAdmin, accountKeyOther, discoveryUnbound, addressNotInServer,
			{"curl-certificate-dropped", HopAuthn, "A-AUTHN-02", "a curl that ignores --cert and --key"},
			kubeconfigMissing, serverNameUnknown, serverPortDead, serverBlackHole, caWrong,
			certificateForeign, certificateExpired, tokenGarbage, tokenExpired, apiServerDown,
		},
	},
	{
		ID: "noauth/apiserver-may-skip-auth", Path: PathDirect, Level: Core, Expect: Reached,
		Sentence:  "the API server tells a caller without a credential no more than its health, its version and what it serves, refuses it objects with 401 or 403, and refuses a token that it does not know with 401",
		Deviation: "the page says that on some clusters the apiserver does not require authentication, and may serve on localhost; the port that did so is gone since Kubernetes 1.24, and who has no credential may do what RBAC grants to system:anonymous",
		Source:    accessCluster(sectionWithoutKubectl), Topologies: anonymousTopologies,
		Rights: rights(
			[]Right{{Verb: "get", NonResourceURL: "/livez"}, {Verb: "get", NonResourceURL: "/readyz"}, {Verb: "get", NonResourceURL: "/version"}},
			discover, askWho, ownNamespace, clusterWide("", "namespaces", "list"), clusterWide("", "nodes", "list"),
			in("pods", "list"), in("secrets", "list"), in("configmaps", "create"),
		),
		Faults: []Fault{anonymousLetIn, anonymousAdmin, certificateForeign, caWrong, serverPortDead, apiServerDown},
	},
}

// confusedClaims are about what goes on beside direct access: through kubectl
// proxy, the API server's proxy, and what that once was.
var confusedClaims = []Claim{
	{
		ID: "direct/works-for-proxy-confused-clients", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "directly the API server serves a client that asks for another host, that speaks TLS alone or that runs a command in a container; kubectl proxy answers the first and the last with 403 and does not speak TLS",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{Pods},
		Rights: rights(readRoot, execInPods),
		Faults: []Fault{
			hostsAllAccepted, proxyKilled, locationIgnored,
			{"paths-unfiltered", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy rejects no path"},
			{"upgrades-dropped", HopAPI, "A-API-08", "put a reverse proxy in front of the API server that drops each request's wish to change the protocol"},
			serverPortDead, caWrong, certificateForeign, apiServerDown,
		},
	},
	{
		ID: "ap/client-leg-https", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence:  "the API server's proxy answers over HTTPS, and to plain HTTP at the same port the API server says that it takes TLS alone",
		Deviation: "the page says that the client's leg is HTTPS, or HTTP if the apiserver is so configured; Kubernetes 1.24 has removed the flag for that",
		Source:    soManyProxies,
		Rights:    rights(readRoot, clusterWide("", "nodes", "list"), clusterWide("", "nodes/proxy", "get")),
		Faults: []Fault{
			{"plain-http-served", HopTLS, "A-TLS-01", "lead to the API server by a port that takes plain HTTP too"},
			proxyRightMissing, caWrong, serverNameWrong, manInTheMiddle, serverPortDead, certificateForeign, apiServerDown,
		},
	},
	{
		ID: "redirect/removed", Path: PathAPIServerProxy, Level: Core, Expect: Reached,
		Sentence: "the API server redirects to no Service, pod or node that its proxy reaches: what was asked for redirects is not found",
		Source:   accessCluster("requesting-redirects"), Needs: []Feature{Pods},
		Rights: rights(
			ownPods, ownServices, throughServices, throughPods, clusterWide("", "nodes/proxy", "get"),
			in("services/redirect", "get"), in("pods/redirect", "get"), clusterWide("", "nodes/redirect", "get"),
		),
		Faults: []Fault{
			{"redirects-served", HopAPI, "A-API-08", "put a reverse proxy in front of the API server that answers redirects as it once did"},
			selectorWrong, podsUnreachable, backendError, proxyRightMissing,
		},
	},
}
