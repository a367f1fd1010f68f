package proxy

import (
	"context"
	"net/http"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// Scripts on a control-plane node. The kubelet would start the API server again.
const (
	killServer   = "systemctl stop kubelet\nkill -KILL $(pidof kube-apiserver)"
	reviveServer = "systemctl start kubelet"

	// reviveTime bounds the wait for an API server that is started again, and
	// pollTime is how often it is asked.
	reviveTime = 90 * time.Second
	pollTime   = 500 * time.Millisecond
)

var _ = harness.Area(catalog.PathKubectlProxy, func() {
	harness.Prove("proxy-mode/no-client-lb-yet", func(ctx context.Context, env *harness.Env) {
		balanced := serve(ctx, env, env.Host)
		reach(ctx, env, "a proxy to the load balancer", balanced, apiRoot)
		servers := env.APIServers(ctx)
		env.At(catalog.HopAPI)
		Expect(len(servers)).To(BeNumerically(">", 1), "the number of API servers")
		one := servers[len(servers)-1]
		direct := env.Kubeconfig().WithServer("https://" + one.Addr.String())
		proxy := serve(ctx, env, env.HostWith("direct", direct))
		reach(ctx, env, "a proxy to one API server", proxy, apiRoot)

		ginkgo.By("while that one is down the proxy asks no other, though they serve")
		heal := env.Disrupt(ctx, "killing the API server of node "+one.Node, env.OnNode(one.Node, killServer), env.OnNode(one.Node, reviveServer))
		alone := get(ctx, proxy, apiRoot)
		// The load balancer takes a while to notice.
		var others access.Result
		Eventually(ctx, func(ctx context.Context) catalog.Outcome {
			others = get(ctx, balanced, apiRoot)
			return others.Outcome
		}).WithTimeout(reviveTime).WithPolling(pollTime).Should(Equal(catalog.Reached), "the other API servers through the load balancer")
		still := get(ctx, proxy, apiRoot)
		heal()
		var back access.Result
		Eventually(ctx, func(ctx context.Context) catalog.Outcome {
			back = get(ctx, proxy, apiRoot)
			return back.Outcome
		}).WithTimeout(reviveTime).WithPolling(pollTime).Should(Equal(catalog.Reached), "the API server that was started again")
		env.Meet(catalog.HopAPI, "the others, through the load balancer", others, catalog.Reached)
		env.Saw(catalog.HopAPI, "the proxy, once that one is back", back)
		for _, r := range []access.Result{alone, still} {
			env.Saw(catalog.HopLocalProxy, "the proxy to the one that is down", r)
			Expect(r.Status).To(Equal(http.StatusInternalServerError), "the proxy's status for a server that is down: %s", r)
			Expect(r.Stdout).To(ContainSubstring(one.Addr.String()), "whom the proxy could not reach")
		}
	})
})
