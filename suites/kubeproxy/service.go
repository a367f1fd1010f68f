package kubeproxy

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	backendName = "backend"
	// The backends speak HTTP on one port and answer datagrams on another. The
	// Service has both at the same number.
	portHTTP    = "http"
	portUDP     = "udp"
	servicePort = int32(80)
	udpPort     = int32(8081)
)

// service is a Service with the pods behind it.
type service struct {
	*corev1.Service
	pods []*corev1.Pod
}

// ports are those of the backends.
func ports() []corev1.ServicePort {
	return []corev1.ServicePort{
		{Name: portHTTP, Protocol: corev1.ProtocolTCP, Port: servicePort, TargetPort: intstr.FromInt32(harness.ServerPort)},
		{Name: portUDP, Protocol: corev1.ProtocolUDP, Port: servicePort, TargetPort: intstr.FromInt32(udpPort)},
	}
}

// own returns the port of that name as the backends have it, whatever a Service
// makes of it.
func own(port corev1.ServicePort) corev1.ServicePort {
	all := ports()
	return all[slices.IndexFunc(all, func(p corev1.ServicePort) bool { return p.Name == port.Name })]
}

// newService creates n backends and a Service of them, with a port of its own on
// every node, and does not wait.
func newService(ctx context.Context, env *harness.Env, n int) service {
	svc := env.Service(backendName, backendName, ports()...)
	svc.Spec.Type = corev1.ServiceTypeNodePort
	svc.Spec.IPFamilyPolicy = new(corev1.IPFamilyPolicyPreferDualStack)
	s := service{Service: env.CreateService(ctx, svc)}
	for i := range n {
		s.add(ctx, env, newBackend(ctx, env, fmt.Sprintf("%s-%d", backendName, i)))
	}
	return s
}

// newBackend creates a backend, which is not ready until add lets it be.
func newBackend(ctx context.Context, env *harness.Env, name string) *corev1.Pod {
	return env.CreatePod(ctx, harness.Gated(env.ServerPod(name, backendName)))
}

// add lets a backend be ready.
func (s *service) add(ctx context.Context, env *harness.Env, pod *corev1.Pod) {
	env.OpenGate(ctx, pod, true)
	s.pods = append(s.pods, pod)
}

// ready waits until the pods are ready and the Service says so.
func (s service) ready(ctx context.Context, env *harness.Env) {
	for i, pod := range s.pods {
		s.pods[i] = env.WaitReady(ctx, pod)
	}
	s.waitEndpoints(ctx, env)
}

// waitEndpoints waits until the Service lists its pods and no others.
func (s service) waitEndpoints(ctx context.Context, env *harness.Env) {
	env.At(catalog.HopEndpoint)
	Expect(env.WaitEndpoints(ctx, s.Service, len(s.pods))).To(Succeed(), "the endpoints of Service %q", s.Name)
}

// lose makes the first of the pods unready and waits until the Service lists the
// others. The pod goes on answering: who refuses then is not it.
func (s *service) lose(ctx context.Context, env *harness.Env) {
	env.OpenGate(ctx, s.pods[0], false)
	s.pods = s.pods[1:]
	s.waitEndpoints(ctx, env)
}

// names are the names of the pods.
func (s service) names() []string {
	var all []string
	for _, p := range s.pods {
		all = append(all, p.Name)
	}
	return all
}

// port returns the port of the name.
func (s service) port(name string) corev1.ServicePort {
	return s.Spec.Ports[slices.IndexFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == name })]
}

// address is the first cluster IP with the port.
func (s service) address(port corev1.ServicePort) string { return s.addresses(port)[0] }

// addresses are the cluster IPs with the port.
func (s service) addresses(port corev1.ServicePort) []string {
	var all []string
	for _, ip := range s.Spec.ClusterIPs {
		all = append(all, net.JoinHostPort(ip, strconv.Itoa(int(port.Port))))
	}
	return all
}

// endpoints are the ready ones of the port, "host:port".
func (s service) endpoints(ctx context.Context, env *harness.Env, port corev1.ServicePort) ([]string, error) {
	list, err := env.Client.DiscoveryV1().EndpointSlices(s.Namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + s.Name})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, slice := range list.Items {
		i := slices.IndexFunc(slice.Ports, func(p discoveryv1.EndpointPort) bool { return p.Name != nil && *p.Name == port.Name && p.Port != nil })
		if i < 0 {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				all = append(all, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*slice.Ports[i].Port))))
			}
		}
	}
	return all, nil
}
