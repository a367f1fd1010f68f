package services

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// replicas pods share requests, of which each must get fair at least: a
	// random choice misses that once in a million runs.
	replicas = 3
	requests = 90
	fair     = requests / 10
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("ap/load-balances-service", func(ctx context.Context, env *harness.Env) {
		svc := env.CreateService(ctx, env.Service(backendName, backendName))
		var pods []*corev1.Pod
		for i := range replicas {
			pods = append(pods, env.CreatePod(ctx, harness.Gated(env.ServerPod(fmt.Sprintf("%s-%d", backendName, i), backendName))))
		}
		for i := range pods {
			env.OpenGate(ctx, pods[i], true)
			pods[i] = env.WaitReady(ctx, pods[i])
		}
		c := user(env, catalog.HopBackend)
		path := servicePath(svc, svc.Name, hostname)

		ginkgo.By("every pod gets its share")
		c.spread(ctx, svc, path, pods)

		ginkgo.By("a pod that is not ready gets nothing, and is reached by its name")
		env.OpenGate(ctx, pods[0], false)
		c.spread(ctx, svc, path, pods[1:])
		r := c.passedOn(ctx, "the pod that is not ready is asked for its name", podPath(pods[0], withPort(pods[0].Name, plainPort), hostname), catalog.Reached)
		Expect(r.Stdout).To(Equal(pods[0].Name), answering)

		ginkgo.By("the last one gets everything")
		env.OpenGate(ctx, pods[1], false)
		c.spread(ctx, svc, path, pods[2:])

		ginkgo.By("a user without the right is refused")
		stranger(ctx, env, catalog.HopBackend).forbidden(ctx, path)
	})
})

// spread asserts that these pods, and no others, share the requests to the
// Service, once the API server has seen that they are its ready endpoints.
func (c caller) spread(ctx context.Context, svc *corev1.Service, path string, ready []*corev1.Pod) {
	ginkgo.GinkgoHelper()
	waitEndpoints(ctx, c.env, svc, len(ready))
	var names []string
	for _, pod := range ready {
		names = append(names, pod.Name)
	}
	c.env.At(catalog.HopBackend)
	// The API server learns of a change a moment after everyone else.
	Eventually(ctx, func(ctx context.Context) []string { return keys(c.hits(ctx, path, requests/replicas)) }).
		WithTimeout(settleTime).WithPolling(pollTime).Should(ConsistOf(names), "the pods that answer for Service %q", svc.Name)

	hits := c.hits(ctx, path, requests)
	ginkgo.GinkgoWriter.Printf("%d requests: %v\n", requests, hits)
	Expect(keys(hits)).To(ConsistOf(names), "the pods that answered %d requests: %v", requests, hits)
	for _, name := range names {
		Expect(hits[name]).To(BeNumerically(">=", fair), "the requests of %d that pod %q got: %v", requests, name, hits)
	}
}

// hits makes n requests, each of which must be answered by a backend, and counts
// them by the name that it says.
func (c caller) hits(ctx context.Context, path string, n int) map[string]int {
	ginkgo.GinkgoHelper()
	hits := map[string]int{}
	for range n {
		r := c.get(ctx, path)
		if r.Outcome != catalog.Reached {
			c.env.Meet(access.ProxyHop(r, c.target), "one of many requests to the Service", r, catalog.Reached)
		}
		hits[r.Stdout]++
	}
	return hits
}

func keys(hits map[string]int) []string { return slices.Sorted(maps.Keys(hits)) }
