package kubectl

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// storedFolder and storedFile are where kubectl has its kubeconfig below the
	// home folder.
	storedFolder = ".kube"
	storedFile   = "config"
	// storedMode is the mode of what holds credentials.
	storedMode = 0o600
	// ownerAlone is that of a folder which its owner alone may enter.
	ownerAlone = 0o700
	// noCredentialFile is what kubectl says of a file that its kubeconfig names
	// and that is not there.
	noCredentialFile = "no such file or directory"
	// someCluster is the name of a cluster that kubectl writes down.
	someCluster = "inroads-written"
)

var _ = harness.Area(catalog.PathKubectl, func() {
	harness.Prove("rest/kubectl-locates-and-authenticates", func(ctx context.Context, env *harness.Env) {
		ginkgo.By("kubectl without a flag gets the root of the API that curl gets with all that the kubeconfig says")
		r := reaches(env, "kubectl reads the root of the API", env.Host.RunKubectl(ctx, "get", "--raw", apiRoot))
		told, err := env.Kubeconfig().Unpack(filepath.Join(env.Dir(), "told"))
		env.Require(err, "writing what the kubeconfig says to files")
		env.At(catalog.HopTool)
		Expect(rootOf(r)).To(Equal(curlRoot(ctx, env, told)), "the root of the API, as kubectl and as curl get it")

		ginkgo.By("it is the kubeconfig's user")
		r = reaches(env, "kubectl asks who it is", env.Host.RunKubectlWith(ctx, access.Review, "create", "--raw", access.ReviewPath, "--filename=-"))
		env.At(catalog.HopAuthn)
		Expect(reviewed(r)).To(Equal(env.Username(ctx)), "kubectl is somebody else than the kubeconfig's user")

		ginkgo.By("it asks the server of the current context, and another one as soon as there is no current context")
		env.At(catalog.HopTool)
		Expect(access.RequestURLs(env.Meet(catalog.HopTool, "kubectl says whom it asks", verbosely(ctx, env.Host), catalog.Reached))).
			To(And(Not(BeEmpty()), HaveEach(HavePrefix(told.Server+"/"))), "kubectl asks elsewhere than its kubeconfig says")
		lost := env.HostWith("lost", env.Kubeconfig().WithCurrentContext(""))
		r = env.Saw(catalog.HopTool, "kubectl without a current context", verbosely(ctx, lost))
		Expect(access.RequestURLs(r)).To(And(Not(BeEmpty()), HaveEach(HavePrefix(fallback+"/"))), "kubectl without a current context does not ask %s", fallback)
		other := env.HostWith("other", env.Kubeconfig().WithServer(nobodyThere))
		env.Meet(catalog.HopTool, "kubectl with another location", other.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Refused)
	})

	harness.Prove("kubectl/handed-over-kubeconfig", func(ctx context.Context, env *harness.Env) {
		giver := storeInHome(env, env.Host, "giver", env.Kubeconfig().WithContext(secondContext, env.Kubeconfig().WithServer(secondServer)))
		reaches(env, "kubectl with a kubeconfig that names files", giver.RunKubectl(ctx, "get", "--raw", apiRoot))

		ginkgo.By("what --flatten --minify --raw prints is enough for somebody else, elsewhere")
		view := []string{"config", "view", "--minify", "--raw"}
		given := give(ctx, env, giver, "flattened", append(view, "--flatten")...)
		taken, err := clientcmd.LoadFromFile(given.Kubeconfig)
		env.Require(err, "reading what was handed over")
		env.At(catalog.HopTool)
		Expect(taken.Clusters).To(HaveLen(1), "the clusters that are handed over")
		Expect(taken.AuthInfos).To(HaveLen(1), "the users that are handed over")
		for name, c := range taken.Clusters {
			Expect(c.CertificateAuthority).To(BeEmpty(), "cluster %q is handed over with the name of a file", name)
		}
		reaches(env, "kubectl with what was handed over", given.RunKubectl(ctx, "get", "--raw", apiRoot))
		r := reaches(env, "kubectl asks who it is, with what was handed over", given.RunKubectlWith(ctx, access.Review, "create", "--raw", access.ReviewPath, "--filename=-"))
		env.At(catalog.HopAuthn)
		Expect(reviewed(r)).To(Equal(env.Username(ctx)), "who has been handed the kubeconfig is somebody else than its user")

		ginkgo.By("without --flatten the names of the giver's files are handed over, which lead nowhere")
		named := give(ctx, env, giver, "named", view...)
		r = env.Meet(catalog.HopTool, "kubectl with what was handed over without --flatten", named.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Failed)
		Expect(r.Stderr).To(ContainSubstring(noCredentialFile), "why kubectl cannot use what was handed over")
	})

	harness.Prove("tls/stored-in-dot-kube", func(ctx context.Context, env *harness.Env) {
		ginkgo.By("without KUBECONFIG kubectl finds in ~/.kube the kubeconfig and the certificates that it names beside it")
		host := storeInHome(env, env.Host, "home", env.Kubeconfig())
		r := reaches(env, "kubectl with a kubeconfig in ~/.kube", verbosely(ctx, host))
		Expect(access.RequestURLs(r)).To(And(Not(BeEmpty()), HaveEach(HavePrefix(strings.TrimSuffix(env.Kubeconfig().Server(), "/")+"/"))), "kubectl asks elsewhere than the kubeconfig in ~/.kube says")

		ginkgo.By("with another home folder it finds none")
		away := host
		away.Home = filepath.Join(env.Dir(), "away")
		env.Require(os.Mkdir(away.Home, ownerAlone), "making a home folder")
		r = env.Saw(catalog.HopTool, "kubectl with another home folder", verbosely(ctx, away))
		Expect(access.RequestURLs(r)).To(And(Not(BeEmpty()), HaveEach(HavePrefix(fallback+"/"))), "kubectl without ~/.kube does not ask %s", fallback)

		ginkgo.By("without one of the files beside it the kubeconfig is of no use")
		for _, name := range filesOf(env, host) {
			path := filepath.Join(host.Home, storedFolder, name)
			env.Require(os.Rename(path, path+".gone"), "taking a file away")
			r = env.Meet(catalog.HopTool, "kubectl without "+name, host.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Failed)
			Expect(r.Stderr).To(ContainSubstring(noCredentialFile), "what kubectl says without %s", name)
			env.Require(os.Rename(path+".gone", path), "bringing a file back")
		}

		ginkgo.By("what kubectl writes there is for its owner alone")
		env.Meet(catalog.HopTool, "kubectl writes a cluster down", away.RunKubectl(ctx, "config", "set-cluster", someCluster, "--server="+secondServer), catalog.Reached)
		written := filepath.Join(away.Home, storedFolder, storedFile)
		info, err := os.Stat(written)
		Expect(err).NotTo(HaveOccurred(), "kubectl did not write to ~/.kube")
		Expect(info.Mode().Perm()).To(BeEquivalentTo(storedMode), "the mode of what kubectl wrote")
		config, err := clientcmd.LoadFromFile(written)
		Expect(err).NotTo(HaveOccurred(), "what kubectl wrote is no kubeconfig")
		Expect(config.Clusters).To(HaveKey(someCluster), "what kubectl wrote")
	})

	harness.Prove("tls/kubectl-root-and-client-certs", func(ctx context.Context, env *harness.Env) {
		own := env.ClientCertificate()
		ginkgo.By("the API server takes kubectl for whom the stored client certificate is for")
		r := reaches(env, "kubectl asks who it is", env.Host.RunKubectlWith(ctx, access.Review, "create", "--raw", access.ReviewPath, "--filename=-"))
		env.At(catalog.HopAuthn)
		self := harness.Reviewed(r)
		Expect(self.Username).To(Equal(own.Subject.CommonName), "kubectl is somebody else than the certificate is for")
		Expect(self.Groups).To(ContainElements(own.Subject.Organization), "kubectl is not in the groups that the certificate is for")

		var names []string
		if env.Config.ServerName != "" {
			names = []string{env.Config.ServerName}
		}
		mitm, err := access.StartMITM(ctx, access.MITMOptions{Names: names})
		env.Require(err, "starting a server with the certificate of another authority")
		ginkgo.DeferCleanup(mitm.Stop)
		there := env.Kubeconfig().WithServer(mitm.URL)

		ginkgo.By("to a server with the certificate of another authority it shows nothing")
		env.Meet(catalog.HopTLS, "kubectl comes to another server", env.HostWith("deceived", there).RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Untrusted)
		Eventually(ctx, mitm.Handshakes).ShouldNot(BeEmpty(), "kubectl did not come to that server at all")
		Expect(mitm.Handshakes()).To(HaveEach(And(HaveField("Completed", false), HaveField("ClientCertificate", BeNil()))), "what kubectl shows to a server that it does not trust")

		ginkgo.By("to one whose authority is stored it shows the stored certificate, byte for byte")
		seen := len(mitm.Handshakes())
		env.Meet(catalog.HopTLS, "kubectl trusts that server", env.HostWith("trusting", there.WithCA(mitm.CAPEM)).RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Reached)
		env.At(catalog.HopAuthn)
		Expect(mitm.Handshakes()[seen:]).To(ContainElement(And(HaveField("Completed", true), HaveField("ClientCertificate", Not(BeNil())))), "kubectl shows no client certificate")
		for _, h := range mitm.Handshakes()[seen:] {
			if h.ClientCertificate != nil {
				Expect(h.ClientCertificate.Equal(own)).To(BeTrue(), "kubectl shows another client certificate than is stored")
			}
		}

		ginkgo.By("a certificate for the same user that the cluster's authority has not signed is refused with 401")
		forged, key, err := access.SelfSigned(own.Subject, x509.ExtKeyUsageClientAuth)
		env.Require(err, "making a client certificate")
		stranger := env.HostWith("stranger", env.Kubeconfig().WithClientCertificate(forged, key))
		env.Meet(catalog.HopAuthn, "kubectl with a forged client certificate", stranger.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Unauthorized)
	})
})

