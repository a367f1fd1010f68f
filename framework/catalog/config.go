package catalog

// accessCluster is the page "Accessing Clusters".
func accessCluster(section string) Source {
	return Source{Page: "tasks/access-application-cluster/access-cluster", Section: section, Version: "v1.23"}
}

// configViewReference is the reference page of kubectl config view.
var configViewReference = Source{Page: "reference/kubectl/generated/kubectl_config/kubectl_config_view", Section: "options", Version: "v1.37"}

const (
	sectionFirstTime      = "accessing-for-the-first-time-with-kubectl"
	sectionRESTAPI        = "directly-accessing-the-rest-api"
	sectionKubectlProxy   = "using-kubectl-proxy"
	sectionWithoutKubectl = "without-kubectl-proxy"
)

// Faults that break more than one claim about kubectl.
var (
	apiServerDown     = Fault{"apiserver-down", HopDial, "A-DIAL-01", "stop kube-apiserver"}
	kubeconfigIgnored = Fault{"kubeconfig-ignored", HopTool, "A-TOOL-01", "a kubectl that does not read KUBECONFIG"}
	serverIgnored     = Fault{"server-ignored", HopTool, "A-TOOL-01", "a kubectl that asks one server whatever the kubeconfig says"}
	anonymousLetIn    = Fault{"anonymous-let-in", HopAuthz, "A-AUTHZ-03", "bind the ClusterRole view to the user system:anonymous"}
	anonymousAdmin    = Fault{"anonymous-cluster-admin", HopAuthz, "A-AUTHZ-03", "bind the ClusterRole cluster-admin to the group system:unauthenticated"}
	apiServerPaused   = Fault{"apiserver-paused", HopTLS, "A-TLS-06", "stop kube-apiserver with SIGSTOP"}
)

// Faults of the kubeconfig that a run is given, and of its credentials.
var (
	kubeconfigMissing  = Fault{"kubeconfig-missing", HopConfig, "A-CONFIG-01", "name a kubeconfig that does not exist"}
	contextMissing     = Fault{"context-missing", HopConfig, "A-CONFIG-05", "name a context that the kubeconfig does not have"}
	serverNameUnknown  = Fault{"server-name-unknown", HopResolve, "A-RESOLVE-01", "a kubeconfig whose server is at a host name without an address"}
	serverPortDead     = Fault{"server-port-dead", HopDial, "A-DIAL-01", "a kubeconfig whose server is at a port on which nothing listens"}
	serverBlackHole    = Fault{"server-black-hole", HopDial, "A-DIAL-02", "a kubeconfig whose server is at an address that drops what arrives"}
	caWrong            = Fault{"ca-wrong", HopTLS, "A-TLS-02", "a kubeconfig with another certificate authority"}
	serverNameWrong    = Fault{"server-name-wrong", HopTLS, "A-TLS-03", "a kubeconfig with a tls-server-name that the certificate is not for"}
	certificateForeign = Fault{"client-certificate-foreign", HopAuthn, "A-AUTHN-01", "a kubeconfig with a client certificate of another authority"}
	certificateExpired = Fault{"client-certificate-expired", HopAuthn, "A-AUTHN-03", "a kubeconfig with a client certificate of the cluster's own authority that has expired"}
	tokenGarbage       = Fault{"token-garbage", HopAuthn, "A-AUTHN-01", "a kubeconfig with a token of no cluster"}
	tokenExpired       = Fault{"token-expired", HopAuthn, "A-AUTHN-03", "a kubeconfig with a token that the cluster's own key has signed and that has expired"}
	tokenOtherAudience = Fault{"token-other-audience", HopAuthn, "A-AUTHN-01", "a kubeconfig with a token for another audience"}
	tokenSecretGone    = Fault{"token-secret-deleted", HopAuthn, "A-AUTHN-01", "a kubeconfig with the token of a Secret that has been deleted"}
	tokenAccountGone   = Fault{"token-account-deleted", HopAuthn, "A-AUTHN-01", "a kubeconfig with the token of a ServiceAccount that has been deleted"}
	tokenPodGone       = Fault{"token-pod-deleted", HopAuthn, "A-AUTHN-01", "a kubeconfig with a token that is bound to a pod that has been deleted"}
)

