package kubeproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// settleTime is how long kube-proxy may take to follow a change of a Service: a
	// second or two, and more than ten on a busy node. pollTime is how often that is
	// looked at: a node that is asked more often than once a second stops saying that
	// it cannot (net.ipv4.icmp_ratelimit), and what is refused seems to be dropped.
	settleTime = 25 * time.Second
	pollTime   = time.Second
)

// question is what a place asks at one address of a Service.
type question struct {
	what    string
	place   place
	service service
	port    corev1.ServicePort
	address string
	ask     ask
	want    catalog.Outcome
	// settled is whether the answer is one that kube-proxy gives once it has
	// followed the last change. Nil means that any answer of that outcome is.
	settled func(access.Result) bool
}

// ofPods is settled when all names are those of pods of the Service.
func (q question) ofPods(r access.Result) bool {
	all := names(r)
	return len(all) > 0 && !slices.ContainsFunc(all, func(n string) bool { return !slices.Contains(q.service.names(), n) })
}

// done is whether the question need not be asked again.
func (q question) done(r access.Result) bool {
	return r.Err == nil && r.Outcome == q.want && (q.settled == nil || q.settled(r))
}

// settle asks from all places at the same time, all questions of a place at once,
// and those again whose answer is not settled, for as long as kube-proxy may take
// to follow a change. An answer that is settled is the one to judge: to ask again
// would be to ask something else.
func settle(ctx context.Context, questions []question) []access.Result {
	answers := make([]access.Result, len(questions))
	var g sync.WaitGroup
	for _, of := range byPlace(questions) {
		g.Go(func() {
			bounded, cancel := context.WithTimeout(ctx, settleTime)
			defer cancel()
			open := of
			// What is asked is not cut off when the time is over: the last answers
			// tell what is wrong.
			_ = poll.Until(bounded, "the answers to settle", pollTime, func(context.Context) error {
				put(ctx, questions, open, answers)
				open = slices.DeleteFunc(open, func(i int) bool { return questions[i].done(answers[i]) })
				if len(open) > 0 {
					return errors.New("not settled")
				}
				return nil
			})
		})
	}
	g.Wait()
	return answers
}

// once asks every question once.
func once(ctx context.Context, questions []question) []access.Result {
	answers := make([]access.Result, len(questions))
	var g sync.WaitGroup
	for _, of := range byPlace(questions) {
		g.Go(func() { put(ctx, questions, of, answers) })
	}
	g.Wait()
	return answers
}

// byPlace returns which questions are of one place, for each.
func byPlace(questions []question) [][]int {
	var all [][]int
	at := map[string]int{}
	for i, q := range questions {
		n, ok := at[q.place.pod.Name]
		if !ok {
			n = len(all)
			at[q.place.pod.Name], all = n, append(all, nil)
		}
		all[n] = append(all[n], i)
	}
	return all
}

// put asks some of the questions, all of one place, and stores the answers.
func put(ctx context.Context, questions []question, which []int, answers []access.Result) {
	var scripts []string
	for _, i := range which {
		scripts = append(scripts, questions[i].ask.script(questions[i].address))
	}
	p := questions[which[0]].place
	for n, r := range p.env.EachInPod(ctx, p.pod, scripts...) {
		i := which[n]
		answers[i] = questions[i].ask.read(r)
	}
}

// met asserts the outcome of an answer. Where no pod answers that should, the hop
// is found by what does answer.
func (q question) met(ctx context.Context, r access.Result) access.Result {
	ginkgo.GinkgoHelper()
	env, what := q.place.env, q.place.from(q.what)
	if q.want == catalog.Reached && r.Err == nil && r.Outcome != q.want {
		hop, seen := q.beyond(ctx, r)
		return env.Meet(hop, what, seen, q.want)
	}
	return env.Meet(catalog.HopService, what, r, q.want)
}

// beyond tells which hop broke a request to the address of a Service: there is
// no endpoint, or the endpoint does not answer at its own address either, or else
// the address does not lead to it.
func (q question) beyond(ctx context.Context, r access.Result) (catalog.Hop, access.Result) {
	endpoints, err := q.service.endpoints(ctx, q.place.env, q.port)
	q.place.env.Require(err, "listing the endpoints of Service "+q.service.Name)
	if len(endpoints) == 0 {
		return catalog.HopEndpoint, r
	}
	var direct []question
	for _, e := range endpoints {
		d := q
		d.address = e
		direct = append(direct, d)
	}
	for _, seen := range once(ctx, direct) {
		if seen.Err == nil && seen.Outcome != catalog.Reached {
			return catalog.HopBackend, seen
		}
	}
	return catalog.HopService, r
}

// meet settles the questions and asserts the outcome of each.
func meet(ctx context.Context, questions []question) []access.Result {
	ginkgo.GinkgoHelper()
	answers := settle(ctx, questions)
	for i, q := range questions {
		answers[i] = q.met(ctx, answers[i])
	}
	return answers
}

// answered settles the questions and asserts that pods of the Services answer
// with their names, and nobody else.
func answered(ctx context.Context, questions []question) []access.Result {
	ginkgo.GinkgoHelper()
	for i, q := range questions {
		if q.settled == nil {
			questions[i].settled = q.ofPods
		}
	}
	answers := settle(ctx, questions)
	for i, q := range questions {
		answers[i] = q.met(ctx, answers[i])
		q.place.env.At(catalog.HopBackend)
		Expect(names(answers[i])).To(And(Not(BeEmpty()), HaveEach(BeElementOf(q.service.names()))), q.place.from("the pods that answer at "+q.address))
	}
	return answers
}

// direct asserts that each pod of the Service answers every place at its own
// address and port: what is then not reached is not reached because of the
// Service.
func direct(ctx context.Context, all []place, s service, port corev1.ServicePort, a ask) {
	ginkgo.GinkgoHelper()
	questions := on(all, func(p place) []question {
		var of []question
		for _, pod := range s.pods {
			for _, ip := range pod.Status.PodIPs {
				of = append(of, question{
					what: fmt.Sprintf("pod %q is asked at its own address", pod.Name), place: p, ask: a,
					service: service{pods: []*corev1.Pod{pod}}, address: net.JoinHostPort(ip.IP, port.TargetPort.String()),
				})
			}
		}
		return of
	})
	for i, r := range once(ctx, questions) {
		q := questions[i]
		q.place.env.Meet(catalog.HopBackend, q.place.from(q.what), r, catalog.Reached)
		Expect(names(r)).To(Equal(q.service.names()), q.place.from("what answers at "+q.address))
	}
}

// ask returns the question that the place asks of each address.
func (p place) ask(what string, s service, port corev1.ServicePort, a ask, want catalog.Outcome, addresses ...string) []question {
	var all []question
	for _, address := range addresses {
		all = append(all, question{what: what, place: p, service: s, port: port, address: address, ask: a, want: want})
	}
	return all
}
