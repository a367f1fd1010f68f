package kubeproxy

import (
	"context"
	"net"
	"strconv"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// labelProxyName tells kube-proxy that another program looks after a Service,
	// which here is none.
	labelProxyName = "service.kubernetes.io/service-proxy-name"
	noProxy        = "inroads.dev-none"
	// forgetProxyName takes the label off.
	forgetProxyName = `{"metadata":{"labels":{"` + labelProxyName + `":null}}}`
)

var _ = harness.Area(catalog.PathKubeProxy, func() {
	harness.Prove("kpx/only-services", func(ctx context.Context, env *harness.Env) {
		all := places(ctx, env)
		left := env.Service("left-alone", backendName, ports()...)
		left.Labels[labelProxyName] = noProxy
		alone := service{Service: env.CreateService(ctx, left)}
		headless := env.Service("headless", backendName, ports()...)
		headless.Spec.ClusterIP = corev1.ClusterIPNone
		headless = env.CreateService(ctx, headless)
		s := newService(ctx, env, 1, nil)
		alone.pods = s.pods
		alone.waitEndpoints(ctx, env)
		service{headless, s.pods}.waitEndpoints(ctx, env)
		port := s.port(portHTTP)
		byName := net.JoinHostPort(headless.Name+"."+headless.Namespace+".svc", strconv.Itoa(harness.ServerPort))

		ginkgo.By("a Service that kube-proxy leaves alone leads nowhere; another does, and the pod itself answers")
		for _, p := range all {
			p.direct(ctx, s, own(port), p.get(hostname))
			p.answers(ctx, "the cluster IP of the other Service is asked which pod answers", s, port, s.address(port), p.get(hostname))
			// Where kube-proxy does nothing, somebody outside may answer.
			r := env.Saw(catalog.HopService, p.from("the cluster IP that kube-proxy leaves alone is asked which pod answers"), p.get(hostname)(ctx, alone.address(port)))
			env.Blame(catalog.HopService, r, catalog.Refused)
			Expect(r.Stdout).NotTo(Equal(s.pods[0].Name), p.from("who answers at an address that kube-proxy leaves alone"))
		}

		ginkgo.By("the pod answers by the name of a Service that has no cluster IP")
		for _, p := range all {
			p.settled(ctx, byName, p.get(hostname), func(r access.Result) bool { return r.Outcome == catalog.Reached })
			named := env.Meet(catalog.HopResolve, p.from("the pod is asked by the name of a headless Service"), p.get(hostname)(ctx, byName), catalog.Reached)
			Expect(named.Stdout).To(Equal(s.pods[0].Name), p.from("the pod that answers by the name of a headless Service"))
		}

		ginkgo.By("no longer left alone, it leads to the pod")
		_, err := env.Client.CoreV1().Services(alone.Namespace).Patch(ctx, alone.Name, types.MergePatchType, []byte(forgetProxyName), metav1.PatchOptions{})
		env.Require(err, "taking the label off Service "+alone.Name)
		for _, p := range all {
			p.answers(ctx, "the same cluster IP is asked which pod answers", alone, port, alone.address(port), p.get(hostname))
		}
	})
})