// Faults of something in front of the API server.
var (
	manInTheMiddle       = Fault{"mitm", HopTLS, "A-TLS-02", "put a man in the middle before the API server, with a certificate of an authority that nobody trusts"}
	apiServerSlow        = Fault{"apiserver-slow", HopAPI, "A-API-04", "put a reverse proxy in front of the API server that lets each request wait for 20 seconds"}
	answersCut           = Fault{"answers-cut", HopAPI, "A-API-03", "put a reverse proxy in front of the API server that breaks each answer off in its body"}
	apiServerUnavailable = Fault{"apiserver-unavailable", HopAPI, "A-API-07", "put a reverse proxy in front of the API server that answers 503 to everything"}
)

var configClaims = []Claim{
	{
		ID: "kubectl/first-access", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "kubectl reads the API and lists namespaces with no more than a kubeconfig, and asks nobody else when the server that it names does not answer",
		Source:   accessCluster(sectionFirstTime),
		Rights:   rights(discover, ownNamespace, clusterWide("", "namespaces", "list")),
		Faults: []Fault{
			kubeconfigIgnored, apiServerDown, apiServerPaused,
			serverIgnored,
			kubeconfigMissing, contextMissing, serverNameUnknown, serverPortDead, serverBlackHole, caWrong, serverNameWrong,
			certificateForeign, certificateExpired,
			tokenGarbage, tokenExpired, tokenOtherAudience, tokenSecretGone, tokenAccountGone, tokenPodGone,
			manInTheMiddle, apiServerSlow, answersCut, apiServerUnavailable,
		},
	},
	{
		ID: "kubectl/needs-location", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "kubectl asks the location in its kubeconfig; without one it does not fail but asks http://localhost:8080, sends no credential, and takes whatever answers there for the cluster",
		Source:   accessCluster(sectionFirstTime), Needs: []Feature{HostTools},
		Rights: readRoot,
		Faults: []Fault{
			{"missing-location-refused", HopTool, "A-TOOL-01", "a kubectl that ends with an error when it knows no server"},
			serverIgnored,
		},
	},
	{
		ID: "kubectl/needs-credentials", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "kubectl without a credential asks for a user name and not the API server, which refuses whoever has none, or a user name and a password, with 403 or 401, and a token that it does not know with 401",
		Source:   accessCluster(sectionFirstTime),
		Rights:   rights(askWho, ownNamespace, in("pods", "list")),
		Faults: []Fault{
			{"no-prompt", HopTool, "A-TOOL-01", "a kubectl that asks the API server without a credential"},
			anonymousLetIn, anonymousAdmin,
			kubeconfigIgnored, apiServerDown,
		},
	},
	{
		ID: "config-view/shows-location-and-creds", Path: PathConfigView, Level: Core, Expect: Reached,
		Sentence: "kubectl config view shows every cluster's location, every user's kind of credential and every context that kubectl knows, and an empty configuration with exit code 0 when it knows none",
		Source:   accessCluster(sectionFirstTime),
		Faults: []Fault{
			kubeconfigIgnored,
			{"view-minified", HopTool, "A-TOOL-01", "a kubectl whose config view shows the current context alone"},
			{"view-fails-when-empty", HopTool, "A-TOOL-02", "a kubectl whose config view fails without a kubeconfig"},
		},
	},
	{
		ID: "config-view/minify", Path: PathConfigView, Level: Linked, Expect: Reached,
		Sentence: "kubectl config view --minify shows the current context with its cluster and user and nothing else, and fails when there is no current context or it does not exist",
		Source:   configViewReference,
		Faults: []Fault{
			{"view-minify-ignored", HopTool, "A-TOOL-01", "a kubectl whose config view ignores --minify"},
			{"view-context-ignored", HopTool, "A-TOOL-01", "a kubectl that ignores --context"},
		},
	},
	{
		ID: "config-view/redacts-secrets", Path: PathConfigView, Level: Linked, Expect: Reached,
		Sentence:  "kubectl config view hides certificates, keys, tokens and passwords unless it is told --raw or --flatten, and shows the environment of a credential plugin in any case",
		Deviation: "the page says that --raw is what displays sensitive data; --flatten displays all of it too, and the environment variables of a credential plugin, which may hold some, are displayed without either",
		Source:    configViewReference,
		Faults: []Fault{
			{"view-always-raw", HopTool, "A-TOOL-01", "a kubectl whose config view hides nothing"},
			{"raw-ignored", HopTool, "A-TOOL-01", "a kubectl that ignores --raw"},
			{"flatten-redacts", HopTool, "A-TOOL-01", "a kubectl that hides secrets with --flatten too"},
			{"plugin-environment-hidden", HopTool, "A-TOOL-01", "a kubectl that hides the environment of credential plugins"},
		},
	},
}
