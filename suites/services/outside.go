package services

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// insideName is a pod from which the backend is asked without the API server.
	insideName = "inside"
	// insideConnect and insideTime bound a request from it, in seconds.
	insideConnect = 2
	insideTime    = 4

	// clientIP makes a backend say from which address and port it was asked, and
	// header which headers it got.
	clientIP = "/clientip"
	header   = "/header"
	// The headers by which the API server says for whom and for which of its paths
	// it asks.
	forwardedFor = "X-Forwarded-For"
	forwardedURI = "X-Forwarded-Uri"
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("ap/outside-to-cluster-ip", func(ctx context.Context, env *harness.Env) {
		svc := env.CreateService(ctx, env.Service(backendName, backendName))
		from := env.CreatePod(ctx, insidePod(env))
		pod := env.RunPod(ctx, env.ServerPod(backendName, backendName))
		in := inside{env, env.WaitReady(ctx, from)}
		waitEndpoints(ctx, env, svc, 1)
		c := user(env, catalog.HopBackend)
		addresses := []struct{ of, address, path string }{
			{"the Service", join(svc.Spec.ClusterIP, servicePort), servicePath(svc, svc.Name, hostname)},
			{"the pod", join(pod.Status.PodIP, plainPort), podPath(pod, withPort(pod.Name, plainPort), hostname)},
		}

		ginkgo.By("this machine is outside: it does not reach the addresses")
		for _, row := range addresses {
			bounded, cancel := context.WithTimeout(ctx, askTime)
			r := access.Do(bounded, access.PlainClient(), access.Request{URL: "http://" + row.address + hostname})
			cancel()
			// What is not the cluster may answer anything.
			if env.Saw(catalog.HopDial, row.of+" is asked from this machine at its own address", r); r.Stdout == pod.Name {
				env.Lacks(catalog.Outside, "this machine reaches "+row.of+" at "+row.address)
			}
		}

		ginkgo.By("through the API server's proxy it does")
		for _, row := range addresses {
			r := c.passedOn(ctx, row.of+" is asked from this machine through the API server", row.path, catalog.Reached)
			Expect(r.Stdout).To(Equal(pod.Name), answering)
		}

		ginkgo.By("they are the addresses at which a pod reaches the same")
		for _, row := range addresses {
			Expect(in.reach(ctx, row.of+" is asked from a pod at its own address", row.address, hostname).Stdout).To(Equal(pod.Name), answering)
		}
	})

	harness.Prove("ap/runs-in-apiserver", func(ctx context.Context, env *harness.Env) {
		svc := env.CreateService(ctx, env.Service(backendName, backendName))
		from := env.CreatePod(ctx, insidePod(env))
		// On the API server's own node the pod would see the node's address on the
		// pod's side.
		backend := env.ServerPod(backendName, backendName)
		backend.Spec.NodeName = env.Cluster.Nodes[max(0, slices.IndexFunc(env.Cluster.Nodes, func(n cluster.Node) bool { return !n.ControlPlane }))].Name
		pod := env.RunPod(ctx, backend)
		in := inside{env, env.WaitReady(ctx, from)}
		waitEndpoints(ctx, env, svc, 1)
		own := ownAddresses(ctx, env)
		c := user(env, catalog.HopBackend)

		ginkgo.By("the backend is asked from the API server's node, and told for whom and what")
		source := hostOf(env, c.passedOn(ctx, "the backend is asked through the API server where the request comes from", servicePath(svc, svc.Name, clientIP), catalog.Reached))
		Expect(own).To(ContainElement(Satisfy(func(p netip.Prefix) bool { return p.Contains(source) })), "the addresses of the API servers' nodes, and the one from which the backend is asked: %s", source)
		path := servicePath(svc, svc.Name, header)
		got := headersOf(env, c.passedOn(ctx, "the backend is asked through the API server for the headers that it got", path, catalog.Reached))
		Expect(got.Get(forwardedURI)).To(Equal(path), forwardedURI)
		_, err := netip.ParseAddr(got.Get(forwardedFor))
		Expect(err).NotTo(HaveOccurred(), forwardedFor)

		ginkgo.By("asked from a pod it sees that pod, and is told nothing")
		address := join(pod.Status.PodIP, plainPort)
		Expect(hostOf(env, in.reach(ctx, "the backend is asked from a pod where the request comes from", address, clientIP)).String()).To(Equal(in.pod.Status.PodIP), "the address from which the backend is asked")
		got = headersOf(env, in.reach(ctx, "the backend is asked from a pod for the headers that it got", address, header))
		Expect(got).NotTo(Or(HaveKey(forwardedURI), HaveKey(forwardedFor)), "the headers that the pod's request has")
	})
})

