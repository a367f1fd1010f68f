package pod

import (
	"context"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	clientName = "client"
	// misled is a container whose environment names another address.
	misled = "misled"
	// printRemote has curl print the address that it went to, on a line before
	// the status.
	printRemote = `\n%{remote_ip}`
)

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("aap/env-vars", func(ctx context.Context, env *harness.Env) {
		pod := env.ClientPod(clientName)
		pod.Spec.EnableServiceLinks = new(bool)
		elsewhere := env.ClientContainer(misled, pod.Spec.Containers[0].Command...)
		elsewhere.Env = []corev1.EnvVar{{Name: envHost, Value: loopback}}
		pod.Spec.Containers = append(pod.Spec.Containers, elsewhere)
		p := prober{env, env.RunPod(ctx, pod)}

		ginkgo.By("the address of the environment is the API of this cluster")
		p.run(ctx, catalog.HopService, "both variables are set", `test -n "$`+envHost+`" && test -n "$`+envPortHTTPS+`"`)
		expectVersions(env, p.meet(ctx, "the pod asks for the API's versions", request{path: apiPath}, catalog.Reached))
		expectBound(env, p.whoami(ctx, request{}), p.pod)

		ginkgo.By("the same request follows the environment to where nothing listens")
		p.meetIn(ctx, misled, "a container with another "+envHost+" asks", request{path: apiPath}, catalog.Refused)
	})

	harness.Prove("aap/dns-name", func(ctx context.Context, env *harness.Env) {
		service, err := env.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, "kubernetes", metav1.GetOptions{})
		env.Require(err, "reading the Service kubernetes")
		outside := env.ClientPod("outside")
		outside.Spec.DNSPolicy = corev1.DNSDefault
		outside = env.CreatePod(ctx, outside)
		inside := prober{env, env.RunPod(ctx, env.ClientPod("inside"))}
		named := request{server: byName, path: apiPath, write: printRemote}

		ginkgo.By("the name leads to the Service, and the API answers under it")
		r := inside.meet(ctx, "the pod asks by name", named, catalog.Reached)
		body, remote := cutLastLine(r.Stdout)
		r.Stdout = body
		expectVersions(env, r)
		env.At(catalog.HopResolve)
		Expect(service.Spec.ClusterIPs).To(ContainElement(remote), "the addresses of the Service, and the one that curl went to")

		ginkgo.By("a pod with the node's DNS does not know the name, and reaches the API without it")
		p := prober{env, env.WaitReady(ctx, outside)}
		p.meet(ctx, "the pod with dnsPolicy Default asks by name", named, catalog.Unresolved)
		p.meet(ctx, "the pod with dnsPolicy Default asks by address", request{path: apiPath}, catalog.Reached)
	})
})

// cutLastLine takes the last line off the text and returns both.
func cutLastLine(text string) (before, last string) {
	i := strings.LastIndexByte(text, '\n')
	return text[:max(i, 0)], text[i+1:]
}
