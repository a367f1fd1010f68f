package kubeproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// replicas pods share connections, of which each must get fair at least: a
	// random choice misses that once in a million runs.
	replicas    = 3
	connections = 90
	fair        = connections / 10
	// few connections all go to one pod by chance less than once in a billion
	// runs.
	few = 20
	// manyTime bounds many connections one after the other, in seconds.
	manyTime = 20

	// header makes a backend say which headers it got.
	header = "/header"

	// The server that speaks no HTTP answers with one letter, rawLength times, when
	// what it reads first is rawText. curl sends that, and then the end of a line,
	// when it speaks Gopher.
	rawName   = "raw"
	rawPort   = int32(9070)
	rawText   = "\x01not HTTP\x02"
	rawURL    = "/1%01not%20HTTP%02"
	rawLength = 1000
	// It serves one connection alone, so none can tell whether it listens. A
	// container beside it looks among the sockets of the pod, where 0A is one that
	// listens and the port, %X, is after the address.
	rawWatch   = "watch"
	rawListens = `grep -qs ':%04X [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6`
)

var _ = harness.Area(catalog.PathKubeProxy, func() {
	harness.Prove("kpx/load-balances", func(ctx context.Context, env *harness.Env) {
		all := places(ctx, env)
		sticky := env.Service("sticky", backendName, ports()...)
		sticky.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		pinned := service{Service: env.CreateService(ctx, sticky)}
		s := newService(ctx, env, replicas, nil)
		pinned.pods = s.pods
		pinned.waitEndpoints(ctx, env)
		port := s.port(portHTTP)

		ginkgo.By("every pod gets its share, from each node")
		for _, p := range all {
			p.direct(ctx, s, own(port), p.get(hostname))
			p.spread(ctx, s, port)
		}

		ginkgo.By("with affinity one pod gets everything")
		for _, p := range all {
			p.answers(ctx, "the Service with affinity is asked which pod answers", pinned, port, pinned.address(port), p.get(hostname))
			r, names := p.many(ctx, "the Service with affinity is asked many times", pinned, port, apart(few))
			env.Blame(catalog.HopService, r, catalog.Reached)
			Expect(names).To(HaveEach(names[0]), p.from("the pods that answer for the Service with affinity"))
		}

		ginkgo.By("a pod that is not ready gets no more")
		s.lose(ctx, env)
		for _, p := range all {
			p.spread(ctx, s, port)
		}
	})

	harness.Prove("kpx/no-http-understanding", func(ctx context.Context, env *harness.Env) {
		p := places(ctx, env)[0]
		raw := newRaw(ctx, env)
		s := newService(ctx, env, replicas, nil)
		port := s.port(portHTTP)
		p.direct(ctx, s, own(port), p.get(hostname))
		p.knows(ctx, s, port)

		ginkgo.By("the requests of one connection go to one pod")
		r, names := p.many(ctx, "the Service is asked many times in one connection", s, port, oneConnection(few))
		env.Blame(catalog.HopService, r, catalog.Reached)
		Expect(names).To(HaveEach(names[0]), "the pods that answer in one connection")

		ginkgo.By("those of many connections go to several")
		r, names = p.many(ctx, "the Service is asked in many connections", s, port, apart(few))
		env.Blame(catalog.HopService, r, catalog.Reached)
		Expect(names).To(ContainElement(Not(Equal(names[0]))), "the pods that answer in many connections")

		ginkgo.By("a pod gets the headers that the client sends, and no others")
		r = p.met(ctx, "the Service is asked for the headers that it got", s, port, s.address(port), p.get(header), catalog.Reached)
		direct := env.Meet(catalog.HopBackend, p.from("a pod is asked for the headers that it got"), p.get(header)(ctx, podAddress(s.pods[0])), catalog.Reached)
		env.Blame(catalog.HopService, r, catalog.Reached)
		Expect(headersOf(env, r)).To(Equal(headersOf(env, direct)), "the headers that a pod gets through the Service, and without it")

		ginkgo.By("what is not HTTP passes as it is")
		p.answers(ctx, "the Service of the server without HTTP is asked which pod it is", raw, raw.port(portHTTP), raw.address(raw.port(portHTTP)), p.get(hostname))
		r = env.Meet(catalog.HopService, p.from("the server without HTTP is spoken to"), p.gopher(ctx, raw.address(raw.port(rawName))), catalog.Reached)
		env.Blame(catalog.HopService, r, catalog.Reached)
		Expect(r.Stdout).To(Equal(strings.Repeat("x", rawLength)), "what the server without HTTP answers to the line that it waits for")
	})
})

// knows asserts that every pod of the Service, and no other, answers for it
// sooner or later: kube-proxy may know of one endpoint before it knows of the
// others.
func (p place) knows(ctx context.Context, s service, port corev1.ServicePort) {
	ginkgo.GinkgoHelper()
	p.answers(ctx, "the cluster IP is asked which pod answers", s, port, s.address(port), p.get(hostname))
	p.env.Blame(catalog.HopService, access.Result{Outcome: catalog.Reached}, catalog.Reached)
	Eventually(ctx, func(ctx context.Context) []string {
		_, names := p.asked(ctx, s.address(port), apart(few))
		return slices.Compact(slices.Sorted(slices.Values(names)))
	}).WithTimeout(settleTime).WithPolling(pollTime).Should(ConsistOf(s.names()), p.from("the pods that answer for Service "+s.Name))
}

