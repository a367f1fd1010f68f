package kubeproxy

import (
	"context"
	"encoding/json"
	"fmt"
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

	// header makes a backend say which headers it got.
	header = "/header"

	// The server that speaks no HTTP answers with one letter, rawLength times, when
	// what it reads first is rawText.
	rawName   = "raw"
	rawPort   = int32(9070)
	rawText   = "\x01not HTTP\x02"
	rawLength = 1000
)

var _ = harness.Area(catalog.PathKubeProxy, func() {
	harness.Prove("kpx/load-balances", func(ctx context.Context, env *harness.Env) {
		all := newPlaces(ctx, env)
		sticky := env.Service("sticky", backendName, ports()...)
		sticky.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		pinned := service{Service: env.CreateService(ctx, sticky)}
		s := newService(ctx, env, replicas)
		there(ctx, all)
		s.ready(ctx, env)
		pinned.pods = s.pods
		pinned.waitEndpoints(ctx, env)
		port := s.port(portHTTP)
		direct(ctx, all, s, own(port), get(hostname))

		ginkgo.By("every pod gets its share, from each node")
		spread(ctx, all, s, port)

		ginkgo.By("with affinity one pod gets everything")
		asked := on(all, func(p place) []question {
			return p.ask("the Service with affinity is asked in many connections", pinned, port, apart(few), catalog.Reached, pinned.address(port))
		})
		for i, r := range answered(ctx, asked) {
			env.Blame(catalog.HopService, r, catalog.Reached)
			Expect(names(r)).To(HaveEach(names(r)[0]), asked[i].place.from("the pods that answer for the Service with affinity"))
		}

		ginkgo.By("a pod that is not ready gets no more")
		s.lose(ctx, env)
		spread(ctx, all, s, port)
	})

	harness.Prove("kpx/no-http-understanding", func(ctx context.Context, env *harness.Env) {
		all := newPlaces(ctx, env)[:1]
		raw := newRaw(ctx, env)
		s := newService(ctx, env, replicas)
		there(ctx, all)
		s.ready(ctx, env)
		raw.ready(ctx, env)
		port, p := s.port(portHTTP), all[0]
		direct(ctx, all, s, own(port), get(hostname))

		ginkgo.By("the requests of many connections go to several pods")
		many := p.ask("the Service is asked in many connections", s, port, apart(few), catalog.Reached, s.address(port))
		many[0].settled = func(r access.Result) bool { return slices.Equal(distinct(r), s.names()) }
		several := answered(ctx, many)[0]
		env.Blame(catalog.HopService, several, catalog.Reached)
		Expect(distinct(several)).To(Equal(s.names()), "the pods that answer in many connections")

		ginkgo.By("those of one connection go to one")
		one := answered(ctx, p.ask("the Service is asked many times in one connection", s, port, inOneConnection(few), catalog.Reached, s.address(port)))[0]
		env.Blame(catalog.HopService, one, catalog.Reached)
		Expect(names(one)).To(HaveEach(names(one)[0]), "the pods that answer in one connection")

		ginkgo.By("a pod gets the headers that the client sends, and no others")
		got := meet(ctx, p.ask("the headers that arrive are asked for", s, port, get(header), catalog.Reached, s.address(port), podAddress(s.pods[0])))
		env.Blame(catalog.HopService, got[0], catalog.Reached)
		Expect(headersOf(env, got[0])).To(Equal(headersOf(env, got[1])), "the headers that a pod gets through the Service, and without it")

		ginkgo.By("what is not HTTP passes as it is")
		said := meet(ctx, p.ask("the server without HTTP is spoken to", raw, raw.port(rawName), gopher(rawText), catalog.Reached, raw.address(raw.port(rawName))))[0]
		env.Blame(catalog.HopService, said, catalog.Reached)
		Expect(said.Stdout).To(Equal(strings.Repeat("x", rawLength)), "what the server without HTTP answers to the line that it waits for")
	})
})

// spread asserts that the pods of the Service, and no others, share the
// connections of each place.
func spread(ctx context.Context, all []place, s service, port corev1.ServicePort) {
	ginkgo.GinkgoHelper()
	asked := on(all, func(p place) []question {
		return p.ask("the Service is asked in many connections", s, port, apart(connections), catalog.Reached, s.address(port))
	})
	for i := range asked {
		asked[i].settled = func(r access.Result) bool { return slices.Equal(distinct(r), s.names()) && leastOf(s, r) >= fair }
	}
	for i, r := range answered(ctx, asked) {
		p := asked[i].place
		p.env.Blame(catalog.HopService, r, catalog.Reached)
		Expect(distinct(r)).To(Equal(s.names()), p.from("the pods that answer"))
		Expect(leastOf(s, r)).To(BeNumerically(">=", fair), p.from(fmt.Sprintf("how many of %d connections the pod got that got fewest", connections)))
	}
}

// distinct are the names of an answer without repetition, sorted.
func distinct(r access.Result) []string {
	return slices.Compact(slices.Sorted(slices.Values(names(r))))
}

// leastOf returns how often the pod of the Service is named that is named least.
func leastOf(s service, r access.Result) int {
	hits := map[string]int{}
	for _, name := range names(r) {
		hits[name]++
	}
	least := len(names(r))
	for _, name := range s.names() {
		least = min(least, hits[name])
	}
	return least
}

// newRaw creates a server that speaks no HTTP, to the first who connects, beside
// one that does, with a Service, and does not wait.
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
	pod.Spec.Containers = append(pod.Spec.Containers, plain)
	s := service{Service: env.CreateService(ctx, env.Service(rawName, rawName, corev1.ServicePort{Name: rawName, Port: rawPort, TargetPort: intstr.FromInt32(rawPort)}))}
	s.pods = []*corev1.Pod{env.CreatePod(ctx, pod)}
	return s
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