// storeInHome returns the host with a home folder of its own, in which the
// kubeconfig is where kubectl has its own, and KUBECONFIG is not set. The
// certificates and the key are in files beside it.
func storeInHome(env *harness.Env, host access.Host, name string, k access.Kubeconfig) access.Host {
	ginkgo.GinkgoHelper()
	home := filepath.Join(env.Dir(), name)
	env.Require(os.Mkdir(home, ownerAlone), "making a home folder")
	folder := filepath.Join(home, storedFolder)
	_, err := k.Unpack(folder)
	env.Require(err, "writing the files that a kubeconfig names")
	env.Require(k.Referring().Write(filepath.Join(folder, storedFile)), "writing a kubeconfig")
	host.Home, host.Kubeconfig = home, ""
	return host
}

// filesOf returns the names of the files that the kubeconfig of the host names.
func filesOf(env *harness.Env, host access.Host) []string {
	ginkgo.GinkgoHelper()
	config, err := clientcmd.LoadFromFile(filepath.Join(host.Home, storedFolder, storedFile))
	env.Require(err, "reading a kubeconfig")
	var names []string
	for _, c := range config.Clusters {
		names = append(names, c.CertificateAuthority)
	}
	for _, u := range config.AuthInfos {
		if u.ClientCertificate != "" {
			names = append(names, u.ClientCertificate, u.ClientKey)
		}
	}
	return names
}

