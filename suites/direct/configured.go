package direct

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// answers are what the API server of a topology answers a caller without a
// credential: for its health, for its version, and for what RBAC grants only to
// others.
type answers struct{ health, version, rest catalog.Outcome }

var anonymousOn = map[catalog.Topology]answers{
	catalog.TopologyAnonymousOff:     {catalog.Unauthorized, catalog.Unauthorized, catalog.Unauthorized},
	catalog.TopologyAnonymousLimited: {catalog.Reached, catalog.Unauthorized, catalog.Unauthorized},
	// What no flag says.
	catalog.TopologyMultiNode: {catalog.Reached, catalog.Reached, catalog.Forbidden},
}

// apiServer is the name of the API server's component and container.
const apiServer = "kube-apiserver"

var _ = harness.Area(catalog.PathDirect, func() {
	harness.Prove("noauth/admin-can-configure", func(ctx context.Context, env *harness.Env) {
		want, known := anonymousOn[env.Cluster.Topology]
		if !known {
			env.Lacks(catalog.SetUpByTool, "what its API server was told of anonymous requests is not known")
		}
		somebody, nobody := newAsker(env, env.Config), newAsker(env, rest.AnonymousClientConfig(env.Config))
		for _, q := range []struct {
			path string
			want catalog.Outcome
		}{
			{"/livez", want.health},
			{"/readyz", want.health},
			{"/version", want.version},
			{apiRoot, want.rest},
			{"/api/v1/namespaces", want.rest},
		} {
			asked := request{method: http.MethodGet, path: q.path}
			r := somebody(ctx, asked)
			env.Meet(access.Blame(r, catalog.Reached), "a caller with a credential asks for "+q.path, r, catalog.Reached)
			hop := catalog.HopAuthz
			if q.want == catalog.Unauthorized {
				hop = catalog.HopAuthn
			}
			env.Meet(hop, "a caller without one asks for "+q.path, nobody(ctx, asked), q.want)
		}
		if env.Cluster.Topology != catalog.TopologyAnonymousLimited {
			return
		}

		ginkgo.By("a second API server, which is told both ways, does not start")
		pods, err := env.Client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "component=" + apiServer})
		env.Require(err, "listing the API servers' pods")
		if len(pods.Items) == 0 {
			env.Lacks(catalog.ControlPlaneNode, "the API server is no pod of the cluster")
		}
		// It is told what the first one is, which runs, but for a store that nobody
		// serves: it would not go on for long if it did start.
		first := pods.Items[0]
		command := slices.DeleteFunc(slices.Clone(first.Spec.Containers[0].Command), func(arg string) bool {
			return strings.HasPrefix(arg, "--etcd-servers=") || strings.HasPrefix(arg, "--secure-port=")
		})
		const flag = "--anonymous-auth"
		Expect(command).NotTo(ContainElement(HavePrefix(flag)), "the first API server is told one way")
		in := access.Container{Namespace: first.Namespace, Pod: first.Name, Container: apiServer}
		both := in.Exec(ctx, env.Config, env.Client, append(command, "--etcd-servers=http://127.0.0.1:1", "--secure-port=16443", flag+"=true")...)
		env.Saw(catalog.HopTool, "a second API server is told both ways", both)
		Expect(both.Exit).NotTo(BeZero())
		Expect(both.Stderr).To(ContainSubstring(flag))
	})
})