// inside is a pod that asks without the API server.
type inside struct {
	env *harness.Env
	pod *corev1.Pod
}

func insidePod(env *harness.Env) *corev1.Pod {
	pod := env.ClientPod(insideName)
	pod.Spec.AutomountServiceAccountToken = new(bool)
	return pod
}

func (in inside) get(ctx context.Context, address, path string) access.Result {
	return access.ReadCurl(in.env.InPod(ctx, in.pod, fmt.Sprintf("curl --silent --show-error --noproxy '*' --connect-timeout %d --max-time %d --write-out '%s' 'http://%s%s'",
		insideConnect, insideTime, access.CurlStatus, address, path)))
}

// reach asserts that an address answers the pod, once the node knows of it.
func (in inside) reach(ctx context.Context, what, address, path string) access.Result {
	ginkgo.GinkgoHelper()
	in.env.At(catalog.HopService)
	Eventually(ctx, func(ctx context.Context) catalog.Outcome { return in.get(ctx, address, path).Outcome }).
		WithTimeout(settleTime).WithPolling(pollTime).Should(Equal(catalog.Reached), "%s: %s", what, address)
	return in.env.Meet(catalog.HopService, what, in.get(ctx, address, path), catalog.Reached)
}

func join(host string, port int32) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }

// hostOf returns the address that a backend says that it was asked from.
func hostOf(env *harness.Env, r access.Result) netip.Addr {
	from, err := netip.ParseAddrPort(r.Stdout)
	env.Require(err, "reading the address that the backend says")
	return from.Addr().Unmap()
}

// headersOf returns the headers that a backend says that it got.
func headersOf(env *harness.Env, r access.Result) http.Header {
	headers := http.Header{}
	env.Require(json.Unmarshal([]byte(r.Stdout), &headers), "reading the headers that the backend says")
	return headers
}

// ownAddresses are those that an API server may ask from: its own, those of its
// node, and on a network of pods that is laid over that of the nodes one of its
// node's pods.
func ownAddresses(ctx context.Context, env *harness.Env) []netip.Prefix {
	endpoints, err := access.APIEndpoints(ctx, env.Client)
	env.Require(err, "listing the addresses of the API servers")
	var all []netip.Prefix
	for _, e := range endpoints {
		all = append(all, netip.PrefixFrom(e.Addr(), e.Addr().BitLen()))
	}
	return append(all, addressesOf(ctx, env, func(n corev1.Node) bool {
		return slices.Contains(env.Cluster.Nodes, cluster.Node{Name: n.Name, ControlPlane: true})
	})...)
}

func everyNode(corev1.Node) bool { return true }

// addressesOf are those of the nodes that are wanted, and of their pods.
func addressesOf(ctx context.Context, env *harness.Env, wanted func(corev1.Node) bool) []netip.Prefix {
	nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	env.Require(err, "listing nodes")
	var texts []string
	for _, n := range nodes.Items {
		if !wanted(n) {
			continue
		}
		texts = append(texts, n.Spec.PodCIDRs...)
		for _, a := range n.Status.Addresses {
			texts = append(texts, a.Address)
		}
	}
	var all []netip.Prefix
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		} else if p, err := netip.ParsePrefix(t); err == nil {
			all = append(all, p)
		}
	}
	return all
}