// give hands what kubectl prints over to somebody with another home folder.
func give(ctx context.Context, env *harness.Env, from access.Host, name string, args ...string) access.Host {
	ginkgo.GinkgoHelper()
	printed := from.RunKubectl(ctx, args...)
	shown := printed
	// It holds credentials, which are for no report.
	shown.Stdout = ""
	env.Meet(catalog.HopTool, "kubectl prints what is to be handed over", shown, catalog.Reached)
	home := filepath.Join(env.Dir(), name)
	env.Require(os.Mkdir(home, ownerAlone), "making a home folder")
	to := from
	to.Home, to.Kubeconfig = home, env.WriteFile(filepath.Join(name, "handed-over"), printed.Stdout)
	return to
}

// curlRoot returns the root of the API as curl gets it. Where the kubeconfig has
// a credential that curl cannot be given, it is client-go that asks.
func curlRoot(ctx context.Context, env *harness.Env, told access.Unpacked) metav1.APIVersions {
	ginkgo.GinkgoHelper()
	if told.HasCredential() {
		r := access.ReadCurl(env.Host.Exec(ctx, nil, "curl", told.Curl(apiRoot)...))
		return rootOf(env.Meet(access.Blame(r, catalog.Reached), "curl reads the root of the API", r, catalog.Reached))
	}
	var root metav1.APIVersions
	env.Require(readRoot(ctx, env, &root), "reading the root of the API with client-go")
	root.ServerAddressByClientCIDRs = nil
	return root
}

// rootOf reads the root of the API out of an answer, without the addresses in
// it: the API servers of one cluster each give their own.
func rootOf(r access.Result) metav1.APIVersions {
	ginkgo.GinkgoHelper()
	var root metav1.APIVersions
	Expect(r.Into(&root)).To(Succeed(), "the root of the API is not JSON")
	root.APIVersion, root.ServerAddressByClientCIDRs = "", nil
	return root
}

// reaches asserts that kubectl got what it asked for. The way to the API server is
// walked first, so that a kubectl which finds nobody there, or no name, has asked
// elsewhere.
func reaches(env *harness.Env, what string, r access.Result) access.Result {
	ginkgo.GinkgoHelper()
	hop := access.Blame(r, catalog.Reached)
	if hop == catalog.HopDial || hop == catalog.HopResolve {
		hop = catalog.HopTool
	}
	env.Meet(hop, what, r, catalog.Reached)
	env.At(catalog.HopTool)
	return r
}

// reviewed returns who the API server says that the caller is.
func reviewed(r access.Result) string {
	ginkgo.GinkgoHelper()
	return harness.Reviewed(r).Username
}
