package kubeproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// dialer is the container of a place that sends datagrams, on request by HTTP
	// at dialerPort, which no curl does.
	dialer        = "dialer"
	dialerPort    = 8090
	dialerUDPPort = 8091

	// connectTime and curlTime bound a connection and all of a request, in
	// seconds; connectTime sees a packet sent twice. The dialer waits five seconds
	// for an answer, datagramTime is more.
	connectTime  = 3
	curlTime     = 5
	datagramTime = 7
	// settleTime is how long kube-proxy may take to follow a change of a Service,
	// and pollTime how often that is looked at: a node that is asked more often
	// than once a second stops saying that it cannot (net.ipv4.icmp_ratelimit), and
	// what is refused seems to be dropped.
	settleTime = 10 * time.Second
	pollTime   = time.Second

	// hostname makes a backend say the name of its pod.
	hostname = "/hostname"
)

// place is a pod on one node, from which Services are asked.
type place struct {
	env *harness.Env
	pod *corev1.Pod
}

// places runs a pod on each node. It does not ask the scheduler, which keeps
// pods off some nodes that have a kube-proxy all the same.
func places(ctx context.Context, env *harness.Env) []place {
	nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: corev1.LabelOSStable + "=linux"})
	env.Require(err, "listing nodes")
	Expect(nodes.Items).NotTo(BeEmpty(), "the nodes of the cluster")
	var all []place
	for i, node := range nodes.Items {
		pod := env.ClientPod(fmt.Sprintf("place-%d", i))
		pod.Spec.NodeName = node.Name
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		pod.Spec.AutomountServiceAccountToken = new(bool)
		sends := env.ServerPod(dialer, dialer, "netexec", fmt.Sprintf("--http-port=%d", dialerPort), fmt.Sprintf("--udp-port=%d", dialerUDPPort)).Spec.Containers[0]
		sends.Name = dialer
		sends.ReadinessProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(dialerPort)}},
			PeriodSeconds: 1,
		}
		pod.Spec.Containers = append(pod.Spec.Containers, sends)
		all = append(all, place{env, env.CreatePod(ctx, pod)})
	}
	for i := range all {
		all[i].pod = env.WaitReady(ctx, all[i].pod)
	}
	return all
}

// ask asks one address, "host:port", from a place.
type ask func(ctx context.Context, address string) access.Result

// from says where a request comes from.
func (p place) from(what string) string { return "from node " + p.pod.Spec.NodeName + ", " + what }

// curl runs curl in the place with more arguments for sh.
func (p place) curl(ctx context.Context, seconds int, args string) access.Result {
	return access.ReadCurl(p.env.InPod(ctx, p.pod, fmt.Sprintf("curl --silent --show-error --noproxy '*' --connect-timeout %d --max-time %d --write-out '%s' %s",
		connectTime, seconds, access.CurlStatus, args)))
}

// get asks for a path over HTTP, in a connection of its own.
func (p place) get(path string) ask {
	return func(ctx context.Context, address string) access.Result {
		return p.curl(ctx, curlTime, "'http://"+address+path+"'")
	}
}

// send sends a datagram from a socket of its own, and returns the answer.
func (p place) send(datagram string) ask {
	return func(ctx context.Context, address string) access.Result {
		host, port, err := net.SplitHostPort(address)
		p.env.Require(err, "reading an address")
		q := url.Values{"host": {host}, "port": {port}, "protocol": {"udp"}, "request": {datagram}, "tries": {"1"}}
		r := p.curl(ctx, datagramTime, fmt.Sprintf("'http://127.0.0.1:%d/dial?%s'", dialerPort, q.Encode()))
		if r.Err == nil && r.Outcome != catalog.Reached {
			r.Err = fmt.Errorf("asking %s of the place: %s", dialer, r.Outcome)
			r.Outcome = catalog.Unknown
			return r
		}
		var said struct{ Responses, Errors []string }
		if err := json.Unmarshal([]byte(r.Stdout), &said); err != nil {
			r.Outcome, r.Err = catalog.Unknown, fmt.Errorf("reading what %s says: %w", dialer, err)
			return r
		}
		// The status was that of the dialer.
		r.Status, r.Stdout, r.Stderr = 0, strings.Join(said.Responses, "\n"), strings.Join(said.Errors, "\n")
		if r.Stderr != "" {
			r.Outcome = access.OutcomeOf(r.Stderr)
		}
		return r
	}
}

