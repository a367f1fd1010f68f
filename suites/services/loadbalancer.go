package services

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// balancerTime is how long a provider may take to give a load balancer an
	// address, which in a cloud is minutes and on the nodes' own network a second.
	balancerTime = 20 * time.Second
	// pendingTime is how long a Service is looked at that is to get none.
	pendingTime = 3 * time.Second

	udpPort = int32(8081)
	// askHostname makes the backend say the name of its pod over UDP.
	askHostname = "hostname"
	// noClass is a loadBalancerClass that nobody serves.
	noClass = "inroads.dev/none"
	// kindScheme begins the providerID of kind's nodes, to whom no cloud belongs.
	kindScheme = "kind"
	// metalLB is a provider, and metalLBGroup the group of its API.
	metalLB      = "MetalLB"
	metalLBGroup = "metallb.io"
	// otherProtocol is one that no Service has.
	otherProtocol = corev1.Protocol("ICMP")
)

var _ = harness.Area(catalog.PathLoadBalancer, func() {
	harness.Prove("clb/provided-by-some", func(ctx context.Context, env *harness.Env) {
		by := provider(ctx, env)
		unserved := balancedService(env, "unserved")
		unserved.Spec.LoadBalancerClass = ptr(noClass)
		unserved = env.CreateService(ctx, unserved)
		svc := env.CreateService(ctx, balancedService(env, backendName))
		b := newBalanced(ctx, env)
		b.inside(ctx, svc)
		b.inside(ctx, unserved)

		ginkgo.By("an address comes from a provider or not at all, and leads to the Service")
		within := pendingTime
		if by != "" {
			within = balancerTime
		}
		at, err := env.WaitBalancer(ctx, svc, within)
		switch {
		case err == nil:
			b.outside(ctx, svc, at)
			env.Note(catalog.HopController, "load balancers are provided by "+cmp.Or(by, "somebody who does not say so"))
		case by != "":
			env.Held(catalog.HopController, err)
		default:
			env.Note(catalog.HopController, "nobody provides load balancers: the Service stays pending")
			b.nodePorts(ctx, svc)
		}

		ginkgo.By("without somebody who serves its class a Service stays pending, and has its node ports")
		// Where there is a provider, it has since seen to a Service that came later.
		seen, err := env.Client.CoreV1().Services(unserved.Namespace).List(ctx, metav1.ListOptions{})
		env.Require(err, "listing Services")
		env.At(catalog.HopController)
		Expect(seen.Items).To(ContainElement(And(HaveField("Name", unserved.Name), HaveField("Status.LoadBalancer.Ingress", BeEmpty()))), "the Service whose class nobody serves")
		b.nodePorts(ctx, unserved)
	})

	harness.Prove("clb/auto-created", func(ctx context.Context, env *harness.Env) {
		needProvider(ctx, env)
		svc := env.CreateService(ctx, balancedService(env, backendName))
		b := newBalanced(ctx, env)
		b.inside(ctx, svc)
		at := b.address(ctx, svc)
		b.outside(ctx, svc, at)

		services := env.Client.CoreV1().Services(svc.Namespace)
		svc, err := services.Get(ctx, svc.Name, metav1.GetOptions{})
		env.Require(err, "reading the Service")
		env.Note(catalog.HopController, fmt.Sprintf("the finalizers of the Service: %q", svc.Finalizers))

		ginkgo.By("the load balancer goes with the Service")
		env.Require(services.Delete(ctx, svc.Name, metav1.DeleteOptions{}), "deleting the Service")
		gone, cancel := context.WithTimeout(ctx, balancerTime)
		defer cancel()
		env.Held(catalog.HopController, poll.Gone[corev1.Service](gone, "the Service to go", services, svc.Name))
		env.Held(catalog.HopController, poll.Until(gone, "its address to answer no more", pollTime, func(ctx context.Context) error {
			if r := ask(ctx, join(hostAt(at), servicePort), hostname); r.Stdout == b.pod.Name {
				return fmt.Errorf("%s still answers", r.Target)
			}
			return nil
		}))
		b.asked(ctx, catalog.HopBackend, "the backend is asked from a pod once its Service is gone", func(ctx context.Context) access.Result {
			return b.from.get(ctx, join(b.pod.Status.PodIP, plainPort), hostname)
		})
	})

	harness.Prove("clb/udp-tcp-only", func(ctx context.Context, env *harness.Env) {
		needProvider(ctx, env)
		svc := balancedService(env, backendName)
		svc.Spec.Ports[0].Name = "tcp"
		udp := corev1.ServicePort{Name: "udp", Protocol: corev1.ProtocolUDP, Port: servicePort, TargetPort: intstr.FromInt32(udpPort)}
		svc.Spec.Ports = append(svc.Spec.Ports, udp)
		svc = env.CreateService(ctx, svc)
		b := newBalanced(ctx, env)
		b.inside(ctx, svc)
		at := b.address(ctx, svc)
		b.outside(ctx, svc, at)

		ginkgo.By("the same port passes UDP")
		for _, node := range nodeAddresses(ctx, env) {
			address := join(node, svc.Spec.Ports[1].NodePort)
			b.asked(ctx, catalog.HopService, "the node port "+address+" is asked over UDP", func(ctx context.Context) access.Result { return access.AskUDP(ctx, address, askHostname) })
		}
		b.asked(ctx, catalog.HopDial, "the load balancer is asked over UDP", func(ctx context.Context) access.Result {
			return access.AskUDP(ctx, join(hostAt(at), servicePort), askHostname)
		})

		ginkgo.By("the API takes SCTP beside them, and nothing else")
		env.Blame(catalog.HopService, access.Result{Outcome: catalog.Unavailable}, catalog.Reached)
		Expect(tryPort(ctx, env, svc, corev1.ProtocolSCTP)).To(Succeed(), "a Service of type LoadBalancer with an SCTP port")
		Expect(tryPort(ctx, env, svc, otherProtocol)).To(Satisfy(apierrors.IsInvalid), "one with a port of protocol %s", otherProtocol)
	})

	harness.Prove("clb/varies", func(ctx context.Context, env *harness.Env) {
		needProvider(ctx, env)
		local := balancedService(env, "local")
		local.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		local = env.CreateService(ctx, local)
		svc := env.CreateService(ctx, balancedService(env, backendName))
		b := newBalanced(ctx, env)
		own, err := access.OtherAddresses()
		env.Require(err, "listing this machine's addresses")
		nodes := addressesOf(ctx, env, everyNode)

		b.inside(ctx, svc)
		b.inside(ctx, local)
		whole, direct := b.address(ctx, svc), b.address(ctx, local)
		b.outside(ctx, svc, whole)
		b.outside(ctx, local, direct)
		for _, at := range []corev1.LoadBalancerIngress{whole, direct} {
			env.At(catalog.HopController)
			Expect(at).To(Or(
				And(HaveField("IP", Not(BeEmpty())), HaveField("IPMode", HaveValue(Or(Equal(corev1.LoadBalancerIPModeVIP), Equal(corev1.LoadBalancerIPModeProxy))))),
				HaveField("Hostname", Not(BeEmpty())),
			), "where the load balancer is")
		}
		env.Note(catalog.HopController, fmt.Sprintf("load balancers are told by %s", told(whole)))

		ginkgo.By("with Cluster the backend sees a node, with Local the caller")
		from := b.source(ctx, "the backend is asked, with Cluster, where the request comes from", whole)
		Expect(from.String()).NotTo(BeElementOf(own), "the address from which the backend is asked, which this machine has")
		Expect(nodes).To(ContainElement(Satisfy(func(p netip.Prefix) bool { return p.Contains(from) })), "the addresses of nodes, and the one from which the backend is asked: %s", from)
		from = b.source(ctx, "the backend is asked, with Local, where the request comes from", direct)
		Expect(own).To(ContainElement(from.String()), "the addresses of this machine, and the one from which the backend is asked")
	})
})

