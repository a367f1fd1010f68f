package kubeproxy

import (
	"context"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// askName makes a backend say the name of its pod, askEcho what follows, in
	// lower case; both by datagram.
	askName = "hostname"
	askEcho = "echo "
	// payloadLength is the number of characters of a payload that occurs once.
	payloadLength = 16

	askedIP   = "the cluster IP is asked which pod answers"
	askedPort = "the node's own port is asked which pod answers"
)

var _ = harness.Area(catalog.PathKubeProxy, func() {
	harness.Prove("kpx/tcp", func(ctx context.Context, env *harness.Env) {
		all := newPlaces(ctx, env)
		s := newService(ctx, env, 1)
		there(ctx, all)
		s.ready(ctx, env)
		port := s.port(portHTTP)
		direct(ctx, all, s, own(port), get(hostname))

		ginkgo.By("the pod answers at the cluster IP and at the node's port")
		answered(ctx, on(all, func(p place) []question {
			return append(p.ask(askedIP, s, port, get(hostname), catalog.Reached, s.addresses(port)...),
				p.ask(askedPort, s, port, get(hostname), catalog.Reached, p.nodePorts(s, port)...)...)
		}))

		ginkgo.By("without an endpoint both refuse")
		s.lose(ctx, env)
		meet(ctx, on(all, func(p place) []question {
			return append(p.ask("the cluster IP of a Service without endpoints is asked", s, port, get(hostname), catalog.Refused, s.addresses(port)...),
				p.ask("the node's port of a Service without endpoints is asked", s, port, get(hostname), catalog.Refused, p.nodePorts(s, port)...)...)
		}))
	})

	harness.Prove("kpx/udp", func(ctx context.Context, env *harness.Env) {
		all := newPlaces(ctx, env, sender(env))
		s := newService(ctx, env, 1)
		successor := newBackend(ctx, env, "successor")
		there(ctx, all)
		s.ready(ctx, env)
		port := s.port(portUDP)
		direct(ctx, all, s, own(port), send(askName))

		ginkgo.By("a datagram arrives at the pod as it is, and the answer comes back")
		answered(ctx, on(all, func(p place) []question {
			return append(p.ask(askedIP, s, port, send(askName), catalog.Reached, s.addresses(port)...),
				p.ask(askedPort, s, port, send(askName), catalog.Reached, p.nodePorts(s, port)...)...)
		}))
		payload := rand.String(payloadLength)
		for _, r := range meet(ctx, on(all, func(p place) []question {
			return p.ask("a datagram is to be sent back", s, port, send(askEcho+payload), catalog.Reached, append(s.addresses(port), p.nodePorts(s, port)...)...)
		})) {
			env.At(catalog.HopBackend)
			Expect(r.Stdout).To(Equal(payload), "what comes back")
		}

		ginkgo.By("without an endpoint it is refused")
		s.lose(ctx, env)
		meet(ctx, on(all, func(p place) []question {
			return append(p.ask("a datagram is sent to the cluster IP of a Service without endpoints", s, port, send(askName), catalog.Refused, s.addresses(port)...),
				p.ask("a datagram is sent to the node's port of a Service without endpoints", s, port, send(askName), catalog.Refused, p.nodePorts(s, port)...)...)
		}))

		ginkgo.By("once another pod is ready, that one answers")
		s.add(ctx, env, successor)
		s.ready(ctx, env)
		answered(ctx, on(all, func(p place) []question {
			return p.ask("the cluster IP is asked which pod answers now", s, port, send(askName), catalog.Reached, s.addresses(port)...)
		}))
	})
})
