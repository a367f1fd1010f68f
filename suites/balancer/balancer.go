package balancer

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	apiRoot = "/api"
	// connections is how many new connections are looked at, several for each API
	// server that may be behind them.
	connections = 12
	// answerTime bounds each request, also to an API server that does not run on.
	answerTime = 2 * time.Second
	// noticeTime bounds the wait for others to notice that an API server is gone,
	// or there again, and pollTime is how often it is asked.
	noticeTime = 75 * time.Second
	pollTime   = 250 * time.Millisecond
	// knownTime is how long the load balancer may take to know an API server that
	// is well.
	knownTime = 15 * time.Second
)

// Scripts on a control-plane node.
const (
	pauseServer  = `kill -STOP $(pidof kube-apiserver)`
	resumeServer = `for p in $(pidof kube-apiserver); do kill -CONT $p; done`
)

var _ = harness.Area(catalog.PathKubectl, func() {
	harness.Prove("lb/existence-varies", func(ctx context.Context, env *harness.Env) {
		asked := askOften(ctx, env, env.Config)
		endpoints, err := access.APIEndpoints(ctx, env.Client)
		env.Require(err, "listing the API servers")
		env.At(catalog.HopAPI)
		for _, at := range asked.servers() {
			Expect(endpoints).To(ContainElement(at), "the endpoints of the Service kubernetes, and the API server that answered")
		}
		found := ""
		if len(asked.servers()) > 1 {
			found = fmt.Sprintf("several API servers behind %s: %v", env.Config.Host, asked.servers())
		}
		if env.Cluster.Engine != "" {
			name, program, err := env.Cluster.Balancer(ctx)
			env.Require(err, "looking for the container of a load balancer")
			Expect(found == "").To(Equal(name == ""), "what connections tell (%q), and the container of a load balancer (%q)", found, name)
			if name != "" {
				found += fmt.Sprintf(", by %s in container %s", program, name)
			}
		}
		if found == "" {
			found = fmt.Sprintf("none, %d of %d connections came to %v", len(asked.at), connections, asked.servers())
		}
		env.Saw(catalog.HopAPI, "the load balancer before the API servers: "+found, asked.last)
		if len(endpoints) == 1 {
			Expect(asked.servers()).To(Equal(endpoints), "the API servers that answered, and the only endpoint")
		}
	})

	harness.Prove("lb/balances", func(ctx context.Context, env *harness.Env) {
		all := askOften(ctx, env, env.Config)
		servers := env.APIServers(ctx)
		reached := until(ctx, knownTime, "new connections to come to every API server", func(ctx context.Context) error {
			if all = ask(ctx, env, env.Config); len(all.servers()) < len(servers) {
				return fmt.Errorf("they come to %v", all.servers())
			}
			return nil
		})
		env.At(catalog.HopAPI)
		Expect(reached).NotTo(HaveOccurred())
		env.Saw(catalog.HopAPI, fmt.Sprintf("%d new connections to %d API servers", connections, len(servers)), all.last)

		stopped := servers[0]
		ginkgo.By("an API server that answers no longer gets no connection any more")
		heal := env.Disrupt(ctx, "pausing the API server of node "+stopped.Node, env.OnNode(stopped.Node, pauseServer), env.OnNode(stopped.Node, resumeServer))
		began := time.Now()
		gap, unanswered := time.Duration(0), 0
		var without answers
		noticed := until(ctx, noticeTime, "new connections to leave the API server "+stopped.Addr.String(), func(ctx context.Context) error {
			without = ask(ctx, env, env.Config)
			unanswered += without.failed
			if without.failed > 0 || slices.Contains(without.servers(), stopped.Addr) {
				gap = time.Since(began)
				return fmt.Errorf("%d of %d connections were not answered, the others by %v", without.failed, connections, without.servers())
			}
			return nil
		})
		unlisted := until(ctx, noticeTime, "the Service kubernetes to leave the API server out", func(ctx context.Context) error {
			endpoints, err := access.APIEndpoints(ctx, env.Client)
			if err == nil && slices.Contains(endpoints, stopped.Addr) {
				err = fmt.Errorf("its endpoints are still %v", endpoints)
			}
			return err
		})
		left := time.Since(began)
		heal()
		env.At(catalog.HopAPI)
		Expect(noticed).NotTo(HaveOccurred())
		Expect(unlisted).NotTo(HaveOccurred())
		env.Saw(catalog.HopAPI, fmt.Sprintf("new connections without the API server of %s: %d were not answered within the first %s, it had left the endpoints after %s",
			stopped.Node, unanswered, gap.Round(time.Millisecond), left.Round(time.Millisecond)), without.last)

		ginkgo.By("an API server that answers again gets connections again")
		var again answers
		returned := until(ctx, noticeTime, "new connections to come to every API server again", func(ctx context.Context) error {
			if again = ask(ctx, env, env.Config); len(again.servers()) < len(servers) {
				return fmt.Errorf("they come to %v", again.servers())
			}
			return nil
		})
		env.At(catalog.HopAPI)
		Expect(returned).NotTo(HaveOccurred())
		env.Saw(catalog.HopAPI, "new connections to every API server again", again.last)
	})
})