// balanced is a backend, and a pod from which to ask without the load balancer.
type balanced struct {
	env  *harness.Env
	pod  *corev1.Pod
	from inside
}

// balancedService returns a Service of type LoadBalancer of the backend.
func balancedService(env *harness.Env, name string) *corev1.Service {
	svc := env.Service(name, backendName)
	svc.Spec.Type = corev1.ServiceTypeLoadBalancer
	return svc
}

func newBalanced(ctx context.Context, env *harness.Env) balanced {
	from := env.CreatePod(ctx, insidePod(env))
	pod := env.RunPod(ctx, env.ServerPod(backendName, backendName))
	return balanced{env, pod, inside{env, env.WaitReady(ctx, from)}}
}

// inside asserts that the Service leads to its backend inside the cluster, from
// the far end to the near one, so that what is then amiss is the load balancer's.
func (b balanced) inside(ctx context.Context, svc *corev1.Service) {
	ginkgo.GinkgoHelper()
	b.env.At(catalog.HopEndpoint)
	Expect(b.env.WaitEndpoints(ctx, svc, 1)).To(Succeed(), "the endpoints of Service %q, whose pod is ready", svc.Name)
	list, err := b.env.Client.DiscoveryV1().EndpointSlices(svc.Namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.Set{discoveryv1.LabelServiceName: svc.Name}.String()})
	b.env.Require(err, "listing the endpoints of the Service")
	for _, slice := range list.Items {
		for _, p := range slice.Ports {
			if p.Port == nil || p.Protocol == nil || *p.Protocol != corev1.ProtocolTCP {
				continue
			}
			for _, e := range slice.Endpoints {
				address := join(e.Addresses[0], *p.Port)
				b.asked(ctx, catalog.HopBackend, "endpoint "+address+" of the Service is asked from a pod", func(ctx context.Context) access.Result { return b.from.get(ctx, address, hostname) })
			}
		}
	}
	b.asked(ctx, catalog.HopService, "the Service is asked from a pod at its cluster IP", func(ctx context.Context) access.Result {
		return b.from.get(ctx, join(svc.Spec.ClusterIP, servicePort), hostname)
	})
}

