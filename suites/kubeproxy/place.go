package kubeproxy

import (
	"context"
	"fmt"
	"net"
	"strconv"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// dialer is the container of a place that sends datagrams, on request by HTTP
	// at dialerPort, which no curl does.
	dialer        = "dialer"
	dialerPort    = 8090
	dialerUDPPort = 8091
)

// place is a pod on one node, from which Services are asked.
type place struct {
	env *harness.Env
	pod *corev1.Pod
}

// newPlaces creates a pod on each node, with more containers, and does not wait.
// It does not ask the scheduler, which keeps pods off some nodes that have a
// kube-proxy all the same.
func newPlaces(ctx context.Context, env *harness.Env, more ...corev1.Container) []place {
	nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: corev1.LabelOSStable + "=linux"})
	env.Require(err, "listing nodes")
	Expect(nodes.Items).NotTo(BeEmpty(), "the nodes of the cluster")
	var all []place
	for i, node := range nodes.Items {
		pod := env.ClientPod(fmt.Sprintf("place-%d", i))
		pod.Spec.NodeName = node.Name
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		pod.Spec.AutomountServiceAccountToken = new(bool)
		pod.Spec.Containers = append(pod.Spec.Containers, more...)
		all = append(all, place{env, env.CreatePod(ctx, pod)})
	}
	return all
}

// sender is the container that sends datagrams for a place.
func sender(env *harness.Env) corev1.Container {
	c := env.ServerPod(dialer, dialer, "netexec", fmt.Sprintf("--http-port=%d", dialerPort), fmt.Sprintf("--udp-port=%d", dialerUDPPort)).Spec.Containers[0]
	c.Name = dialer
	c.ReadinessProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(dialerPort)}},
		PeriodSeconds: 1,
	}
	return c
}

// there waits until the places can be asked from.
func there(ctx context.Context, all []place) {
	for i, p := range all {
		all[i].pod = p.env.WaitReady(ctx, p.pod)
	}
}

// from says where a request comes from.
func (p place) from(what string) string { return "from node " + p.pod.Spec.NodeName + ", " + what }

// nodePorts are the addresses of a port of the Service on the place's own node,
// one for each family of addresses of the Service.
func (p place) nodePorts(s service, port corev1.ServicePort) []string {
	var all []string
	for _, ip := range p.pod.Status.HostIPs[:min(len(p.pod.Status.HostIPs), len(s.Spec.IPFamilies))] {
		all = append(all, net.JoinHostPort(ip.IP, strconv.Itoa(int(port.NodePort))))
	}
	return all
}

// on returns what the question is for each place.
func on(all []place, ask func(p place) []question) []question {
	var questions []question
	for _, p := range all {
		questions = append(questions, ask(p)...)
	}
	return questions
}
