package fault

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster/loadbalancer"
)

// backendUDPPort is the port on which the backends of a run answer datagrams.
const backendUDPPort = 8081

const (
	proxiesPaused  = "service-proxies-paused"
	backendsCutOff = "backends-cut-off"
	addressWritten = "load-balancer-address-written"
)

var balanced = []Need{LoadBalancers, Nodes}

// serviceBalancerFaults break the way from outside to a Service of type LoadBalancer.
var serviceBalancerFaults = []Fault{
	{
		Name: "load-balancer-controller-down", Hop: catalog.HopController, Scope: Cluster, Needs: []Need{LoadBalancers}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error { return scaleBalancer(ctx, s, 0) },
		Took:   func(ctx context.Context, s *Site) error { return noPods(ctx, s, loadbalancer.ControllerPods) },
		Heal:   func(ctx context.Context, s *Site) error { return scaleBalancer(ctx, s, 1) },
		Healed: balancerHealthy,
	},
	{
		Name: "load-balancer-pool-closed", Hop: catalog.HopController, Scope: Cluster, Needs: []Need{LoadBalancers}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error { return loadbalancer.AutoAssign(ctx, s.Config, false) },
		Heal:   func(ctx context.Context, s *Site) error { return loadbalancer.AutoAssign(ctx, s.Config, true) },
		Healed: balancerHealthy,
	},
	{
		Name: "load-balancer-speakers-gone", Hop: catalog.HopDial, Scope: Cluster, Needs: []Need{LoadBalancers}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error { return placeSpeakers(ctx, s, `"none"`) },
		Took: func(ctx context.Context, s *Site) error {
			if err := noPods(ctx, s, loadbalancer.SpeakerPods); err != nil {
				return err
			}
			return forgetNeighbours(ctx, s)
		},
		Heal:   func(ctx context.Context, s *Site) error { return placeSpeakers(ctx, s, "null") },
		Healed: balancerHealthy,
	},
	balancerFilter("load-balancer-blocked", ""),
	balancerFilter("load-balancer-udp-blocked", "meta l4proto udp"),
	{
		Name: proxiesPaused, Hop: catalog.HopService, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := serviceRanges(ctx, s)
			if err != nil {
				return err
			}
			// What has rules already keeps them, the provider's way to the API too.
			return loseRules(ctx, s, proxiesPaused, everyNode(s), ranges, "")
		},
		Heal:   func(ctx context.Context, s *Site) error { return restoreRules(ctx, s, proxiesPaused) },
		Healed: rulesThere,
	},
	{
		Name: backendsCutOff, Hop: catalog.HopBackend, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := podRanges(ctx, s, everyNode(s))
			if err != nil {
				return err
			}
			// The kubelet, by which the pods are ready, asks from the node itself.
			drop := dropTo(ranges, fmt.Sprintf("meta l4proto { tcp, udp } th dport { %d, %d }", backendPort, backendUDPPort))
			for _, node := range everyNode(s) {
				if err := filter(ctx, s, backendsCutOff, node, packetRule{"forward", drop}); err != nil {
					return err
				}
			}
			return nil
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, everyNode(s), unfilter(backendsCutOff))
		},
		Healed: healthy,
	},
	policyFault("traffic-policy-cluster", catalog.HopService, createdServices,
		when("has(object.spec.externalTrafficPolicy)", patch{"replace", `"/spec/externalTrafficPolicy"`, `"Cluster"`})),
	withNeed(LoadBalancers, policyFault("load-balancer-class-dropped", catalog.HopController, createdServices,
		when("has(object.spec.loadBalancerClass)", patch{op: "remove", path: `"/spec/loadBalancerClass"`}))),
	{
		Name: addressWritten, Hop: catalog.HopDial, Scope: Cluster, Needs: []Need{NoLoadBalancers, Nodes}, Spares: throughout,
		Inject: writeAddresses,
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, controlPlanes(s), fmt.Sprintf("if systemctl cat %[1]s >/dev/null 2>&1; then systemctl stop %[1]s; fi\n", keptPrefix+addressWritten))
		},
		Healed: healthy,
	},
}

func withNeed(n Need, f Fault) Fault {
	f.Needs = append(f.Needs, n)
	return f
}

