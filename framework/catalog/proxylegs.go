package catalog

const sectionProxies = "so-many-proxies"

// proxyLegClaims are what the page says of kubectl proxy among the other proxies,
// and where it sends its readers.
var proxyLegClaims = []Claim{
	{
		ID: "kp/localhost-to-apiserver", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy gives who asks at localhost what the API server gives, is not reached at another address of the machine, and answers 403 to any other host, also where it is told to listen, until --accept-hosts lets that host in",
		Source:   accessCluster(sectionProxies),
		Rights:   readRoot,
		Faults:   []Fault{listensEverywhere, hostsAllAccepted, proxyKilled, locationIgnored, apiServerDown},
	},
	{
		ID: "kp/client-leg-http", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "a client speaks plain HTTP/1.1 to kubectl proxy, which whoever listens in between can read, and gets no TLS handshake from it",
		Source:   accessCluster(sectionProxies),
		Rights:   readRoot,
		Faults: []Fault{
			{"proxy-speaks-tls", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy speaks TLS to its clients"},
			proxyKilled, locationIgnored, apiServerDown,
		},
	},
	{
		ID: "kp/server-leg-https", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy begins each connection to the API server with a TLS handshake, so that whoever listens in between reads neither request nor token; with a location of http:// it sends the request in clear, and no token",
		Source:   accessCluster(sectionProxies), Needs: []Feature{OwnCA},
		Rights: rights(readRoot, ownNamespace, accountToken),
		Faults: []Fault{
			{"server-leg-plain", HopTLS, "A-TLS-01", "a kubectl whose proxy takes https for http in the location of the API server"},
			locationIgnored, apiServerDown, caWrong, manInTheMiddle,
		},
	},
	{
		ID: "kp/locates", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy finds the API server by the file that KUBECONFIG names, by the current context of the first where it names several, and by that of --kubeconfig before all of them",
		Source:   accessCluster(sectionProxies),
		Rights:   rights(readRoot, ownNamespace, accountToken),
		Faults: []Fault{
			{"files-reversed", HopConfig, "A-CONFIG-14", "a kubectl whose proxy reads the files of KUBECONFIG from the last to the first"},
			locationIgnored, apiServerDown, serverPortDead,
		},
	},
	{
		ID: "kp/adds-auth-headers", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence:  "kubectl proxy adds its kubeconfig's token to a request without a credential, passes a client's own Authorization header on in place of it, and adds no header where its kubeconfig has a client certificate",
		Deviation: "the page says that the proxy adds authentication headers; it adds none where the client has sent one, and none where its own credential is a client certificate, which goes with the connection",
		Source:    accessCluster(sectionProxies),
		Rights:    rights(askWho, ownNamespace, accountToken),
		Faults: []Fault{
			{"client-header-dropped", HopLocalProxy, "A-PROXY-05", "a kubectl whose proxy drops its client's Authorization header"},
			credentialsDropped, apiServerDown, tokenGarbage,
		},
	},
	{
		ID: "kp/runs-on-desktop-or-pod", Path: PathInPod, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy serves on this machine, as its kubeconfig's user, and in a pod, as the pod's ServiceAccount, and in a pod without a service account volume finds no API server",
		Source:   accessCluster(sectionProxies), Needs: []Feature{Pods, KubectlImage},
		Rights: rights(askWho, execInPods, readLogs, account),
		Faults: []Fault{proxyKilled, tokenNotMounted, serviceRulesGone, apiServerDown},
	},
	{
		ID: "kubectl-proxy/see-reference", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "kubectl proxy has the options that its reference lists, with the defaults that are given there, no others, and refuses one that is not among them",
		Source:   accessCluster(sectionKubectlProxy),
		Faults: []Fault{
			{"proxy-option-missing", HopTool, "A-TOOL-01", "a kubectl whose proxy does not list --unix-socket"},
			{"proxy-default-other", HopTool, "A-TOOL-01", "a kubectl whose proxy says that it listens on every address by default"},
		},
	},
}
