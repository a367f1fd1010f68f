package token

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// The documented blocks of commands.
	createSecret  = "token-secret"
	waitForToken  = "token-wait"
	byGrepAndCut  = "token-grep-cut"
	byJSONPath    = "token-jsonpath"
	flagInsecure  = "--insecure"
	decodeToken   = " | base64 --decode"
	varServer     = "APISERVER"
	varToken      = "TOKEN"
	apiPath       = "/api"
	kindVersions  = "APIVersions"
	secretName    = "default-token"
	defaultName   = "default"
	authorityFile = "ca.crt"

	// controllerTime is how long the cluster's controllers have to act on an
	// object; an idle cluster's take less than a second.
	controllerTime = 15 * time.Second
	pollInterval   = 100 * time.Millisecond
)

// reader is someone who follows the page in a namespace of their own.
type reader struct {
	env        *harness.Env
	namespace  string
	kubeconfig access.Kubeconfig
	host       access.Host
}

// newReader makes the namespace the one of the kubeconfig's context, so that the
// documented commands need no change.
func newReader(ctx context.Context, env *harness.Env) reader {
	ginkgo.GinkgoHelper()
	ns := env.BareNamespace(ctx)
	k := env.Kubeconfig().WithNamespace(ns)
	r := reader{env, ns, k, env.HostWith("namespaced", k)}
	ctx, cancel := context.WithTimeout(ctx, controllerTime)
	defer cancel()
	_, err := poll.ForObject(ctx, "the ServiceAccount default of a new namespace", env.Client.CoreV1().ServiceAccounts(ns), defaultName,
		func(*corev1.ServiceAccount) error { return nil })
	env.Held(catalog.HopController, err)
	for _, name := range []string{secretName, orphanName} {
		env.Leaves(ctx, "secrets", name)
	}
	return r
}

// newLocator is newReader for someone who looks for no more than the API
// server's location, and needs no namespace for that.
func newLocator(env *harness.Env) reader {
	ginkgo.GinkgoHelper()
	k := env.Kubeconfig()
	return reader{env: env, kubeconfig: k, host: env.HostWith("kubeconfig", k)}
}

// requestToken does what the page begins with, and returns the token that the
// Secret gets, as the API server's own client sees it.
func (r reader) requestToken(ctx context.Context) probe.Secret {
	ginkgo.GinkgoHelper()
	r.env.Meet(catalog.HopAPI, "the documented Secret is applied", r.host.Shell(ctx, fixtures.Command(createSecret)), catalog.Reached)
	return secretToken(r.populated(ctx))
}

// populated returns the Secret once the token controller has filled it.
func (r reader) populated(ctx context.Context) *corev1.Secret {
	ginkgo.GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, controllerTime)
	defer cancel()
	secret, err := poll.ForObject(ctx, "the token controller to fill the Secret", r.env.Client.CoreV1().Secrets(r.namespace), secretName, func(s *corev1.Secret) error {
		if secretToken(s) == "" {
			return errors.New("it has no token")
		}
		return nil
	})
	r.env.Held(catalog.HopController, err)
	return secret
}

func secretToken(s *corev1.Secret) probe.Secret {
	return probe.Secret(s.Data[corev1.ServiceAccountTokenKey])
}

// found returns what a documented block finds for one of its variables. The
// block's curl is not run.
func (r reader) found(ctx context.Context, hop catalog.Hop, what, block, variable string) string {
	ginkgo.GinkgoHelper()
	before, _ := cutCurl(block)
	script := before + fmt.Sprintf("\nprintf %%s \"$%s\"", variable)
	return r.env.Meet(hop, what, r.host.Shell(ctx, script), catalog.Reached).Stdout
}

// expectServer asserts what a documented block finds for the location.
func (r reader) expectServer(ctx context.Context, what, block, want string) {
	ginkgo.GinkgoHelper()
	Expect(r.found(ctx, catalog.HopConfig, what, block, varServer)).To(Equal(want), what)
}

// foundToken is found for a token, which the block must find.
func (r reader) foundToken(ctx context.Context, what, block string) probe.Secret {
	ginkgo.GinkgoHelper()
	token := r.found(ctx, catalog.HopTool, what, block, varToken)
	// An empty token is no wrong one: the API server would not say 401 to it.
	Expect(token == "").To(BeFalse(), "%s finds no token", what)
	return probe.Secret(token)
}

