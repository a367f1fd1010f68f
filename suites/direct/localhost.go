package direct

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// lookTime bounds the look at one port, in seconds.
	lookTime = 2
	// listening is the state of a listener in /proc/net/tcp.
	listening = "0A"
	standIn   = "stand-in"
)

// insecureFlags are those by which an API server once served without asking who
// it serves.
var insecureFlags = []string{"--insecure-port=8080", "--insecure-bind-address=127.0.0.1"}

var _ = harness.Area(catalog.PathDirect, func() {
	harness.Prove("noauth/localhost-serving", func(ctx context.Context, env *harness.Env) {
		in := newAsker(env, env.Config)(ctx, request{path: apiRoot})
		env.Meet(access.Blame(in, catalog.Reached), "a caller with a credential asks for the root of the API", in, catalog.Reached)
		// It would find the stand-in of another run, which is somebody else to it.
		env.Alone(ctx, "control-plane-loopback")
		env.PrivilegedNamespace(ctx)
		pod := env.RunPod(ctx, podOnControlPlane(env))
		ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) error { return goneFromNode(ctx, env, pod) })

		ginkgo.By("a stand-in that asks for no credential is found on the control plane's loopback")
		said, err := access.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: standIn}.FollowLog(ctx, env.Client, access.KubectlProxyServes)
		env.Require(err, "starting the stand-in")
		_, address, _ := strings.Cut(said[len(said)-1], access.KubectlProxyReady)
		own, err := netip.ParseAddrPort(strings.TrimSpace(address))
		env.Require(err, "reading where the stand-in serves")
		open := serving(ctx, env, pod)
		Expect(open).To(HaveKey(own.Port()), "the ports of the control plane's loopback at which an API asks for no credential")

		ginkgo.By("nothing else there does so")
		for port, r := range open {
			if port != own.Port() {
				env.Meet(catalog.HopAuthn, fmt.Sprintf("who has no credential asks for the API at port %d of the control plane's loopback", port), r, catalog.Unauthorized)
			}
		}

		ginkgo.By("the API server's own port takes TLS alone")
		endpoints, err := access.APIEndpoints(ctx, env.Client)
		env.Require(err, "finding the port of the API server")
		if len(endpoints) == 0 {
			env.Inconclusive("the Service kubernetes has no endpoint, so the API server's own port is not known")
		}
		r := env.Meet(catalog.HopTLS, "plain HTTP is spoken to the API server's own port", access.ReadCurl(env.InPod(ctx, pod, look(endpoints[0].Port()))), catalog.BadRequest)
		Expect(r.Stdout).To(ContainSubstring(wantsTLS), "what the API server says to plain HTTP")

		ginkgo.By("no API server can be told to serve so")
		servers, err := env.Client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "component=" + apiServer})
		env.Require(err, "listing the API servers' pods")
		if len(servers.Items) == 0 {
			env.Note(catalog.HopTool, "the API server is no pod of the cluster, so its program is not asked for its flags")
			return
		}
		program := access.Container{Namespace: metav1.NamespaceSystem, Pod: servers.Items[0].Name, Container: apiServer}
		for _, flag := range insecureFlags {
			r := env.Saw(catalog.HopTool, "the API server's program is given "+flag, program.Exec(ctx, env.Config, env.Client, apiServer, flag))
			Expect(r.Exit).NotTo(BeZero())
			Expect(r.Stderr).To(ContainSubstring("unknown flag"))
		}
	})
})

// podOnControlPlane returns a pod in the network of a control plane's node: a
// container to look from, and kubectl proxy, which asks for no credential, at a
// free port of the loopback.
func podOnControlPlane(env *harness.Env) *corev1.Pod {
	ginkgo.GinkgoHelper()
	i := slices.IndexFunc(env.Cluster.Nodes, func(n cluster.Node) bool { return n.ControlPlane })
	if i < 0 {
		env.Lacks(catalog.ControlPlaneNode, "no node is known as a control plane")
	}
	pod := env.ClientPod("on-control-plane")
	pod.Spec.NodeName, pod.Spec.HostNetwork = env.Cluster.Nodes[i].Name, true
	// With none the pod would go before its containers have.
	pod.Spec.TerminationGracePeriodSeconds = new(int64(1))
	pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	pod.Spec.Containers = append(pod.Spec.Containers, env.ClientContainer(standIn, "kubectl", "proxy", "--port=0"))
	return pod
}

// goneFromNode deletes the pod and returns when its containers have ended: the
// next look at that loopback would find the stand-in.
func goneFromNode(ctx context.Context, env *harness.Env, pod *corev1.Pod) error {
	pods := env.Client.CoreV1().Pods(pod.Namespace)
	if err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return poll.Gone[corev1.Pod](ctx, "the stand-in to go", pods, pod.Name)
}

// look is the request for the root of the API at a port of the loopback, without
// a credential and in plain HTTP.
func look(port uint16) string {
	return fmt.Sprintf(`curl --silent --show-error --max-time %d --write-out '%s' http://127.0.0.1:%d%s`, lookTime, access.CurlStatus, port, apiRoot)
}

// serving returns the ports of the loopback at which the API is served to whoever
// asks, with what is told there.
func serving(ctx context.Context, env *harness.Env, pod *corev1.Pod) map[uint16]access.Result {
	ginkgo.GinkgoHelper()
	table := env.InPod(ctx, pod, "cat /proc/net/tcp /proc/net/tcp6")
	env.Require(table.Err, "listing what listens on the control plane")
	open := map[uint16]access.Result{}
	for _, port := range listeners(table.Stdout) {
		r := access.ReadCurl(env.InPod(ctx, pod, look(port)))
		var versions metav1.APIVersions
		if r.Outcome == catalog.Reached && json.Unmarshal([]byte(r.Stdout), &versions) == nil && versions.Kind == "APIVersions" {
			open[port] = r
		}
	}
	return open
}

// listeners returns the ports at which a table of proc_net_tcp(5) has a listener
// that the loopback reaches, sorted.
func listeners(table string) (ports []uint16) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != listening {
			continue
		}
		address, port, _ := strings.Cut(f[1], ":")
		n, err := strconv.ParseUint(port, 16, 16)
		// In the kernel's own order of bytes: 0100007F is 127.0.0.1.
		local := strings.Trim(address, "0") == "" || strings.HasSuffix(address, "7F") || strings.HasSuffix(address, "01000000")
		if err == nil && local {
			ports = append(ports, uint16(n))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
