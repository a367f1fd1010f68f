package pod

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	proxyContainer = "kubectl-proxy"
	// proxyPort is where kubectl proxy listens when it is told nothing.
	proxyPort   = 8001
	emptyVolume = "no-credential"
)

// proxied is the address of the sidecar, for the containers of its pod.
var proxied = "http://" + net.JoinHostPort(loopback, strconv.Itoa(proxyPort))

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("aap/kubectl-proxy-sidecar", func(ctx context.Context, env *harness.Env) {
		reader, stranger := env.ServiceAccount(ctx, "reader"), env.ServiceAccount(ctx, "stranger")
		env.Grant(ctx, reader, listPods)
		readers, strangers := env.CreatePod(ctx, sidecarPod(env, reader.Name)), env.CreatePod(ctx, sidecarPod(env, stranger.Name))
		elsewhere := env.CreatePod(ctx, env.ClientPod("elsewhere"))

		allowed, forbidden := prober{env, env.WaitReady(ctx, readers)}, prober{env, env.WaitReady(ctx, strangers)}
		for _, p := range []prober{allowed, forbidden} {
			env.Meet(catalog.HopMount, "kubectl proxy's container looks for a credential", env.InContainer(ctx, p.pod, proxyContainer, `test -e `+tokenFile), catalog.Reached)
			_, err := access.Container{Namespace: p.pod.Namespace, Pod: p.pod.Name, Container: proxyContainer}.FollowLog(ctx, env.Client, access.KubectlProxyServes)
			env.At(catalog.HopLocalProxy)
			Expect(err).NotTo(HaveOccurred(), "kubectl proxy serves")
			p.run(ctx, catalog.HopMount, "the container beside the proxy looks for a credential", `test ! -e `+tokenFile)
		}

		ginkgo.By("the other container is the pod's ServiceAccount, with its rights")
		r := meetProxied(env, "it asks who it is", access.ReadCurl(env.InPod(ctx, allowed.pod, plain(access.ReviewPath, access.Review))), catalog.Reached)
		who := reviewed(env, r)
		env.At(catalog.HopAuthn)
		Expect(who.Username).To(Equal(userName(reader.Namespace, reader.Name)), "who the other container is")
		expectBound(env, who, allowed.pod)
		list := plain(podsPath(reader.Namespace), "")
		meetProxied(env, "it lists pods, which its ServiceAccount may", access.ReadCurl(env.InPod(ctx, allowed.pod, list)), catalog.Reached)
		meetProxied(env, "it lists pods, which its ServiceAccount may not", access.ReadCurl(env.InPod(ctx, forbidden.pod, list)), catalog.Forbidden)

		ginkgo.By("another pod does not reach the proxy, though it reaches the pod")
		p := prober{env, env.WaitReady(ctx, elsewhere)}
		env.Meet(catalog.HopDial, "another pod asks a server in the pod", access.ReadCurl(env.InPod(ctx, p.pod, to(allowed.pod, harness.ServerPort))), catalog.Reached)
		env.Meet(catalog.HopLocalProxy, "another pod asks the proxy in the pod", access.ReadCurl(env.InPod(ctx, p.pod, to(allowed.pod, proxyPort))), catalog.Refused)
	})
})

// sidecarPod returns a pod of a ServiceAccount, named for it: a container that
// holds no credential, kubectl proxy, and a server that all may reach.
func sidecarPod(env *harness.Env, account string) *corev1.Pod {
	pod := podOf(env, account, account, nil)
	// The cluster mounts nothing where a container mounts something itself.
	pod.Spec.Volumes = []corev1.Volume{{Name: emptyVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: emptyVolume, MountPath: volume}}
	server := env.ServerPod(account, account).Spec.Containers[0]
	pod.Spec.Containers = append(pod.Spec.Containers, env.ClientContainer(proxyContainer, "kubectl", "proxy"), server)
	return pod
}

// plain is a request without any credential to the proxy of the own pod.
func plain(path, body string) string {
	script := fmt.Sprintf(`curl --silent --show-error --max-time %d --write-out '%s' %s%s`, curlTime, access.CurlStatus, proxied, path)
	if body != "" {
		script += fmt.Sprintf(` --header 'Content-Type: application/json' --data '%s'`, body)
	}
	return script
}

// to is a request to a port of a pod.
func to(pod *corev1.Pod, port int) string {
	return fmt.Sprintf(`curl --silent --show-error --max-time %d --write-out '%s' http://%s/`, curlTime, access.CurlStatus, net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(port)))
}

// meetProxied asserts the outcome of a request to the proxy. Nothing listening
// is the proxy's doing; a 5xx is what it answers when it cannot go on, and its
// text says why.
func meetProxied(env *harness.Env, what string, r access.Result, want catalog.Outcome) access.Result {
	hop := blame(r, want)
	switch {
	case r.Status == 0 && r.Outcome == catalog.Refused:
		hop = catalog.HopLocalProxy
	case r.Outcome == catalog.ServerError, r.Outcome == catalog.TimedOut:
		hop = catalog.HopService
	}
	return env.Meet(hop, what, r, want)
}
