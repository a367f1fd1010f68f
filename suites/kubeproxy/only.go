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
		all := newPlaces(ctx, env)
		left := env.Service("left-alone", backendName, ports()...)
		left.Labels[labelProxyName] = noProxy
		alone := service{Service: env.CreateService(ctx, left)}
		headless := env.Service("headless", backendName, ports()...)
		headless.Spec.ClusterIP = corev1.ClusterIPNone
		named := service{Service: env.CreateService(ctx, headless)}
		s := newService(ctx, env, 1)
		there(ctx, all)
		s.ready(ctx, env)
		alone.pods, named.pods = s.pods, s.pods
		alone.waitEndpoints(ctx, env)
		named.waitEndpoints(ctx, env)
		port := s.port(portHTTP)
		direct(ctx, all, s, own(port), get(hostname))

		ginkgo.By("another Service leads to the pod")
		answered(ctx, on(all, func(p place) []question {
			return p.ask("the cluster IP of the other Service is asked which pod answers", s, port, get(hostname), catalog.Reached, s.address(port))
		}))

		ginkgo.By("one that kube-proxy leaves alone leads nowhere")
		asked := on(all, func(p place) []question {
			return p.ask("the cluster IP that kube-proxy leaves alone is asked which pod answers", alone, port, get(hostname), catalog.Refused, alone.address(port))
		})
		for i, r := range once(ctx, asked) {
			// Where kube-proxy does nothing, somebody outside may answer.
			p := asked[i].place
			env.Saw(catalog.HopService, p.from(asked[i].what), r)
			env.Blame(catalog.HopService, r, catalog.Refused)
			Expect(r.Stdout).NotTo(Equal(s.pods[0].Name), p.from("who answers at an address that kube-proxy leaves alone"))
		}

		ginkgo.By("the pod answers by the name of a Service that has no cluster IP")
		asked = on(all, func(p place) []question {
			return p.ask("the pod is asked by the name of a headless Service", named, own(port), get(hostname), catalog.Reached,
				net.JoinHostPort(named.Name+"."+named.Namespace+".svc", strconv.Itoa(harness.ServerPort)))
		})
		for i, r := range settle(ctx, asked) {
			p := asked[i].place
			env.Meet(catalog.HopResolve, p.from(asked[i].what), r, catalog.Reached)
			Expect(names(r)).To(Equal(s.names()), p.from("the pod that answers by the name of a headless Service"))
		}

		ginkgo.By("no longer left alone, it leads to the pod")
		_, err := env.Client.CoreV1().Services(alone.Namespace).Patch(ctx, alone.Name, types.MergePatchType, []byte(forgetProxyName), metav1.PatchOptions{})
		env.Require(err, "taking the label off Service "+alone.Name)
		answered(ctx, on(all, func(p place) []question {
			return p.ask("the same cluster IP is asked which pod answers", alone, port, get(hostname), catalog.Reached, alone.address(port))
		}))
	})
})
