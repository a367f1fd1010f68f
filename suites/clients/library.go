package clients

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// visitor is a ServiceAccount of a spec's own, and context its context.
	visitor = "visitor"
	// The pods of a spec. None of them is ever scheduled.
	firstPod, secondPod = "first", "second"
	noScheduler         = "inroads.example/none"
	noImage             = "inroads.invalid/none"

	foreignName = "not-in-the-certificate.inroads.invalid"
	deadProxy   = "http://127.0.0.1:1"
)

var errIgnored = errors.New("this version of the library ignores it")

// library is a client library, as a program of fixtures/clients uses it.
type library struct {
	name string
	// refusal is the type of its error for an answer of the API server.
	refusal string
	run     func(env *harness.Env, ctx context.Context, host access.Host, namespace string) access.Result
	// ignores are the fields of a kubeconfig that it takes no notice of, and may
	// those that some of its versions do not.
	ignores, may []string
}

const (
	fieldTokenFile  = "tokenFile"
	fieldServerName = "tls-server-name"
	fieldProxy      = "proxy-url"
)

var (
	python = library{
		name: "the Python client", refusal: "ApiException", may: []string{fieldServerName, fieldProxy},
		run: func(env *harness.Env, ctx context.Context, host access.Host, namespace string) access.Result {
			return env.RunPython(ctx, host, "client.py", namespace)
		},
	}
	javaScript = library{
		name: "the JavaScript client", refusal: "ApiException", ignores: []string{fieldTokenFile},
		run: func(env *harness.Env, ctx context.Context, host access.Host, namespace string) access.Result {
			return env.RunNode(ctx, host, "client.mjs", namespace)
		},
	}
	goClient = library{
		name: "client-go", refusal: "*errors.StatusError",
		run: func(env *harness.Env, ctx context.Context, host access.Host, namespace string) access.Result {
			return env.RunGo(ctx, host, namespace)
		},
	}
)

// meet runs the library and asserts the outcome.
func (l library) meet(ctx context.Context, env *harness.Env, what string, host access.Host, namespace string, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	r := l.run(env, ctx, host, namespace)
	return env.Meet(access.Blame(r, want), l.name+" "+what, r, want)
}

// refused asserts that the API server refuses the library's request, and that it
// says so by an error of its own.
func (l library) refused(ctx context.Context, env *harness.Env, what string, host access.Host, namespace, status string, want catalog.Outcome) {
	ginkgo.GinkgoHelper()
	r := l.meet(ctx, env, what, host, namespace, want)
	env.At(catalog.HopTool)
	Expect(r.Stderr).To(ContainSubstring(l.refusal+" "+status), "the error of %s", l.name)
}

// createPods creates two pods that nothing schedules.
func createPods(ctx context.Context, env *harness.Env) {
	ginkgo.GinkgoHelper()
	for _, name := range []string{firstPod, secondPod} {
		pod := env.ServerPod(name, name)
		pod.Spec.SchedulerName, pod.Spec.Containers[0].Image = noScheduler, noImage
		env.CreatePod(ctx, pod)
	}
}

// whoami is whom kubectl says that the kubeconfig's user is.
func whoami(ctx context.Context, env *harness.Env) string {
	ginkgo.GinkgoHelper()
	r := env.Host.RunKubectl(ctx, "auth", "whoami", "--output=jsonpath={.status.userInfo.username}")
	env.Require(r.Err, "asking kubectl who it is")
	Expect(r.Outcome).To(Equal(catalog.Reached), "kubectl asks who it is: %s", r)
	return r.Stdout
}

