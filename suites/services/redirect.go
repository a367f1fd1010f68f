package services

import (
	"context"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("redirect/removed", func(ctx context.Context, env *harness.Env) {
		pod, svc := env.ServerPod(backendName, backendName), env.CreateService(ctx, env.Service(backendName, backendName))
		pod = env.RunPod(ctx, pod)
		waitEndpoints(ctx, env, svc, 1)
		c := user(env, catalog.HopBackend)
		namespaced, node := "namespaces/"+svc.Namespace+"/", "nodes/"+pod.Spec.NodeName

		ginkgo.By("what there would be to redirect to is reached by a proxy")
		for _, path := range []string{servicePath(svc, svc.Name, hostname), podPath(pod, withPort(pod.Name, plainPort), hostname)} {
			Expect(c.passedOn(ctx, "the proxy is asked for "+path, path, catalog.Reached).Stdout).To(Equal(pod.Name), answering)
		}
		kubelet := callerOf(env, env.Config, catalog.HopNode)
		kubelet.passedOn(ctx, "the proxy is asked for the kubelet", access.NodeProxyPath(pod.Spec.NodeName, healthy), catalog.Reached)

		ginkgo.By("nothing redirects to it")
		for _, path := range []string{namespaced + "services/" + svc.Name + "/redirect", namespaced + "pods/" + pod.Name + "/redirect", node + "/redirect"} {
			c.refused(ctx, catalog.HopAPI, "a redirect is asked for at "+path, "/api/v1/"+path, catalog.NotFound)
		}
		for _, path := range []string{
			"redirect/" + namespaced + "services/" + svc.Name, "redirect/" + namespaced + "pods/" + pod.Name, "redirect/" + node,
			"proxy/" + namespaced + "services/" + svc.Name, "proxy/" + namespaced + "pods/" + pod.Name, "proxy/" + node,
		} {
			r := env.Saw(catalog.HopAPI, "what comes before the object is asked for at "+path, c.get(ctx, "/api/v1/"+path))
			// No right that RBAC can give is one to these, so that whoever has not
			// all rights is refused before the path is looked for.
			Expect(r.Outcome).To(BeElementOf(catalog.NotFound, catalog.Forbidden), "%s: %s", path, r)
			_, own := access.APIStatus(r)
			Expect(own).To(BeTrue(), "the answer is the API server's, not the backend's: %s", r)
		}
	})
})