// address returns where the load balancer of the Service is, which a provider must
// tell.
func (b balanced) address(ctx context.Context, svc *corev1.Service) corev1.LoadBalancerIngress {
	ginkgo.GinkgoHelper()
	at, err := b.env.WaitBalancer(ctx, svc, balancerTime)
	b.env.Held(catalog.HopController, err)
	return at
}

// outside asserts that the load balancer leads this machine to the backend.
func (b balanced) outside(ctx context.Context, svc *corev1.Service, at corev1.LoadBalancerIngress) {
	ginkgo.GinkgoHelper()
	b.asked(ctx, catalog.HopDial, "the load balancer of Service "+svc.Name+" is asked from this machine", func(ctx context.Context) access.Result {
		return ask(ctx, join(hostAt(at), servicePort), hostname)
	})
}

// nodePorts asserts that the Service is reached at its port of each node: from this
// machine where the nodes are on it, and else from a pod.
func (b balanced) nodePorts(ctx context.Context, svc *corev1.Service) {
	ginkgo.GinkgoHelper()
	get := ask
	if b.env.Cluster.Engine == "" {
		get = b.from.get
	}
	for _, node := range nodeAddresses(ctx, b.env) {
		address := join(node, svc.Spec.Ports[0].NodePort)
		b.asked(ctx, catalog.HopService, "the node port "+address+" of Service "+svc.Name+" is asked", func(ctx context.Context) access.Result { return get(ctx, address, hostname) })
	}
}