// sharesKubeconfig asserts that the library makes of kubectl's kubeconfig what
// kubectl makes of it.
func (l library) sharesKubeconfig(ctx context.Context, env *harness.Env) {
	ginkgo.GinkgoHelper()
	l.meet(ctx, env, "lists pods with kubectl's kubeconfig", env.Host, metav1.NamespaceDefault, catalog.Reached)
	namespace := env.Namespace(ctx)
	createPods(ctx, env)

	ginkgo.By("it is the same user, and lists the pods that are there")
	r := l.meet(ctx, env, "lists the pods of the namespace", env.Host, namespace, catalog.Reached)
	user, pods := access.Listed(r)
	env.At(catalog.HopAuthn)
	Expect(user).To(And(Not(BeEmpty()), Equal(whoami(ctx, env))), "whom the API server takes %s for", l.name)
	env.At(catalog.HopTool)
	Expect(pods).To(ConsistOf(firstPod, secondPod), "the pods that %s lists", l.name)

	ginkgo.By("it goes by the current context, whose user may not list pods")
	account := env.ServiceAccount(ctx, visitor)
	token := probe.Secret(env.As(ctx, account).BearerToken)
	name := "system:serviceaccount:" + namespace + ":" + visitor
	own, other := env.Kubeconfig(), env.Kubeconfig().WithToken(token)
	both := env.HostWith("both", own.WithContext(visitor, other).WithCurrentContext(visitor))
	r = env.Saw(catalog.HopConfig, l.name+" lists pods in another context", l.run(env, ctx, both, namespace))
	user, _ = access.Listed(r)
	Expect(user).To(Equal(name), "the user of the current context: %s", r)
	l.refused(ctx, env, "lists pods without the right", env.HostWith("visitor", other), namespace, "403", catalog.Forbidden)
	l.refused(ctx, env, "lists pods with a token of no cluster", env.HostWith("stranger", own.WithToken(access.UnknownToken)), namespace, "401", catalog.Unauthorized)

	ginkgo.By("it sends a server that it does not trust nothing")
	mitm, err := access.StartMITM(ctx, access.MITMOptions{Upstream: env.Config})
	env.Require(err, "starting a man in the middle")
	ginkgo.DeferCleanup(mitm.Stop)
	there := other.WithServer(mitm.URL)
	distrusting := env.HostWith("distrusting", there.WithCA(own.CA()))
	env.Meet(catalog.HopTLS, l.name+" asks a server of another authority", l.run(env, ctx, distrusting, namespace), catalog.Untrusted)
	Expect(mitm.Requests()).To(BeEmpty(), "what %s sends to a server that it does not trust", l.name)
	r = env.Saw(catalog.HopTLS, l.name+" asks the same server unverified", l.run(env, ctx, env.HostWith("trusting", there.WithInsecureTLS()), namespace))
	Expect(mitm.Tokens()).To(HaveExactElements(token), "the token that the same server sees without verification: %s", r)

	ginkgo.By("it knows the other fields of a kubeconfig")
	file := env.WriteFile("token", token.Reveal())
	plugin := own.WithPlugin("cat", env.WriteFile("credential",
		`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"`+token.Reveal()+`"}}`))
	r = env.Saw(catalog.HopAuthn, l.name+" with a plugin", l.run(env, ctx, env.HostWith("plugin", plugin), namespace))
	user, _ = access.Listed(r)
	Expect(user).To(Equal(name), "the user of a plugin's token: %s", r)
	l.field(ctx, env, fieldTokenFile, own.WithTokenFile(file), func(r access.Result) bool {
		user, _ := access.Listed(r)
		return user == name
	})
	l.field(ctx, env, fieldServerName, own.WithTLSServerName(foreignName), func(r access.Result) bool { return r.Outcome == catalog.Untrusted })
	l.field(ctx, env, fieldProxy, own.WithProxy(deadProxy), func(r access.Result) bool { return r.Outcome == catalog.Refused })
}

// field asserts that the library takes notice of a field, or that it ignores it
// where it is known to.
func (l library) field(ctx context.Context, env *harness.Env, field string, k access.Kubeconfig, noticed func(access.Result) bool) {
	ginkgo.GinkgoHelper()
	r := env.Saw(catalog.HopTool, l.name+" with a "+field, l.run(env, ctx, env.HostWith(field, k), env.Namespace(ctx)))
	in := func(list []string) bool { return strings.Contains(" "+strings.Join(list, " ")+" ", " "+field+" ") }
	switch {
	case in(l.ignores):
		Expect(noticed(r)).To(BeFalse(), "%s takes notice of %s, which its documented version does not", l.name, field)
	case in(l.may) && r.Outcome == catalog.Reached:
		env.NotSeen(catalog.HopTool, l.name+" with a "+field, errIgnored)
	default:
		Expect(noticed(r)).To(BeTrue(), "%s takes no notice of %s: %s", l.name, field, r)
	}
}

// podsOf returns the IP of each pod, "None" for a pod without, by what the
// documented Python program prints of a namespace.
func podsOf(said, namespace string) map[string]string {
	pods := map[string]string{}
	for line := range strings.Lines(said) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 && f[1] == namespace {
			pods[f[2]] = f[0]
		}
	}
	return pods
}

// podIP is how Python prints a pod's IP.
func podIP(pod corev1.Pod) string {
	if pod.Status.PodIP == "" {
		return "None"
	}
	return pod.Status.PodIP
}

// clientVersion returns the version of client-go that the programs are built with.
func clientVersion(ctx context.Context, env *harness.Env) string {
	ginkgo.GinkgoHelper()
	r := env.ListGo(ctx, "-m", "-f={{.Version}}", clientModule)
	env.Require(r.Err, "asking go for the version of client-go")
	return strings.TrimSpace(r.Stdout)
}

// minorOf returns the minor version of a version of client-go, 0 for none.
func minorOf(version string) int {
	_, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(minor)
	if err != nil {
		return 0
	}
	return n
}
