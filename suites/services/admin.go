package services

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	kubeProxyName = "kube-proxy"
	proxyResource = "services/proxy"
	// anyPort lets kubectl choose a port.
	anyPort = "--port=0"
	// wantsTLS is what the API server says to plain HTTP.
	wantsTLS = "Client sent an HTTP request to an HTTPS server"
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("proxies/users-first-two", func(ctx context.Context, env *harness.Env) {
		svc := env.CreateService(ctx, env.Service(backendName, backendName))
		pod := env.RunPod(ctx, env.ServerPod(backendName, backendName))
		waitEndpoints(ctx, env, svc, 1)
		path := servicePath(svc, svc.Name, hostname)
		Expect(user(env, catalog.HopBackend).passedOn(ctx, "the run's own user asks the Service", path, catalog.Reached).Stdout).To(Equal(pod.Name), answering)

		ginkgo.By("the one rule is enough, by kubectl proxy and the API server's proxy")
		account := env.ServiceAccount(ctx, "user")
		env.Grant(ctx, account, rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{proxyResource}})
		by := callerThrough(ctx, env, "user", env.As(ctx, account).BearerToken)
		// The API server learns of a right a moment after it is granted.
		Eventually(ctx, func(ctx context.Context) catalog.Outcome { return by.getWithin(ctx, askTime, path).Outcome }).
			WithTimeout(settleTime).WithPolling(pollTime).ShouldNot(Equal(catalog.Forbidden), "the answer to a user with the right")
		Expect(by.passedOn(ctx, "a user with the one rule asks the Service", path, catalog.Reached).Stdout).To(Equal(pod.Name), answering)

		ginkgo.By("it is for that namespace alone, and without it the user is told which it is")
		other := callerThrough(ctx, env, "other", env.As(ctx, env.ServiceAccount(ctx, "other")).BearerToken)
		other.lacks(ctx, path, svc.Namespace)
		elsewhere := metav1.NamespaceDefault
		by.lacks(ctx, access.ServiceProxyPath(elsewhere, access.APIService, hostname), elsewhere)
	})

	harness.Prove("proxies/admin-ensures-rest", func(ctx context.Context, env *harness.Env) {
		nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		env.Require(err, "listing nodes")
		kubeProxy, err := env.Client.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, kubeProxyName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			env.Lacks(catalog.KubeProxy, "there is no DaemonSet "+kubeProxyName)
		}
		env.Require(err, "reading DaemonSet "+kubeProxyName)

		ginkgo.By("kube-proxy is ready on every node, and the API server is behind its Service")
		env.At(catalog.HopService)
		Expect(kubeProxy.Status.DesiredNumberScheduled).To(BeEquivalentTo(len(nodes.Items)), "the nodes that are to have a kube-proxy")
		Expect(kubeProxy.Status.NumberReady).To(Equal(kubeProxy.Status.DesiredNumberScheduled), "the nodes whose kube-proxy is ready")
		endpoints, err := access.APIEndpoints(ctx, env.Client)
		env.Require(err, "listing the addresses of the API servers")
		env.At(catalog.HopEndpoint)
		Expect(endpoints).NotTo(BeEmpty(), "the API servers behind the Service kubernetes")
		env.Note(catalog.HopEndpoint, inFront(env, len(endpoints), slices.ContainsFunc(endpoints, func(a netip.AddrPort) bool { return env.Config.Host == "https://"+a.String() })))
		api, err := env.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, access.APIService, metav1.GetOptions{})
		env.Require(err, "reading Service "+access.APIService)

		empty := env.CreateService(ctx, env.Service("empty", missing))
		svc := env.CreateService(ctx, env.Service(backendName, backendName))
		pod := env.RunPod(ctx, env.ServerPod(backendName, backendName))
		env.Held(catalog.HopEndpoint, env.WaitEndpoints(ctx, svc, 1))
		for i, node := range nodes.Items {
			ginkgo.By("a pod on " + node.Name + " reaches what has an endpoint, and is refused by what has none")
			there := insidePod(env)
			there.Name, there.Spec.NodeName = fmt.Sprintf("%s-%d", insideName, i), node.Name
			in := inside{env, env.RunPod(ctx, there)}
			r := env.Meet(catalog.HopService, "the API server is asked in plain HTTP at the address of its Service from "+node.Name,
				in.get(ctx, join(api.Spec.ClusterIP, api.Spec.Ports[0].Port), "/"), catalog.BadRequest)
			Expect(r.Stdout).To(ContainSubstring(wantsTLS), "who answers at the address of the API server's Service")
			r = in.reach(ctx, "a Service is asked from "+node.Name, join(svc.Spec.ClusterIP, servicePort), hostname)
			Expect(r.Stdout).To(Equal(pod.Name), answering)
			env.Meet(catalog.HopService, "a Service without endpoints is asked from "+node.Name,
				in.get(ctx, join(empty.Spec.ClusterIP, servicePort), hostname), catalog.Refused)
		}
	})
})

// inFront says what the kubeconfig and the API servers' own addresses tell of a
// load balancer between the two.
func inFront(env *harness.Env, servers int, direct bool) string {
	if direct {
		return fmt.Sprintf("%d API servers; the kubeconfig names one of them: none stands in front", servers)
	}
	return fmt.Sprintf("%d API servers; the kubeconfig names %s, which is none of their own addresses: something relays to them", servers, env.Config.Host)
}

// callerThrough returns a caller by kubectl proxy, which has the token and is
// asked in plain HTTP.
func callerThrough(ctx context.Context, env *harness.Env, name, token string) caller {
	ginkgo.GinkgoHelper()
	host := env.HostWith(name, env.Kubeconfig().WithToken(probe.Secret(token)))
	proxy, err := host.StartKubectlProxy(ctx, anyPort)
	env.Require(err, "starting kubectl proxy")
	ginkgo.DeferCleanup(proxy.Stop)
	return caller{env: env, client: access.PlainClient(), server: proxy.URL(""), target: catalog.HopBackend}
}

// lacks asserts that the API server refuses the path and names the rule that is
// missing.
func (c caller) lacks(ctx context.Context, path, namespace string) {
	ginkgo.GinkgoHelper()
	_, status := c.refused(ctx, catalog.HopAuthz, "a user without the rule asks for it in namespace "+namespace, path, catalog.Forbidden)
	Expect(status.Message).To(ContainSubstring(fmt.Sprintf("cannot get resource %q in API group \"\" in the namespace %q", proxyResource, namespace)), "the rule that is missing")
}
