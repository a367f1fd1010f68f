package catalog

import "time"

const (
	sectionProgrammatic = "programmatic-access-to-the-api"
	sectionGoClient     = "go-client"
	sectionPythonClient = "python-client"
	sectionOtherClients = "other-languages"
	// goBuildTime is for a program of client-go that is built from nothing, and
	// libraryTime for a dozen calls of another library, which takes most of a call
	// to load.
	goBuildTime = 10 * time.Minute
	libraryTime = 3 * time.Minute
)

// sharedKubeconfig is for a client library that is given kubectl's kubeconfig,
// and changed copies of it.
var sharedKubeconfig = rights(discover, askWho, ownNamespace, accountToken, in("pods", "create", "list"), listInDefault)

// allPods is for the documented examples, which list the pods of the cluster.
var allPods = rights(ownNamespace, accountToken, in("pods", "create", "list"), clusterWide("", "pods", "list"))

// Faults that break more than one claim about a client library.
var (
	pythonContextIgnored = Fault{"python-context-ignored", HopConfig, "A-CONFIG-14", "a python3 whose client takes the first context of the kubeconfig"}
	pythonTrustsAll      = Fault{"python-verification-off", HopTLS, "A-TLS-08", "a python3 whose client verifies no certificate"}
	pythonDropsPod       = Fault{"python-pod-dropped", HopTool, "A-TOOL-01", "a python3 whose client leaves a pod out of a list"}
	nodeContextIgnored   = Fault{"node-context-ignored", HopConfig, "A-CONFIG-14", "a node whose client takes the first context of the kubeconfig"}
	nodeTrustsAll        = Fault{"node-verification-off", HopTLS, "A-TLS-08", "a node whose client verifies no certificate"}
	nodeDropsPod         = Fault{"node-pod-dropped", HopTool, "A-TOOL-01", "a node whose client leaves a pod out of a list"}
	goContextIgnored     = Fault{"go-context-ignored", HopConfig, "A-CONFIG-14", "a go whose programs take the first context of the kubeconfig"}
	goTrustsAll          = Fault{"go-verification-off", HopTLS, "A-TLS-08", "a go whose programs verify no certificate"}
	goDropsPod           = Fault{"go-pod-dropped", HopTool, "A-TOOL-01", "a go whose programs leave a pod out of a list"}
)

// brokenWay is what breaks the way to the API server for any client.
var brokenWay = []Fault{
	kubeconfigMissing, contextMissing, serverNameUnknown, serverPortDead, caWrong, certificateForeign, tokenGarbage,
	manInTheMiddle, apiServerUnavailable, apiServerDown,
}

// clientClaims are what the page says of client libraries.
var clientClaims = []Claim{
	{
		ID: "py-client/same-kubeconfig", Path: PathClients, Level: Core, Expect: Reached, Timeout: libraryTime,
		Sentence:  "the Python client finds and verifies the API server by kubectl's kubeconfig and is the same user, by a certificate, a token, a token file or a plugin, raises an ApiException where that is refused, and sends a server that it does not trust nothing",
		Deviation: "the page says that the client can use the same kubeconfig file as kubectl; some of its versions ignore tls-server-name and proxy-url in it",
		Source:    accessCluster(sectionPythonClient), Needs: []Feature{PythonClient, OwnCA},
		Rights: sharedKubeconfig,
		Faults: append([]Fault{pythonContextIgnored, pythonTrustsAll, pythonDropsPod}, brokenWay...),
	},
	{
		ID: "py-client/example", Path: PathClients, Level: Core, Expect: Reached,
		Sentence: "the documented Python program lists each pod of the cluster with its IP, a user without rights gets an ApiException from it, and with another authority it ends with CERTIFICATE_VERIFY_FAILED",
		Source:   accessCluster(sectionPythonClient), Needs: []Feature{PythonClient, OwnCA},
		Rights: allPods,
		Faults: []Fault{pythonDropsPod, pythonTrustsAll, kubeconfigMissing, serverPortDead, caWrong, tokenGarbage, manInTheMiddle, apiServerDown},
	},
	{
		ID: "other-clients/exist", Path: PathClients, Level: Core, Expect: Reached, Timeout: libraryTime,
		Sentence:  "the JavaScript client finds and verifies the API server by kubectl's kubeconfig and is the same user, by a certificate, a token or a plugin, throws an ApiException where that is refused, and sends a server that it does not trust nothing",
		Deviation: "the page sends its readers to each library for how it authenticates; @kubernetes/client-node 1.4.0 ignores a user's tokenFile in the kubeconfig, and is then anonymous",
		Source:    accessCluster(sectionOtherClients), Needs: []Feature{NodeClient, OwnCA},
		Rights: sharedKubeconfig,
		Faults: append([]Fault{nodeContextIgnored, nodeTrustsAll, nodeDropsPod}, brokenWay...),
	},
	{
		ID: "go-client/same-kubeconfig", Path: PathClients, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence: "client-go finds and verifies the API server by kubectl's kubeconfig, with its tls-server-name and proxy-url, and is the same user, by a certificate, a token, a token file or a plugin, returns a StatusError where that is refused, and sends a server that it does not trust nothing",
		Source:   accessCluster(sectionGoClient), Needs: []Feature{GoClient, OwnCA},
		Rights: sharedKubeconfig,
		Faults: append([]Fault{goContextIgnored, goTrustsAll, goDropsPod}, brokenWay...),
	},
	{
		ID: "go-client/example", Path: PathClients, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence: "client-go's own out-of-cluster example of the same version counts the pods of the cluster, and ends with a panic that says why where the kubeconfig is not there, where it does not trust the server and where its user may not",
		Source:   accessCluster(sectionGoClient), Needs: []Feature{GoClient, OwnCA},
		Rights: allPods,
		Faults: []Fault{goDropsPod, kubeconfigMissing, serverPortDead, caWrong, tokenGarbage, manInTheMiddle, apiServerDown},
	},
	{
		ID: "clients/official-go-python", Path: PathClients, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence: "a program of client-go and one of the Python client are the same user and list the same pods with the same kubeconfig, and both fail where its current context is none",
		Source:   accessCluster(sectionProgrammatic), Needs: []Feature{GoClient, PythonClient},
		Rights: rights(discover, askWho, ownNamespace, in("pods", "create", "list"), listInDefault),
		Faults: []Fault{pythonDropsPod, goDropsPod, kubeconfigMissing, serverPortDead, caWrong, tokenGarbage, apiServerDown},
	},
}