// direct asserts that each pod of the Service answers the place at its own
// address and target port: what is then not reached is not reached because of the
// Service. It comes first and asks once, since a node does not say without end
// that it knows no way (net.ipv4.route.error_burst).
func (p place) direct(ctx context.Context, s service, port corev1.ServicePort, a ask) {
	ginkgo.GinkgoHelper()
	for _, pod := range s.pods {
		r := p.env.Meet(catalog.HopBackend, p.from("pod "+pod.Name+" is asked at its own address"),
			a(ctx, net.JoinHostPort(pod.Status.PodIP, port.TargetPort.String())), catalog.Reached)
		Expect(r.Stdout).NotTo(BeEmpty(), p.from("what pod "+pod.Name+" answers at its own address"))
	}
}

// settled asks until the answer is one that is wanted, for as long as kube-proxy
// may take to follow a change. What the last answer was is for the request that
// comes after to tell.
func (p place) settled(ctx context.Context, address string, a ask, wanted func(access.Result) bool) {
	bounded, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	err := poll.Until(bounded, address+" to settle", pollTime, func(ctx context.Context) error {
		if r := a(ctx, address); !wanted(r) {
			return fmt.Errorf("%s", r.Summary())
		}
		return nil
	})
	if err != nil {
		ginkgo.GinkgoWriter.Println(p.from(err.Error()))
	}
}

// met asks a port of the Service at the address and asserts the outcome. Where
// no pod answers that should, the hop is found by what does answer.
func (p place) met(ctx context.Context, what string, s service, port corev1.ServicePort, address string, a ask, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	r := a(ctx, address)
	if want == catalog.Reached && r.Err == nil && r.Outcome != want {
		hop, seen := p.beyond(ctx, s, port, a, r)
		return p.env.Meet(hop, p.from(what), seen, want)
	}
	return p.env.Meet(catalog.HopService, p.from(what), r, want)
}

// beyond tells which hop broke a request to the address of a Service: there is
// no endpoint, or the endpoint does not answer at its own address either, or else
// the address does not lead to it.
func (p place) beyond(ctx context.Context, s service, port corev1.ServicePort, a ask, r access.Result) (catalog.Hop, access.Result) {
	endpoints, err := s.endpoints(ctx, p.env, port)
	p.env.Require(err, "listing the endpoints of Service "+s.Name)
	if len(endpoints) == 0 {
		return catalog.HopEndpoint, r
	}
	for _, e := range endpoints {
		if direct := a(ctx, e); direct.Err == nil && direct.Outcome != catalog.Reached {
			return catalog.HopBackend, direct
		}
	}
	return catalog.HopService, r
}

// answers settles and asserts that one of the Service's pods answers at the
// address with its name, which it returns.
func (p place) answers(ctx context.Context, what string, s service, port corev1.ServicePort, address string, a ask) string {
	ginkgo.GinkgoHelper()
	p.settled(ctx, address, a, func(r access.Result) bool {
		return r.Outcome == catalog.Reached && slices.Contains(s.names(), r.Stdout)
	})
	r := p.met(ctx, what, s, port, address, a, catalog.Reached)
	p.env.At(catalog.HopBackend)
	Expect(s.names()).To(ContainElement(r.Stdout), p.from("the pod that answers at "+address))
	return r.Stdout
}

// refused settles and asserts that the address refuses.
func (p place) refused(ctx context.Context, what string, s service, port corev1.ServicePort, address string, a ask) {
	ginkgo.GinkgoHelper()
	p.settled(ctx, address, a, func(r access.Result) bool { return r.Outcome == catalog.Refused })
	p.met(ctx, what, s, port, address, a, catalog.Refused)
}

// nodePort is the address of a port of the Service on the place's own node.
func (p place) nodePort(port corev1.ServicePort) string {
	return net.JoinHostPort(p.pod.Status.HostIP, strconv.Itoa(int(port.NodePort)))
}
