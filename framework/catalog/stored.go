package catalog

// Faults that break more than one claim about what kubectl has stored.
var (
	credentialsDropped = Fault{"credentials-dropped", HopAuthn, "A-AUTHN-02", "a kubectl that sends no credential"}
	kubectlTrustsAll   = Fault{"kubectl-verification-off", HopTLS, "A-TLS-08", "a kubectl that does not verify the server's certificate"}
)

var storedClaims = []Claim{
	{
		ID: "rest/kubectl-locates-and-authenticates", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "kubectl without a flag gets from the API what curl gets that is told the kubeconfig's location, authority and credential, as the same user, and asks http://localhost:8080 once the kubeconfig has no current context",
		Source:   accessCluster(sectionRESTAPI), Needs: []Feature{HostTools},
		Rights: rights(readRoot, askWho),
		Faults: []Fault{
			kubeconfigIgnored, serverIgnored, credentialsDropped, addressNotInServer,
			kubeconfigMissing, contextMissing, serverNameUnknown, serverPortDead, serverBlackHole, caWrong,
			certificateForeign, tokenGarbage, tokenExpired, manInTheMiddle, apiServerUnavailable, apiServerDown,
		},
	},
	{
		ID: "kubectl/handed-over-kubeconfig", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "what kubectl config view --minify --raw --flatten prints is all that somebody else needs to be the same user in another home and working folder, and without --flatten it does not do where the kubeconfig names files",
		Source:   accessCluster(sectionFirstTime), Needs: []Feature{OwnCA},
		Rights: rights(readRoot, askWho),
		Faults: []Fault{
			{"flatten-ignored", HopTool, "A-TOOL-01", "a kubectl whose config view ignores --flatten"},
			{"view-minify-ignored", HopTool, "A-TOOL-01", "a kubectl whose config view ignores --minify"},
			kubeconfigIgnored, serverPortDead, caWrong, certificateForeign, tokenGarbage, apiServerDown,
		},
	},
	{
		ID: "kubectl/examples-and-reference-exist", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "kubectl has examples of every command that the documentation uses and explains each flag of it, says where its reference is, and refuses a command or a flag that it does not know",
		Source:   accessCluster(sectionFirstTime),
		Faults: []Fault{
			{"examples-gone", HopTool, "A-TOOL-01", "a kubectl whose help has no examples"},
			{"minify-undocumented", HopTool, "A-TOOL-01", "a kubectl whose help on config view does not explain --minify"},
			{"unknown-flags-taken", HopTool, "A-TOOL-01", "a kubectl that takes a flag which it does not know"},
		},
	},
	{
		ID: "tls/stored-in-dot-kube", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "kubectl without KUBECONFIG reads ~/.kube/config and the certificates that it names beside it, asks http://localhost:8080 with another home folder, and writes ~/.kube/config for its owner alone",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{OwnCA},
		Rights: readRoot,
		Faults: []Fault{
			{"home-ignored", HopTool, "A-TOOL-01", "a kubectl that does not look into the home folder"},
			{"written-for-all", HopTool, "A-TOOL-01", "a kubectl that writes its kubeconfig for everybody to read"},
			serverIgnored, credentialsDropped, serverPortDead, caWrong, certificateForeign, tokenGarbage, apiServerDown,
		},
	},
	{
		ID: "tls/kubectl-root-and-client-certs", Path: PathKubectl, Level: Core, Expect: Reached,
		Sentence: "kubectl shows the stored client certificate to a server that the stored authority vouches for, and to no other, and is for the API server whom the certificate is for; with a certificate of another authority for the same user it is refused with 401",
		Source:   accessCluster(sectionWithoutKubectl), Needs: []Feature{OwnCA, ClientCertificate},
		Rights: rights(readRoot, askWho),
		Faults: []Fault{
			kubectlTrustsAll, credentialsDropped, kubeconfigIgnored, serverNameWrong,
			kubeconfigMissing, serverPortDead, caWrong, certificateForeign, certificateExpired, manInTheMiddle, apiServerDown,
		},
	},
}