// spread asserts that the pods of the Service, and no others, share the
// connections of the place.
func (p place) spread(ctx context.Context, s service, port corev1.ServicePort) {
	ginkgo.GinkgoHelper()
	p.knows(ctx, s, port)
	r, names := p.many(ctx, "the Service is asked in many connections", s, port, apart(connections))
	env, hits := p.env, map[string]int{}
	for _, name := range names {
		hits[name]++
	}
	ginkgo.GinkgoWriter.Println(p.from(fmt.Sprintf("%d connections: %v", connections, hits)))
	env.Blame(catalog.HopService, r, catalog.Reached)
	Expect(slices.Sorted(maps.Keys(hits))).To(ConsistOf(s.names()), p.from("the pods that answer"))
	for _, name := range s.names() {
		Expect(hits[name]).To(BeNumerically(">=", fair), p.from(fmt.Sprintf("the connections of %d that pod %q got: %v", connections, name, hits)))
	}
}

// repeated asks an address for the name of its pod many times: a script for sh
// that prints a name per line.
type repeated struct {
	script string
	// times is how often, and connections in how many connections.
	times, connections int
}

const (
	// printConnects has curl print the number of connections that a request took
	// on the line of its answer; it goes through fmt.
	printConnects = ` %%{num_connects}\n`
	curlMany      = `curl --silent --show-error --fail --noproxy '*' --connect-timeout %d --max-time %d --write-out '` + printConnects + `'`
)

// apart makes n requests in connections of their own.
func apart(n int) repeated {
	return repeated{fmt.Sprintf(`for i in $(seq %d); do `+curlMany+` "http://$address%s"; done`, n, connectTime, curlTime, hostname), n, n}
}

// oneConnection makes n requests in one connection.
func oneConnection(n int) repeated {
	return repeated{fmt.Sprintf(curlMany+` "http://$address%s?[1-%d]"`, connectTime, manyTime, hostname, n), n, 1}
}

// asked runs the script and returns the names.
func (p place) asked(ctx context.Context, address string, q repeated) (access.Result, []string) {
	r := access.CurlOutcome(p.env.InPod(ctx, p.pod, "address='"+address+"'\n"+q.script))
	var names []string
	connects := 0
	for line := range strings.Lines(r.Stdout) {
		name, count, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			continue
		}
		names, connects = append(names, name), connects+n
	}
	if r.Outcome == catalog.Reached && (len(names) != q.times || connects != q.connections) {
		r.Outcome, r.Err = catalog.Unknown, fmt.Errorf("asking %d times in %d connections: got %d answers in %d", q.times, q.connections, len(names), connects)
	}
	return r, names
}

// many is asked of a Service, each of whose answers must be that of a pod of its.
func (p place) many(ctx context.Context, what string, s service, port corev1.ServicePort, q repeated) (access.Result, []string) {
	ginkgo.GinkgoHelper()
	var names []string
	r := p.met(ctx, what, s, port, s.address(port), func(ctx context.Context, address string) access.Result {
		r, all := p.asked(ctx, address, q)
		names = all
		return r
	}, catalog.Reached)
	p.env.At(catalog.HopBackend)
	Expect(names).To(HaveEach(BeElementOf(s.names())), p.from("the pods that answer"))
	return r, names
}

// newRaw runs a server that speaks no HTTP, to the first who connects, beside one
// that does.
func newRaw(ctx context.Context, env *harness.Env) service {
	const bindAll = "0.0.0.0"
	pod := env.ServerPod(rawName, rawName)
	plain := env.ServerPod(rawName, rawName, "port-forward-tester").Spec.Containers[0]
	plain.Name = rawName
	plain.Env = []corev1.EnvVar{
		{Name: "BIND_ADDRESS", Value: bindAll}, {Name: "BIND_PORT", Value: strconv.Itoa(int(rawPort))},
		{Name: "EXPECTED_CLIENT_DATA", Value: rawText},
		{Name: "CHUNKS", Value: "1"}, {Name: "CHUNK_SIZE", Value: strconv.Itoa(rawLength)}, {Name: "CHUNK_INTERVAL", Value: "0"},
	}
	watch := env.ClientContainer(rawWatch, "sleep", "3600")
	watch.ReadinessProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", fmt.Sprintf(rawListens, rawPort)}}},
		PeriodSeconds: 1,
	}
	pod.Spec.Containers = append(pod.Spec.Containers, plain, watch)
	s := service{Service: env.CreateService(ctx, env.Service(rawName, rawName,
		corev1.ServicePort{Name: portHTTP, Port: servicePort, TargetPort: intstr.FromInt32(harness.ServerPort)},
		corev1.ServicePort{Name: rawName, Port: rawPort, TargetPort: intstr.FromInt32(rawPort)},
	))}
	s.pods = []*corev1.Pod{env.CreatePod(ctx, harness.Gated(pod))}
	s.ready(ctx, env)
	return s
}

// gopher sends the line that the server without HTTP waits for.
func (p place) gopher(ctx context.Context, address string) access.Result {
	r := p.env.InPod(ctx, p.pod, fmt.Sprintf("curl --silent --show-error --noproxy '*' --connect-timeout %d --max-time %d 'gopher://%s%s'", connectTime, curlTime, address, rawURL))
	if r.Exit == 0 {
		return r
	}
	return access.CurlOutcome(r)
}

// podAddress is where the pod speaks HTTP.
func podAddress(pod *corev1.Pod) string {
	return net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(harness.ServerPort))
}

// headersOf reads the headers that a backend says that it got.
func headersOf(env *harness.Env, r access.Result) map[string][]string {
	var headers map[string][]string
	env.Require(json.Unmarshal([]byte(r.Stdout), &headers), "reading the headers")
	return headers
}