// source returns the address from which the backend says that the load balancer
// has asked it.
func (b balanced) source(ctx context.Context, what string, at corev1.LoadBalancerIngress) netip.Addr {
	ginkgo.GinkgoHelper()
	bounded, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	r := b.env.Meet(catalog.HopDial, what, ask(bounded, join(hostAt(at), servicePort), clientIP), catalog.Reached)
	from := hostOf(b.env, r)
	b.env.Blame(catalog.HopService, r, catalog.Reached)
	return from
}

// asked asks until the answer is the backend's, since whoever is on the way learns
// of a Service a moment after the API, and asserts that it is.
func (b balanced) asked(ctx context.Context, hop catalog.Hop, what string, get func(context.Context) access.Result) {
	ginkgo.GinkgoHelper()
	within := func(limit time.Duration) access.Result {
		bounded, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return get(bounded)
	}
	settling, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	var r access.Result
	err := poll.Until(settling, what, pollTime, func(context.Context) error {
		if r = within(askTime); r.Outcome == catalog.Reached && r.Stdout == b.pod.Name {
			return nil
		}
		return fmt.Errorf("%s", r.Summary())
	})
	if err != nil {
		r = within(requestTime)
	}
	r = b.env.Meet(hop, what, r, catalog.Reached)
	Expect(r.Stdout).To(Equal(b.pod.Name), answering)
}

// ask asks an address from this machine.
func ask(ctx context.Context, address, path string) access.Result {
	return access.Do(ctx, access.PlainClient(), access.Request{URL: "http://" + address + path})
}

func hostAt(at corev1.LoadBalancerIngress) string { return cmp.Or(at.IP, at.Hostname) }

func told(at corev1.LoadBalancerIngress) string {
	if at.IPMode == nil {
		return "hostname"
	}
	return "ip, ipMode " + string(*at.IPMode)
}

// tryPort returns what the API says of the Service with one more port, which it
// does not store: a node may know nothing of the protocol.
func tryPort(ctx context.Context, env *harness.Env, svc *corev1.Service, protocol corev1.Protocol) error {
	tried := balancedService(env, "tried")
	tried.Spec.Ports = nil
	for _, p := range append(slices.Clone(svc.Spec.Ports), corev1.ServicePort{Name: "more", Protocol: protocol, Port: servicePort}) {
		p.NodePort = 0
		tried.Spec.Ports = append(tried.Spec.Ports, p)
	}
	_, err := env.Client.CoreV1().Services(svc.Namespace).Create(ctx, tried, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// provider returns who provides load balancers, as far as the cluster tells, or "".
func provider(ctx context.Context, env *harness.Env) string {
	ginkgo.GinkgoHelper()
	groups, err := env.Client.Discovery().ServerGroups()
	env.Require(err, "asking for the groups of the API")
	if slices.ContainsFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == metalLBGroup }) {
		return metalLB
	}
	nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	env.Require(err, "listing nodes")
	for _, n := range nodes.Items {
		if scheme, _, of := strings.Cut(n.Spec.ProviderID, "://"); of && scheme != kindScheme {
			return "the cloud " + scheme
		}
	}
	if env.Cluster.Topology == catalog.TopologyLoadBalancer {
		return "whom the topology promises"
	}
	return ""
}

// needProvider ends the spec where nobody provides load balancers.
func needProvider(ctx context.Context, env *harness.Env) {
	ginkgo.GinkgoHelper()
	if provider(ctx, env) == "" {
		env.Lacks(catalog.LoadBalancers, "the cluster shows nobody who provides them")
	}
}

// nodeAddresses returns the address of each node inside the cluster's network.
func nodeAddresses(ctx context.Context, env *harness.Env) []string {
	ginkgo.GinkgoHelper()
	nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	env.Require(err, "listing nodes")
	var all []string
	for _, n := range nodes.Items {
		i := slices.IndexFunc(n.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Type == corev1.NodeInternalIP })
		if i >= 0 {
			all = append(all, n.Status.Addresses[i].Address)
		}
	}
	return all
}
