package kubeproxy

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// kubeProxyName is the name of the DaemonSet, of kubeadm's making.
	kubeProxyName = "kube-proxy"
	// healthPort and healthPath are where kube-proxy says by default whether it
	// keeps up with the Services.
	healthPort = 10256
	healthPath = "/healthz"
)

var _ = harness.Area(catalog.PathKubeProxy, func() {
	harness.Prove("kpx/on-each-node", func(ctx context.Context, env *harness.Env) {
		pods := kubeProxies(ctx, env)
		all := newPlaces(ctx, env)
		s := newService(ctx, env, 1)
		there(ctx, all)
		s.ready(ctx, env)
		port := s.port(portHTTP)
		direct(ctx, all, s, own(port), get(hostname))

		ginkgo.By("the Service is reached from each node")
		answered(ctx, on(all, func(p place) []question {
			return append(p.ask(askedIP, s, port, get(hostname), catalog.Reached, s.address(port)),
				p.ask(askedPort, s, port, get(hostname), catalog.Reached, p.nodePorts(s, port)[0])...)
		}))

		ginkgo.By("kube-proxy is on each node, ready, and says that it is healthy")
		asked := on(all, func(p place) []question {
			return p.ask("kube-proxy is asked whether it is healthy", s, port, get(healthPath), catalog.Reached, net.JoinHostPort(p.pod.Status.HostIP, strconv.Itoa(healthPort)))
		})
		for i, r := range once(ctx, asked) {
			p := asked[i].place
			env.At(catalog.HopService)
			Expect(pods).To(ContainElement(And(HaveField("Spec.NodeName", p.pod.Spec.NodeName), HaveField("Status.Conditions", ContainElement(
				And(HaveField("Type", corev1.PodReady), HaveField("Status", corev1.ConditionTrue)),
			)))), "the pods of kube-proxy, for node %q", p.pod.Spec.NodeName)
			env.Meet(catalog.HopService, p.from(asked[i].what), r, catalog.Reached)
		}
	})
})

// kubeProxies returns the pods of kube-proxy. Where it is no DaemonSet, the spec
// is not applicable.
func kubeProxies(ctx context.Context, env *harness.Env) []corev1.Pod {
	sets, err := env.Client.AppsV1().DaemonSets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
	env.Require(err, "listing the daemon sets")
	for _, set := range sets.Items {
		if set.Name != kubeProxyName {
			continue
		}
		list, err := env.Client.CoreV1().Pods(set.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(set.Spec.Selector)})
		env.Require(err, "listing the pods of "+set.Name)
		return list.Items
	}
	env.Lacks(catalog.KubeProxy, fmt.Sprintf("namespace %s has no DaemonSet %s", metav1.NamespaceSystem, kubeProxyName))
	return nil
}
