package clients

import (
	"context"
	"regexp"
	"strconv"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	listPods     = "list-pods.py"
	outOfCluster = "out-of-cluster-client-configuration"
	saysCounted  = "pods in the cluster"
	saysPanic    = "panic: "

	noContext = "inroads-no-such-context"
)

var counted = regexp.MustCompile(`There are (\d+) pods in the cluster`)

var _ = harness.Area(catalog.PathClients, func() {
	harness.Prove("py-client/same-kubeconfig", func(ctx context.Context, env *harness.Env) { python.sharesKubeconfig(ctx, env) })
	harness.Prove("other-clients/exist", func(ctx context.Context, env *harness.Env) { javaScript.sharesKubeconfig(ctx, env) })
	harness.Prove("go-client/same-kubeconfig", func(ctx context.Context, env *harness.Env) { goClient.sharesKubeconfig(ctx, env) })

	harness.Prove("py-client/example", func(ctx context.Context, env *harness.Env) {
		meet := func(what string, host access.Host, want catalog.Outcome) access.Result {
			r := env.RunPython(ctx, host, listPods)
			return env.Meet(access.Blame(r, want), "the documented program "+what, r, want)
		}
		meet("lists the pods of the cluster", env.Host, catalog.Reached)
		createPods(ctx, env)
		system := kubeSystem(ctx, env)
		r := meet("lists them again", env.Host, catalog.Reached)
		env.At(catalog.HopTool)
		Expect(podsOf(r.Stdout, env.Namespace(ctx))).To(Equal(map[string]string{firstPod: "None", secondPod: "None"}), "the pods of the namespace, which have no IP yet")
		said := podsOf(r.Stdout, metav1.NamespaceSystem)
		for name, ip := range kubeSystem(ctx, env) {
			if system[name] == ip {
				Expect(said).To(HaveKeyWithValue(name, ip), "the pods of "+metav1.NamespaceSystem)
			}
		}

		meet("lists pods without the right", env.HostWith("visitor", env.Kubeconfig().WithToken(tokenOfVisitor(ctx, env))), catalog.Forbidden)
		r = env.Meet(catalog.HopTLS, "the documented program with another authority",
			env.RunPython(ctx, env.HostWith("distrusting", env.Kubeconfig().WithCA(env.OtherAuthority(ctx))), listPods), catalog.Untrusted)
		Expect(r.Stderr).To(ContainSubstring("CERTIFICATE_VERIFY_FAILED"), "what it says of the server")
	})

	harness.Prove("go-client/example", func(ctx context.Context, env *harness.Env) {
		example := func(host access.Host) access.Result {
			return env.RunGoExample(ctx, host, outOfCluster, saysCounted, "--kubeconfig="+host.Kubeconfig)
		}
		fails := func(what string, host access.Host, want catalog.Outcome) access.Result {
			r := example(host)
			env.Meet(access.Blame(r, want), "the example "+what, r, want)
			env.At(catalog.HopTool)
			Expect(r.Stderr).To(ContainSubstring(saysPanic), "the example does not end by a panic")
			return r
		}
		r := example(env.HostWith("own", env.Kubeconfig()))
		env.Meet(access.Blame(r, catalog.Reached), "the example counts the pods of the cluster", r, catalog.Reached)
		createPods(ctx, env)

		// Others create pods meanwhile: the number is between the two that
		// client-go gives, in whatever order.
		before := podCount(ctx, env)
		r = example(env.HostWith("again", env.Kubeconfig()))
		env.Meet(access.Blame(r, catalog.Reached), "the example counts them again", r, catalog.Reached)
		after := podCount(ctx, env)
		env.At(catalog.HopTool)
		said := counted.FindStringSubmatch(r.Stdout)
		Expect(said).To(HaveLen(2), "what the example says: %s", r)
		number, err := strconv.Atoi(said[1])
		Expect(err).NotTo(HaveOccurred())
		Expect(number).To(And(BeNumerically(">=", min(before, after)), BeNumerically("<=", max(before, after))), "the number of pods")

		r = fails("with a kubeconfig that is not there", env.Host.WithKubeconfig("/nonexistent"), catalog.Failed)
		Expect(r.Stderr).To(ContainSubstring("no such file"), "why the example ends")
		fails("without the right", env.HostWith("visitor", env.Kubeconfig().WithToken(tokenOfVisitor(ctx, env))), catalog.Forbidden)
		fails("with another authority", env.HostWith("distrusting", env.Kubeconfig().WithCA(env.OtherAuthority(ctx))), catalog.Untrusted)
	})

	harness.Prove("clients/official-go-python", func(ctx context.Context, env *harness.Env) {
		official := []library{goClient, python}
		for _, l := range official {
			l.meet(ctx, env, "lists pods with kubectl's kubeconfig", env.Host, metav1.NamespaceDefault, catalog.Reached)
		}
		createPods(ctx, env)
		for _, l := range official {
			user, pods := access.Listed(l.meet(ctx, env, "lists the pods of the namespace", env.Host, env.Namespace(ctx), catalog.Reached))
			env.At(catalog.HopAuthn)
			Expect(user).To(Equal(whoami(ctx, env)), "whom the API server takes %s for", l.name)
			env.At(catalog.HopTool)
			Expect(pods).To(ConsistOf(firstPod, secondPod), "the pods that %s lists", l.name)
		}
		lost := env.HostWith("lost", env.Kubeconfig().WithCurrentContext(noContext))
		for _, l := range official {
			r := env.Saw(catalog.HopConfig, l.name+" with a current context that is none", l.run(env, ctx, lost, env.Namespace(ctx)))
			Expect(r.Outcome).NotTo(Equal(catalog.Reached), "%s with a current context that is none", l.name)
			Expect(r.Stderr).To(ContainSubstring(noContext), "why %s fails", l.name)
		}
	})
})

// kubeSystem returns the IPs of the cluster's own pods, as client-go sees them.
func kubeSystem(ctx context.Context, env *harness.Env) map[string]string {
	ginkgo.GinkgoHelper()
	list, err := env.Client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
	env.Require(err, "listing the cluster's own pods")
	pods := map[string]string{}
	for _, p := range list.Items {
		pods[p.Name] = podIP(p)
	}
	return pods
}

func podCount(ctx context.Context, env *harness.Env) int {
	ginkgo.GinkgoHelper()
	list, err := env.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	env.Require(err, "listing the pods of the cluster")
	return len(list.Items)
}

func tokenOfVisitor(ctx context.Context, env *harness.Env) probe.Secret {
	ginkgo.GinkgoHelper()
	return probe.Secret(env.As(ctx, env.ServiceAccount(ctx, visitor)).BearerToken)
}
