package catalog

// readVersion is for what the API server tells of itself, as every authenticated
// user may by default.
var readVersion = []Right{{Verb: "get", NonResourceURL: "/version"}}

// browserClaims are what the page says of browsers.
var browserClaims = []Claim{
	{
		ID: "kubectl-proxy/curl-wget-browser", Path: PathKubectlProxy, Level: Core, Expect: Reached,
		Sentence: "curl, wget and a browser get of the API through kubectl proxy what the API server itself gives, at /api/, /apis, /version and /openapi/v3, and 403 each where they ask at another host name for the same address",
		Source:   accessCluster(sectionKubectlProxy), Needs: []Feature{HostTools, Browser},
		Rights: rights(discover, readVersion, []Right{{Verb: "get", NonResourceURL: "/openapi/v3"}}),
		Faults: []Fault{hostsAllAccepted, prefixMoved, proxyKilled, locationIgnored, apiServerDown},
	},
	{
		ID: "rest/client-browser", Path: PathBrowser, Level: Core, Expect: Reached,
		Sentence: "a browser that is given the location, the authority and a token shows what the API server lets the token's ServiceAccount see, what an anonymous caller gets without the token, and 401 with a token of no cluster",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{Browser, OwnCA},
		Rights: rights(ownNamespace, accountToken, grantPods),
		Faults: []Fault{
			accountKeyOther, anonymousLetIn, anonymousAdmin,
			apiServerDown, caWrong, manInTheMiddle, addressNotInServer,
		},
	},
	{
		ID: "direct/browser-import-root-cert", Path: PathBrowser, Level: Core, Expect: Reached,
		Sentence: "a browser into which the cluster's authority is imported opens the API without a warning and sends a man in the middle nothing; one with another authority instead warns of the API server, and opens what that authority vouches for",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{Browser, OwnCA},
		Rights: rights(readVersion, ownNamespace, accountToken),
		Faults: []Fault{
			{"browser-verification-off", HopTLS, "A-TLS-08", "a chromium that verifies no certificate"},
			apiServerDown, caWrong, manInTheMiddle, addressNotInServer,
		},
	},
}
