package catalog

// Faults that break more than one claim about tokens.
var (
	controllerManagerDown = Fault{"controller-manager-down", HopController, "A-CONTROLLER-01", "stop kube-controller-manager"}
	// Without a key there is no token controller; the others run.
	signingKeyMissing = Fault{"signing-key-missing", HopController, "A-CONTROLLER-01", "take --service-account-private-key-file from kube-controller-manager"}
	// The token controller signs with a key that the API server does not know.
	signingKeyWrong = Fault{"signing-key-wrong", HopAuthn, "A-AUTHN-01", "give kube-controller-manager another --service-account-private-key-file than the API server's"}
	// The API server verifies tokens by another key than they are signed with.
	accountKeyOther    = Fault{"service-account-key-other", HopAuthn, "A-AUTHN-01", "restart kube-apiserver with another --service-account-key-file, so that it rejects every token of a ServiceAccount"}
	describeReworded   = Fault{"describe-reworded", HopTool, "A-TOOL-01", "a kubectl whose describe writes Token: for token:"}
	tokenInvented      = Fault{"describe-invents-token", HopTool, "A-TOOL-01", "a kubectl whose describe shows a token that is not there"}
	minifyIgnored      = Fault{"minify-ignored", HopConfig, "A-CONFIG-14", "a kubectl that ignores --minify"}
	serverNamedTwice   = Fault{"server-named-twice", HopConfig, "A-CONFIG-14", "a kubeconfig with a tls-server-name"}
	discoveryUnbound   = Fault{"discovery-unbound", HopAuthz, "A-AUTHZ-01", "take the group system:authenticated out of the ClusterRoleBinding system:discovery"}
	verificationOff    = Fault{"verification-off", HopTLS, "A-TLS-08", "a curl that verifies no certificate"}
	addressNotInServer = Fault{"address-not-in-certificate", HopTLS, "A-TLS-03", "a kubeconfig whose server is at an address that its certificate is not for"}
)

var tokenClaims = []Claim{
	{
		ID: "token/secret-create", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "applying the documented Secret gets a token of the ServiceAccount default, with the cluster's authority and the namespace beside it; without the annotation the Secret is refused, and one for a ServiceAccount that does not exist is deleted",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Rights: rights(tokenSecret, in("serviceaccounts", "get"), in("configmaps", "list", "watch")),
		Faults: []Fault{controllerManagerDown, signingKeyMissing, signingKeyWrong, accountKeyOther},
	},
	{
		ID: "token/wait-for-controller", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "the documented loop waits for the token controller: it ends once the Secret has its token, and goes on without end while it has none",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Rights: rights(tokenSecret, in("secrets", "delete")),
		Faults: []Fault{
			controllerManagerDown, signingKeyMissing, describeReworded, tokenInvented,
		},
	},
	{
		ID: "token/grep-cut-apiserver", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "grep and cut find the location of the API server in what kubectl config view --minify prints, and more than the location where another of its lines says server, as tls-server-name does",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Faults: []Fault{serverNamedTwice, minifyIgnored},
	},
	{
		ID: "token/grep-cut-token", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "grep and cut find the token in what kubectl describe secret prints; while the Secret has none they find nothing, and the documented curl is then that of an anonymous caller",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Rights: rights(tokenSecret, in("secrets", "delete")),
		Faults: []Fault{controllerManagerDown, signingKeyMissing, describeReworded, tokenInvented},
	},
	{
		ID: "token/curl-grep-cut", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "the documented curl with what grep and cut found gives the versions of the API, 401 with a changed token, and what an anonymous caller gets with an empty one",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Rights: tokenSecret,
		Faults: []Fault{controllerManagerDown, signingKeyWrong, accountKeyOther, describeReworded, discoveryUnbound},
	},
	{
		ID: "token/jsonpath-apiserver", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "jsonpath finds the location of the current context's API server among several clusters, and without --minify that of the first",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Faults: []Fault{
			minifyIgnored,
			{"first-context-taken", HopConfig, "A-CONFIG-14", "a kubectl whose config view is of the first context, not the current one"},
		},
	},
	{
		ID: "token/jsonpath-token", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "jsonpath and base64 find the token that grep and cut find, its subject is the ServiceAccount default of the namespace, and without base64 the API server refuses it with 401",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Rights: tokenSecret,
		Faults: []Fault{
			controllerManagerDown,
			{"namespace-ignored", HopTool, "A-TOOL-01", "a kubectl whose get ignores the namespace of the context"},
		},
	},
	{
		ID: "token/curl-jsonpath", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "the documented curl with what jsonpath found gives the same versions of the API as with what grep and cut found, and 401 with a changed token",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools},
		Rights: tokenSecret,
		Faults: []Fault{controllerManagerDown, signingKeyWrong, accountKeyOther, discoveryUnbound},
	},
	{
		ID: "token/default-sa-rights", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "the token of the ServiceAccount default reads the root of the API and is refused the namespace's pods with 403, in its own name, until a RoleBinding grants them",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools, ClusterScoped},
		Rights: rights(tokenSecret, grantPods),
		Faults: []Fault{
			controllerManagerDown, signingKeyWrong, accountKeyOther, discoveryUnbound,
			serviceAccountsView,
		},
	},
	{
		ID: "tls/insecure-is-mitm-able", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "the documented curl with --insecure succeeds through a man in the middle, who then has the token; with --cacert it ends with exit code 60 before it has sent a request",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools, OwnCA},
		Rights: tokenSecret,
		Faults: []Fault{
			controllerManagerDown, verificationOff,
			{"insecure-ignored", HopTLS, "A-TLS-02", "a curl that ignores --insecure"},
		},
	},
	{
		ID: "tls/self-signed-needs-config", Path: PathToken, Level: Core, Expect: Reached,
		Sentence: "curl and wget trust the API server when they are given the kubeconfig's authority and not without it, and with it only at an address that the certificate is for",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{HostTools, OwnCA},
		Rights: tokenSecret,
		Faults: []Fault{
			controllerManagerDown, verificationOff, addressNotInServer,
			{"authority-in-system-store", HopTLS, "A-TLS-08", "add the cluster's authority to those that the machine trusts"},
		},
	},
}
