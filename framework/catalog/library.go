package catalog

// wayOfPrograms breaks whatever a program asks of the API server.
var wayOfPrograms = []Fault{kubeconfigMissing, serverNameUnknown, serverPortDead, caWrong, certificateForeign, tokenGarbage, apiServerDown}

// libraryClaims are what the page says of how to come by a client library, and of
// what to write with it.
var libraryClaims = []Claim{
	{
		ID: "go-client/write-app", Path: PathClients, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence: "an application of client-go's clientset creates an object that is then there and finds it again, and tells by IsForbidden that its user may not",
		Source:   accessCluster(sectionGoClient), Needs: []Feature{GoClient},
		Rights: rights(discover, askWho, ownNamespace, accountToken, listInDefault, in("configmaps", "create", "get")),
		Faults: append([]Fault{{"go-create-claimed", HopTool, "A-TOOL-01", "a go whose application says that it has created what it has not"}}, wayOfPrograms...),
	},
	{
		ID: "go-client/import-path", Path: PathClients, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence:  "a program that imports k8s.io/client-go/kubernetes is built without the main repository, the objects that it gets are those of k8s.io/api, and client-go has no package pkg/api/v1",
		Deviation: "the page says that client-go defines its own API objects; their types are in k8s.io/api",
		Source:    accessCluster(sectionGoClient), Needs: []Feature{GoClient},
		Rights: rights(discover, listInDefault),
		Faults: append([]Fault{{"go-objects-moved", HopTool, "A-TOOL-01", "a go whose program says that its objects are those of client-go"}}, wayOfPrograms...),
	},
	{
		ID: "go-client/compat-matrix", Path: PathClients, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence: "one program with client-go of this minor version and of the one before is the same user, lists the same pods and the disruption budgets of policy/v1, and gets NotFound for policy/v1beta1, which the API server no longer serves",
		Source:   accessCluster(sectionGoClient), Needs: []Feature{GoClient, PreviousGoClient},
		Rights: rights(discover, askWho, ownNamespace, in("pods", "create", "list"), listInDefault, inGroup("policy", "poddisruptionbudgets", "list"),
			each(Right{Group: "policy", Resource: "poddisruptionbudgets", Namespaced: true, Namespace: "default"}, []string{"list"})),
		Faults: append([]Fault{{"go-modfile-ignored", HopTool, "A-TOOL-01", "a go that builds with the same client-go whatever it is told"}, goDropsPod}, wayOfPrograms...),
	},
	{
		ID: "go-client/install", Path: PathClients, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence: "go get k8s.io/client-go@kubernetes-1.N.P gives a module v0.N.P of client-go, with which a program is built and lists pods that was not built without, and fails with a tag that is not there",
		Source:   accessCluster(sectionGoClient), Needs: []Feature{GoClient, ModuleTags},
		Rights: rights(discover, askWho, listInDefault),
		Faults: append([]Fault{{"go-get-other-version", HopTool, "A-TOOL-01", "a go whose get takes another version of client-go"}}, wayOfPrograms...),
	},
	{
		ID: "py-client/install", Path: PathClients, Level: Core, Expect: Reached, Timeout: libraryTime,
		Sentence: "pip install kubernetes, in a virtual environment whose Python cannot import kubernetes, gives it the package and all that it needs, tells the version that the package has, and a program then lists pods",
		Source:   accessCluster(sectionPythonClient), Needs: []Feature{PythonIndex},
		Rights: rights(discover, askWho, listInDefault),
		Faults: append([]Fault{{"venv-without-dependencies", HopTool, "A-TOOL-01", "a python3 whose virtual environments have a pip that installs no dependencies"}}, wayOfPrograms...),
	},
	{
		ID: "go-client/pod-see-next", Path: PathInPod, Level: Core, Expect: Reached, Timeout: goBuildTime,
		Sentence: "client-go's in-cluster configuration asks the API server with the pod's token in a pod, and is ErrNotInCluster outside",
		Source:   accessCluster(sectionGoClient), Needs: []Feature{GoClient, Pods},
		Rights: rights(execInPods, readLogs),
		Faults: []Fault{
			{"go-in-pod-environment", HopTool, "A-TOOL-01", "a go whose programs have the environment of a pod"},
			serviceRulesGone, tokenNotMounted, wrongRootCA, otherAudience,
		},
	},
}
