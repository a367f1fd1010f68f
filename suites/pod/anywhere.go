package pod

import (
	"context"
	"net/http"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// noServer is what kubectl proxy says where it knows of no API server: it asks
// localhost:8080, like any kubectl.
const noServer = "connection refused"

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("kp/runs-on-desktop-or-pod", func(ctx context.Context, env *harness.Env) {
		ginkgo.By("kubectl proxy on this machine is its kubeconfig's user")
		env.At(catalog.HopLocalProxy)
		here, err := env.Host.StartKubectlProxy(ctx, "--port=0")
		Expect(err).NotTo(HaveOccurred(), "kubectl proxy does not serve on this machine")
		ginkgo.DeferCleanup(here.Stop)
		r := env.Meet(catalog.HopLocalProxy, "a client on this machine asks who it is", access.Do(ctx, access.PlainClient(), access.Request{
			Method: http.MethodPost, URL: here.URL(access.ReviewPath), Body: access.Review, Header: http.Header{"Content-Type": {"application/json"}},
		}), catalog.Reached)
		env.At(catalog.HopAuthn)
		Expect(reviewed(env, r).Username).To(Equal(env.Username(ctx)), "who the client on this machine is")

		served, bare := env.CreatePod(ctx, proxyPod(env, "served", nil)), env.CreatePod(ctx, proxyPod(env, "bare", ptr(false)))
		ginkgo.By("kubectl proxy in a pod is the pod's ServiceAccount")
		p := proxyServing(ctx, env, served)
		env.Meet(catalog.HopMount, "kubectl proxy's container looks for a credential", env.InContainer(ctx, p.pod, proxyContainer, `test -e `+tokenFile), catalog.Reached)
		r = meetProxied(env, "the container beside it asks who it is", access.ReadCurl(env.InPod(ctx, p.pod, plain(access.ReviewPath, access.Review))), catalog.Reached)
		who := reviewed(env, r)
		env.At(catalog.HopAuthn)
		Expect(who.Username).To(Equal(userName(p.pod.Namespace, p.pod.Spec.ServiceAccountName)), "who the container beside the proxy is")
		expectBound(env, who, p.pod)

		ginkgo.By("kubectl proxy in a pod without a volume serves, and finds no API server")
		p = proxyServing(ctx, env, bare)
		r = env.Meet(catalog.HopMount, "the container beside a proxy without a volume asks who it is", access.ReadCurl(env.InPod(ctx, p.pod, plain(access.ReviewPath, access.Review))), catalog.ServerError)
		Expect(strings.ToLower(r.Stdout)).To(ContainSubstring(noServer), "what a proxy without a volume says")
	})
})

// proxyPod returns a pod of the ServiceAccount default with kubectl proxy beside
// its first container.
func proxyPod(env *harness.Env, name string, automount *bool) *corev1.Pod {
	pod := podOf(env, name, "", automount)
	pod.Spec.Containers = append(pod.Spec.Containers, env.ClientContainer(proxyContainer, "kubectl", "proxy"))
	return pod
}

// proxyServing returns a prober of the pod once kubectl proxy in it serves.
func proxyServing(ctx context.Context, env *harness.Env, pod *corev1.Pod) prober {
	ginkgo.GinkgoHelper()
	p := prober{env, env.WaitReady(ctx, pod)}
	env.WalkFrom(p.pod, proxyContainer)
	_, err := access.Container{Namespace: p.pod.Namespace, Pod: p.pod.Name, Container: proxyContainer}.FollowLog(ctx, env.Client, access.KubectlProxyServes)
	env.At(catalog.HopLocalProxy)
	Expect(err).NotTo(HaveOccurred(), "kubectl proxy serves")
	return p
}

// reviewed returns who the API server says that the caller is.
func reviewed(env *harness.Env, r access.Result) authenticationv1.UserInfo {
	ginkgo.GinkgoHelper()
	env.At(catalog.HopAPI)
	return harness.Reviewed(r)
}