// answers are what a number of new connections came to.
type answers struct {
	at     []netip.AddrPort
	failed int
	last   access.Result
}

// servers are the API servers that answered, each once, sorted.
func (a answers) servers() []netip.AddrPort {
	all := slices.Clone(a.at)
	slices.SortFunc(all, netip.AddrPort.Compare)
	return slices.Compact(all)
}

// ask opens new connections, one after the other, and asks on each which API
// server it came to.
func ask(ctx context.Context, env *harness.Env, cfg *rest.Config) (a answers) {
	ginkgo.GinkgoHelper()
	client, server, err := access.FreshClient(cfg, answerTime)
	env.Require(err, "making a client")
	for range connections {
		r := access.Do(ctx, client, access.Request{URL: server + apiRoot})
		var root metav1.APIVersions
		if a.last = r; r.Outcome != catalog.Reached || r.Into(&root) != nil || len(root.ServerAddressByClientCIDRs) == 0 {
			a.failed++
			continue
		}
		at, err := netip.ParseAddrPort(root.ServerAddressByClientCIDRs[0].ServerAddress)
		env.Require(err, "reading the address of an API server")
		a.at = append(a.at, at)
	}
	return a
}

// askOften is ask where each connection is to be answered, by whoever is behind
// the address of the kubeconfig.
func askOften(ctx context.Context, env *harness.Env, cfg *rest.Config) answers {
	ginkgo.GinkgoHelper()
	a := ask(ctx, env, cfg)
	env.Meet(catalog.HopAPI, fmt.Sprintf("%d new connections", connections), a.last, catalog.Reached)
	Expect(a.failed).To(BeZero(), "connections without an answer")
	pastBalancer(ctx, env)
	return a
}

// pastBalancer asserts that the kubeconfig does not name one of several API
// servers.
func pastBalancer(ctx context.Context, env *harness.Env) {
	ginkgo.GinkgoHelper()
	if env.Cluster.Topology != catalog.TopologyHA {
		return
	}
	endpoints, err := access.APIEndpoints(ctx, env.Client)
	env.Require(err, "listing the API servers")
	u, err := url.Parse(env.Config.Host)
	env.Require(err, "reading the location in the kubeconfig")
	env.At(catalog.HopConfig)
	for _, at := range endpoints {
		Expect(at.String()).NotTo(Equal(u.Host), "the kubeconfig leads to an API server past the load balancer")
	}
	env.At(catalog.HopAPI)
}

// until is poll.Until for what others have to notice.
func until(ctx context.Context, bound time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return poll.Until(ctx, what, pollTime, check)
}

// serverOf returns the location in a kubeconfig of a node.
func serverOf(ctx context.Context, env *harness.Env, node, file string) string {
	ginkgo.GinkgoHelper()
	out, err := env.Cluster.OnNode(ctx, node, fmt.Sprintf("sed -n 's/^ *server: *//p' /etc/kubernetes/%s", file))
	env.Require(err, "reading "+file+" of node "+node)
	return strings.TrimSpace(out)
}
