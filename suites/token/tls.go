package token

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	flagAuthority = "--cacert"
	// otherName is a host name that no certificate is for.
	otherName = "not-in-the-certificate.inroads.invalid"
	// nameMismatch is curl's word for a certificate of another name.
	nameMismatch = "no alternative certificate subject name"
	// curlUntrusted is curl's exit code when it does not trust the server.
	curlUntrusted = 60
	httpsPort     = "443"
	bearer        = "Bearer"
)

var _ = harness.Area(catalog.PathToken, func() {
	harness.Prove("tls/insecure-is-mitm-able", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		token := r.requestToken(ctx)
		mitm, err := access.StartMITM(ctx, access.MITMOptions{Names: []string{r.hostname()}, Upstream: env.Config})
		env.Require(err, "starting a man in the middle")
		ginkgo.DeferCleanup(mitm.Stop)
		victim := r.behind(mitm)
		insecure := fixtures.Command(byGrepAndCut)
		verified := replace(env, insecure, flagInsecure, flagAuthority+" "+r.authority(authorityFile, r.kubeconfig.CA()))
		deceived := replace(env, insecure, flagInsecure, flagAuthority+" "+r.authority("mitm.crt", mitm.CAPEM))

		ginkgo.By("the documented commands succeed, and the man in the middle has the token")
		r.expectRoot(ctx, victim.run(ctx, "the documented commands are run with a man in the middle", insecure, catalog.Reached))
		if len(mitm.Handshakes()) == 0 {
			env.Inconclusive("curl did not pass by the man in the middle")
		}
		env.At(catalog.HopTLS)
		Expect(mitm.Requests()).To(HaveExactElements(And(HaveField("Method", http.MethodGet), HaveField("Authorization", bearer))), "what the man in the middle has read")
		Expect(slices.Contains(mitm.Tokens(), token)).To(BeTrue(), "the man in the middle has not got the token")

		ginkgo.By("with the cluster's authority curl refuses him, and he sees no request")
		seen := len(mitm.Handshakes())
		refused := victim.run(ctx, "the same commands verify the server", verified, catalog.Untrusted)
		Expect(refused.Exit).To(Equal(curlUntrusted), "curl's exit code")
		Eventually(mitm.Handshakes).WithContext(ctx).WithTimeout(controllerTime).Should(HaveLen(seen+1), "curl did not come to the man in the middle")
		Expect(mitm.Handshakes()[seen].Completed).To(BeFalse(), "curl went through with the handshake")
		Expect(mitm.Requests()).To(HaveLen(1), "curl sent a request to a server that it does not trust")

		ginkgo.By("nothing but trust tells the two servers apart")
		r.expectRoot(ctx, r.run(ctx, "the same commands verify the server with nobody in the middle", verified, catalog.Reached))
		r.expectRoot(ctx, victim.run(ctx, "the same commands trust the man in the middle", deceived, catalog.Reached))
		env.At(catalog.HopTLS)
		Expect(mitm.Requests()).To(HaveLen(2), "what the man in the middle has read")
	})

	harness.Prove("tls/self-signed-needs-config", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		token := r.requestToken(ctx)
		authority := r.authority(authorityFile, r.kubeconfig.CA())

		ginkgo.By("curl trusts the server when it is given the authority, and not without")
		bare := r.ask(ctx, "curl is given no authority", r.url(apiPath), token, catalog.Untrusted)
		Expect(bare.Exit).To(Equal(curlUntrusted), "curl's exit code")
		r.expectRoot(ctx, r.ask(ctx, "curl is given the authority", r.url(apiPath), token, catalog.Reached, flagAuthority, authority))

		ginkgo.By("the certificate is of the kubeconfig's authority, for the address, and of none that the machine trusts")
		chain := r.certificates(ctx)
		env.At(catalog.HopTLS)
		Expect(chain[0].VerifyHostname(r.hostname())).To(Succeed(), "the certificate for the address in the kubeconfig")
		own := x509.NewCertPool()
		Expect(own.AppendCertsFromPEM(r.kubeconfig.CA())).To(BeTrue(), "the kubeconfig's authority is no certificate")
		Expect(verify(chain, own)).To(Succeed(), "the certificate, by the kubeconfig's authority")
		system, err := x509.SystemCertPool()
		env.Require(err, "reading the authorities that the machine trusts")
		Expect(verify(chain, system)).NotTo(Succeed(), "the machine trusts the certificate by itself")

		ginkgo.By("curl does not trust it under a name that the certificate lacks")
		other, there := r.renamed(otherName)
		misnamed := r.ask(ctx, "curl asks at another name", other+apiPath, token, catalog.Untrusted, flagAuthority, authority, "--connect-to", there)
		Expect(misnamed.Exit).To(Equal(curlUntrusted), "curl's exit code")
		Expect(misnamed.Stderr).To(ContainSubstring(nameMismatch), "why curl does not trust the server")
		Expect(chain[0].VerifyHostname(otherName)).NotTo(Succeed(), "the certificate for another name")

		ginkgo.By("so does wget")
		if err := r.host.CheckWget(ctx); err != nil {
			env.NotSeen(catalog.HopTool, "wget at the API server", err)
			return
		}
		r.wget(ctx, "wget is given no authority", token, catalog.Untrusted)
		r.expectRoot(ctx, r.wget(ctx, "wget is given the authority", token, catalog.Reached, "--ca-certificate="+authority))
	})
})

