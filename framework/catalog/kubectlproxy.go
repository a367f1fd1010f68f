package catalog

// Faults that break more than one claim about kubectl proxy.
var (
	locationIgnored   = Fault{"location-ignored", HopConfig, "A-CONFIG-14", "a kubectl whose proxy does not read KUBECONFIG"}
	proxyKilled       = Fault{"proxy-killed", HopLocalProxy, "A-PROXY-01", "a kubectl whose proxy ends as soon as it serves"}
	prefixMoved       = Fault{"prefix-moved", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy serves the API below another prefix"}
	hostsAllAccepted  = Fault{"hosts-all-accepted", HopLocalProxy, "A-PROXY-04", "a kubectl whose proxy accepts every host"}
	listensEverywhere = Fault{"listens-everywhere", HopLocalProxy, "A-PROXY-04", "a kubectl whose proxy listens on every address"}
)

var kubectlProxyClaims = []Claim{
	{
		ID: "proxy-mode/stored-location", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy sends requests to the server of its kubeconfig's context, and answers each with 500 while nothing listens there",
		Source:   accessCluster(sectionRESTAPI),
		Rights:   rights(readRoot, ownNamespace, accountToken),
		Faults: []Fault{
			locationIgnored, apiServerDown, apiServerPaused, serverPortDead, serverBlackHole,
			{"context-ignored", HopConfig, "A-CONFIG-14", "a kubectl whose proxy ignores --context"},
		},
	},
	{
		ID: "proxy-mode/verifies-identity", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy verifies the API server by the certificate authority in its kubeconfig: to a server with another certificate it sends no request and no token, and it answers 500",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{OwnCA},
		Rights: rights(readRoot, ownNamespace, accountToken),
		Faults: []Fault{
			kubectlTrustsAll,
			apiServerDown, caWrong, serverNameWrong, manInTheMiddle,
		},
	},
	{
		ID: "proxy-mode/authenticates", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy makes a request without a credential one of its kubeconfig's user, who gets what the same request alone is refused, and passes on the 401 that a bad credential gets",
		Source:   accessCluster(sectionRESTAPI),
		Rights:   rights(askWho, ownNamespace, accountToken, in("pods", "list")),
		Faults: []Fault{
			credentialsDropped,
			anonymousLetIn, anonymousAdmin,
			apiServerDown, tokenGarbage, tokenExpired, tokenAccountGone,
		},
	},
	{
		ID: "kubectl-proxy/reverse-proxy-mode", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy passes GET, POST, PATCH, DELETE and the stream of a watch on to the API server and back, as long as it runs",
		Source:   accessCluster(sectionKubectlProxy),
		Rights:   rights(readRoot, ownNamespace, in("configmaps", "create", "get", "patch", "delete", "watch")),
		Faults: []Fault{
			{"methods-rejected", HopLocalProxy, "A-PROXY-02", "a kubectl whose proxy rejects PATCH"},
			{"stream-buffered", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy passes an answer on once it is complete"},
			proxyKilled, locationIgnored, apiServerDown,
		},
	},
	{
		ID: "kubectl-proxy/port-flag", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy --port=8080 listens on port 8080 of 127.0.0.1 and of no other address, and fails when the port is taken",
		Source:   accessCluster(sectionKubectlProxy),
		Rights:   readRoot,
		Faults: []Fault{
			{"port-ignored", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy ignores --port"},
			listensEverywhere,
			proxyKilled, apiServerDown,
		},
	},
	{
		ID: "kubectl-proxy/api-root", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "curl http://localhost:8080/api/ through kubectl proxy gives the versions of the API and the address of an API server, as the API server itself gives them, and 404 below another --api-prefix",
		Source:   accessCluster(sectionKubectlProxy), Needs: []Feature{HostTools},
		Rights: readRoot,
		Faults: []Fault{prefixMoved, proxyKilled, locationIgnored, apiServerDown},
	},
	{
		ID: "kubectl-proxy/output-shape", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "what the root of the API gives through kubectl proxy is JSON with the kind APIVersions, versions, and a serverAddress for each clientCIDR",
		Source:   accessCluster(sectionKubectlProxy),
		Rights:   readRoot,
		Faults: []Fault{
			{"files-instead", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy serves a folder of files below /api/"},
			prefixMoved, apiServerDown,
		},
	},
	{
		ID: "kubectl-proxy/ipv6-loopback", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence:  "kubectl proxy cannot be reached at [::1] unless it is told --address=[::1], answers 403 there all the same, and lets [::1] in only with an --accept-hosts of ^::1$",
		Deviation: "the page says to replace localhost by [::1] for IPv6; the proxy listens on 127.0.0.1 alone, and its default --accept-hosts does not match [::1]",
		Source:    accessCluster(sectionKubectlProxy), Needs: []Feature{IPv6Loopback},
		Rights: readRoot,
		Faults: []Fault{
			hostsAllAccepted, listensEverywhere,
			apiServerDown,
		},
	},
}