// balancerFilter is a fault of packets that every node drops as they arrive for
// the provider's addresses.
func balancerFilter(name, more string) Fault {
	return Fault{
		Name: name, Hop: catalog.HopDial, Scope: Cluster, Needs: balanced, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			pool, err := loadbalancer.Addresses(ctx, s.Config)
			if err != nil {
				return err
			}
			// By then kube-proxy has put a backend's address in the place of it.
			drop := fmt.Sprintf("ct original ip daddr %s %s drop", pool, more)
			for _, node := range everyNode(s) {
				if err := filter(ctx, s, name, node, packetRule{"prerouting", []string{drop}}); err != nil {
					return err
				}
			}
			return nil
		},
		Heal:   func(ctx context.Context, s *Site) error { return onEach(ctx, s, everyNode(s), unfilter(name)) },
		Healed: balancerHealthy,
	}
}

func balancerHealthy(ctx context.Context, s *Site) error {
	if err := healthy(ctx, s); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return loadbalancer.Ready(ctx, s.Client)
}

func scaleBalancer(ctx context.Context, s *Site, replicas int) error {
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	_, err := s.Client.AppsV1().Deployments(loadbalancer.Namespace).Patch(ctx, loadbalancer.Controller, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("scaling deployment %q to %d: %w", loadbalancer.Controller, replicas, err)
	}
	return nil
}

// placeSpeakers has the speakers run where a node has a label that none has, or
// with null for its value everywhere again.
func placeSpeakers(ctx context.Context, s *Site, value string) error {
	patch := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"nodeSelector":{%q:%s}}}}}`, noneLabel, value)
	_, err := s.Client.AppsV1().DaemonSets(loadbalancer.Namespace).Patch(ctx, loadbalancer.Speaker, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("changing daemon set %q: %w", loadbalancer.Speaker, err)
	}
	return nil
}

// noPods returns nil if the provider has no pods that the selector selects.
func noPods(ctx context.Context, s *Site, selector string) error {
	list, err := s.Client.CoreV1().Pods(loadbalancer.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("listing the pods of the provider of load balancers: %w", err)
	}
	if len(list.Items) > 0 {
		return fmt.Errorf("pod %q is still there", list.Items[0].Name)
	}
	return nil
}

// forgetNeighbours takes the provider's addresses out of this machine's memory of
// who is at which address: for a while a node that is sent a packet serves it, also
// where nobody says any more that it is there.
func forgetNeighbours(ctx context.Context, s *Site) error {
	pool, err := loadbalancer.Addresses(ctx, s.Config)
	if err != nil {
		return err
	}
	for _, a := range pool.All() {
		if out, err := exec.CommandContext(ctx, "ip", "neighbour", "flush", "to", a.String()).CombinedOutput(); err != nil {
			return fmt.Errorf("forgetting who is at %s: %w: %s", a, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// addressWriter writes an address into the status of every Service that is pending,
// with the credential of the control plane.
const addressWriter = `systemd-run --quiet --collect --unit=%[1]s --setenv=KUBECONFIG=/etc/kubernetes/admin.conf bash -c '
kubectl get services --all-namespaces --watch --output=jsonpath="{.metadata.namespace} {.metadata.name} {.spec.type} {.spec.loadBalancerClass} {.status.loadBalancer.ingress[0].ip}{\"\\n\"}" |
while read -r namespace name type rest; do
	if [ "$type" = LoadBalancer ] && [ -z "$rest" ]; then
		kubectl --namespace "$namespace" patch service "$name" --subresource=status --type=merge --patch "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"%[2]s\"}]}}}"
	fi
done'
`

// writeAddresses has a program on a control plane play the provider, and give an
// address of the nodes' own network that is nobody's.
func writeAddresses(ctx context.Context, s *Site) error {
	node := s.ControlPlane()
	out, err := s.OnNode(ctx, node, strings.Join(loadbalancer.ShowAddress, " ")+"\n")
	if err != nil {
		return err
	}
	address, err := loadbalancer.ReadAddress(out)
	if err != nil {
		return err
	}
	pool, err := loadbalancer.PoolBeside(address)
	if err != nil {
		return err
	}
	_, err = s.OnNode(ctx, node, fmt.Sprintf(addressWriter, keptPrefix+addressWritten, pool.Last))
	return err
}