// cutCurl parts a documented block before its curl.
func cutCurl(block string) (before, curl string) {
	i := strings.LastIndex(block, "\ncurl ")
	if i < 0 {
		return block, ""
	}
	return strings.TrimRight(block[:i], "\n"), block[i+1:]
}

// run runs a documented block, whose curl exits 0 whatever the API server says:
// the Status in the body tells.
func (r reader) run(ctx context.Context, what, block string, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	res := r.host.Shell(ctx, block)
	if status, own := access.APIStatus(res); own {
		res.Status = int(status.Code)
	}
	res = access.CurlOutcome(res)
	return r.env.Meet(access.Blame(res, want), what, res, want)
}

// ask asks the API server with a curl of ours that tells the status and hides
// the token, which goes through standard input. The trust is curl's options.
func (r reader) ask(ctx context.Context, what, address string, token probe.Secret, want catalog.Outcome, trust ...string) access.Result {
	ginkgo.GinkgoHelper()
	res := r.asked(ctx, address, token, trust...)
	return r.env.Meet(access.Blame(res, want), what, res, want)
}

func (r reader) asked(ctx context.Context, address string, token probe.Secret, trust ...string) access.Result {
	header := strings.NewReader("Authorization: Bearer " + token.Reveal())
	args := append([]string{"--silent", "--show-error", "--write-out", access.CurlStatus, "--header", "@-", address}, trust...)
	return access.ReadCurl(r.host.Exec(ctx, header, "curl", args...))
}

// url returns the address of a path of the API, by the kubeconfig.
func (r reader) url(path string) string { return strings.TrimSuffix(r.kubeconfig.Server(), "/") + path }

// hostname returns the host of the API server, by the kubeconfig.
func (r reader) hostname() string {
	ginkgo.GinkgoHelper()
	u, err := url.Parse(r.kubeconfig.Server())
	r.env.Require(err, "reading the address of the API server")
	return u.Hostname()
}

// authority writes a certificate authority to a file and returns its path.
func (r reader) authority(name string, pem []byte) string {
	return r.env.WriteFile(name, string(pem))
}

// root returns what the root of the API says to client-go.
func (r reader) root(ctx context.Context) metav1.APIVersions {
	ginkgo.GinkgoHelper()
	client, server, err := access.APIClient(r.env.Config)
	r.env.Require(err, "making a client")
	res := access.Do(ctx, client, access.Request{URL: server + apiPath})
	r.env.Meet(access.Blame(res, catalog.Reached), "client-go reads the root of the API", res, catalog.Reached)
	return rootOf(res)
}

// anonymously returns what a request to the root of the API without a credential
// gets: clusters differ.
func (r reader) anonymously(ctx context.Context) catalog.Outcome {
	ginkgo.GinkgoHelper()
	client, server, err := access.APIClient(rest.AnonymousClientConfig(r.env.Config))
	r.env.Require(err, "making a client without a credential")
	return r.env.Saw(catalog.HopAuthz, "client-go reads the root of the API without a credential", access.Do(ctx, client, access.Request{URL: server + apiPath})).Outcome
}

// expectRoot asserts that the result is the root of the API, as client-go sees
// it.
func (r reader) expectRoot(ctx context.Context, res access.Result) {
	ginkgo.GinkgoHelper()
	want := r.root(ctx)
	r.env.At(catalog.HopAPI)
	got := rootOf(res)
	Expect(got.Kind).To(Equal(kindVersions), "the kind of what was answered")
	Expect(got.Versions).NotTo(BeEmpty(), "the versions of the API")
	Expect(got).To(Equal(want), "what was answered, beside what client-go is told")
}

// rootOf reads the root of the API out of an answer, without the addresses in
// it: the API servers of one cluster each give their own.
func rootOf(res access.Result) metav1.APIVersions {
	ginkgo.GinkgoHelper()
	var root metav1.APIVersions
	Expect(res.Into(&root)).To(Succeed(), "what was answered")
	for i := range root.ServerAddressByClientCIDRs {
		root.ServerAddressByClientCIDRs[i].ServerAddress = ""
	}
	return root
}

// userName returns the name that the API server gives a ServiceAccount.
func userName(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}