// behind returns the reader as one whose curl comes to the man in the middle,
// whatever address it asks for. The commands and what kubectl sees stay as they
// are: curl's own configuration stands for the network.
func (r reader) behind(mitm *access.MITM) reader {
	ginkgo.GinkgoHelper()
	u, err := url.Parse(mitm.URL)
	r.env.Require(err, "reading the address of the man in the middle")
	home := filepath.Join(r.env.Dir(), "victim")
	r.env.Require(os.Mkdir(home, 0o700), "making a home folder")
	r.env.WriteFile(filepath.Join("victim", ".curlrc"), fmt.Sprintf("connect-to = \"::%s\"\nnoproxy = \"*\"\n", u.Host))
	r.host.Home = home
	return r
}

// renamed returns the API server's address under another name, and curl's
// --connect-to that leads there.
func (r reader) renamed(name string) (server, connectTo string) {
	ginkgo.GinkgoHelper()
	u, err := url.Parse(r.kubeconfig.Server())
	r.env.Require(err, "reading the address of the API server")
	port := cmp.Or(u.Port(), httpsPort)
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u.Host = net.JoinHostPort(name, port)
	return strings.TrimSuffix(u.String(), "/"), strings.Join([]string{name, port, host, port}, ":")
}

// certificates returns what the API server shows, its own certificate first.
func (r reader) certificates(ctx context.Context) []*x509.Certificate {
	ginkgo.GinkgoHelper()
	cfg := rest.AnonymousClientConfig(r.env.Config)
	cfg.Insecure, cfg.CAData, cfg.CAFile = true, nil, ""
	client, server, err := access.APIClient(cfg)
	r.env.Require(err, "making a client that trusts everyone")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+apiPath, nil)
	r.env.Require(err, "making a request")
	resp, err := client.Do(req)
	r.env.Require(err, "asking the API server for its certificate")
	defer func() { _ = resp.Body.Close() }()
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		r.env.Inconclusive("the API server at " + server + " shows no certificate")
	}
	return resp.TLS.PeerCertificates
}

// verify verifies the chain against the authorities, whatever it is for.
func verify(chain []*x509.Certificate, authorities *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: authorities, Intermediates: between})
	return err
}

// wget reads the root of the API. The token is in a file, not in an argument.
func (r reader) wget(ctx context.Context, what string, token probe.Secret, want catalog.Outcome, trust ...string) access.Result {
	ginkgo.GinkgoHelper()
	rc := r.env.WriteFile("wgetrc", "header = Authorization: Bearer "+token.Reveal()+"\n")
	args := append([]string{"--no-verbose", "--output-document=-"}, trust...)
	res := access.WgetOutcome(r.host.With("WGETRC="+rc).Exec(ctx, nil, "wget", append(args, r.url(apiPath))...))
	return r.env.Meet(access.Blame(res, want), what, res, want)
}
