package services

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// missing is the name of what does not exist.
	missing = "missing"
	// answering says, in a failure, what is compared.
	answering = "the pod that answers"
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("ap/reach-service", func(ctx context.Context, env *harness.Env) {
		pod, svc := env.ServerPod(backendName, backendName), env.Service(backendName, backendName)
		empty := env.CreateService(ctx, env.Service("empty", missing))
		svc = env.CreateService(ctx, svc)
		pod = env.RunPod(ctx, pod)
		waitEndpoints(ctx, env, svc, 1)
		c := user(env, catalog.HopBackend)
		path := servicePath(svc, svc.Name, hostname)

		ginkgo.By("the pod behind the Service answers")
		Expect(c.passedOn(ctx, "the Service is asked which pod answers", path, catalog.Reached).Stdout).To(Equal(pod.Name), answering)

		ginkgo.By("ways not to be answered are told apart by who says so")
		own := c.passedOn(ctx, "the backend is asked to say 503", servicePath(svc, svc.Name, overloaded), catalog.Unavailable)
		Expect(own.Stdout).To(Equal("overloaded"), "what the backend was asked to say")
		r, _ := c.refused(ctx, catalog.HopEndpoint, "a Service without endpoints is asked", servicePath(empty, empty.Name, hostname), catalog.Unavailable)
		Expect(access.NoEndpoints(r)).To(BeTrue(), "the API server says that there are no endpoints: %s", r.Summary())
		c.noService(ctx, "a Service that does not exist is asked", access.ServiceProxyPath(svc.Namespace, missing, hostname), missing)

		ginkgo.By("a user without the right is refused")
		stranger(ctx, env, catalog.HopBackend).forbidden(ctx, path)
	})

	harness.Prove("ap/reach-pod", func(ctx context.Context, env *harness.Env) {
		pod := newBackendPod(ctx, env)
		c := user(env, catalog.HopBackend)

		ginkgo.By("the pod answers at its first declared port, at a port, and over HTTPS")
		for _, id := range []string{pod.Name, withPort(pod.Name, plainPort), "https:" + withPort(pod.Name, tlsPort)} {
			r := c.passedOn(ctx, "pod "+id+" is asked for its name", podPath(pod, id, hostname), catalog.Reached)
			Expect(r.Stdout).To(Equal(pod.Name), answering)
		}

		ginkgo.By("what is not there is said to be")
		_, status := c.refused(ctx, catalog.HopService, "a pod that does not exist is asked", podPath(pod, missing, hostname), catalog.NotFound)
		Expect(status.Details).To(HaveField("Name", missing), "the pod that the API server did not find")
		r, _ := c.refused(ctx, catalog.HopBackend, "a port that nothing listens on is asked", podPath(pod, withPort(pod.Name, closedPort), hostname), catalog.Unavailable)
		Expect(access.Unreachable(r)).To(BeTrue(), "the API server says that it could not reach the port: %s", r.Summary())

		ginkgo.By("a user without the right is refused")
		stranger(ctx, env, catalog.HopBackend).forbidden(ctx, podPath(pod, pod.Name, hostname))
	})

	harness.Prove("ap/reach-node", func(ctx context.Context, env *harness.Env) {
		nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		env.Require(err, "listing nodes")
		Expect(nodes.Items).NotTo(BeEmpty(), "the nodes of the cluster")
		c := user(env, catalog.HopNode)

		ginkgo.By("each node's kubelet answers, and speaks of its own pods")
		for _, node := range nodes.Items {
			port := node.Status.DaemonEndpoints.KubeletEndpoint.Port
			for _, id := range []string{node.Name, withPort(node.Name, port)} {
				r := c.passedOn(ctx, "the kubelet of "+id+" is asked whether it is healthy", access.NodeProxyPath(id, healthy), catalog.Reached)
				Expect(r.Stdout).To(Equal("ok"), "the health of the kubelet")
			}
			r := c.passedOn(ctx, "the kubelet of "+node.Name+" is asked for its pods", access.NodeProxyPath(node.Name, "/pods"), catalog.Reached)
			var pods corev1.PodList
			Expect(json.Unmarshal([]byte(r.Stdout), &pods)).To(Succeed(), "the kubelet's list of pods")
			Expect(pods.Items).NotTo(BeEmpty(), "the pods of the kubelet")
			Expect(pods.Items).To(HaveEach(HaveField("Spec.NodeName", node.Name)), "the pods of the kubelet are its node's")
		}

		ginkgo.By("a node that is not there is said to be")
		_, status := c.refused(ctx, catalog.HopNode, "a node that does not exist is asked", access.NodeProxyPath(missing, healthy), catalog.NotFound)
		Expect(status.Message).To(And(ContainSubstring("nodes"), ContainSubstring(missing)), "what the API server did not find")

		ginkgo.By("a user without the right is refused")
		stranger(ctx, env, catalog.HopNode).forbidden(ctx, access.NodeProxyPath(nodes.Items[0].Name, healthy))
	})
})

// withPort is the id of something at one of its ports.
func withPort(name string, port int32) string { return fmt.Sprintf("%s:%d", name, port) }
