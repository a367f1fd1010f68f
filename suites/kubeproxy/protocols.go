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
)

var _ = harness.Area(catalog.PathKubeProxy, func() {
	harness.Prove("kpx/tcp", func(ctx context.Context, env *harness.Env) {
		all := places(ctx, env)
		s := newService(ctx, env, 1, nil)
		port := s.port(portHTTP)

		ginkgo.By("the pod answers at the cluster IP and at the node's port")
		for _, p := range all {
			p.direct(ctx, s, own(port), p.get(hostname))
			p.answers(ctx, "the cluster IP is asked which pod answers", s, port, s.address(port), p.get(hostname))
			p.answers(ctx, "the node's own port is asked which pod answers", s, port, p.nodePort(port), p.get(hostname))
		}

		ginkgo.By("without an endpoint both refuse")
		s.lose(ctx, env)
		for _, p := range all {
			p.refused(ctx, "the cluster IP of a Service without endpoints is asked", s, port, s.address(port), p.get(hostname))
			p.refused(ctx, "the node's port of a Service without endpoints is asked", s, port, p.nodePort(port), p.get(hostname))
		}
	})

	harness.Prove("kpx/udp", func(ctx context.Context, env *harness.Env) {
		all := places(ctx, env)
		s := newService(ctx, env, 1, nil)
		port := s.port(portUDP)

		ginkgo.By("a datagram arrives at the pod as it is, and the answer comes back")
		for _, p := range all {
			p.direct(ctx, s, own(port), p.send(askName))
			for _, address := range []string{s.address(port), p.nodePort(port)} {
				p.answers(ctx, "a datagram to "+address+" asks which pod answers", s, port, address, p.send(askName))
				payload := rand.String(payloadLength)
				r := p.met(ctx, "a datagram to "+address+" is to be sent back", s, port, address, p.send(askEcho+payload), catalog.Reached)
				env.At(catalog.HopBackend)
				Expect(r.Stdout).To(Equal(payload), p.from("what comes back"))
			}
		}

		ginkgo.By("without an endpoint it is refused")
		s.lose(ctx, env)
		for _, p := range all {
			p.refused(ctx, "a datagram is sent to the cluster IP of a Service without endpoints", s, port, s.address(port), p.send(askName))
			p.refused(ctx, "a datagram is sent to the node's port of a Service without endpoints", s, port, p.nodePort(port), p.send(askName))
		}

		ginkgo.By("once there is another pod, that one answers")
		s.add(ctx, env, "successor")
		s.ready(ctx, env)
		for _, p := range all {
			p.answers(ctx, "a datagram to the cluster IP asks which pod answers now", s, port, s.address(port), p.send(askName))
		}
	})
})
