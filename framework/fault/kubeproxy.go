package fault

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const kubeProxyLabel = "k8s-app=kube-proxy"

// kubeProxyFaults belong to those of nodes.
var kubeProxyFaults = []Fault{
	{
		Name: "service-rules-gone", Hop: catalog.HopService, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			service, err := s.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, access.APIService, metav1.GetOptions{})
			if err != nil {
				return fmt.Errorf("reading service %q: %w", access.APIService, err)
			}
			ranges, err := prefixes(service.Spec.ClusterIPs)
			if err != nil {
				return fmt.Errorf("reading service %q: %w", access.APIService, err)
			}
			var forget strings.Builder
			for _, r := range ranges {
				forget.WriteString(forgetService(r.Addr()))
			}
			return loseRules(ctx, s, "service-rules-gone", everyNode(s), ranges, forget.String())
		},
		Heal:   func(ctx context.Context, s *Site) error { return restoreRules(ctx, s, "service-rules-gone") },
		Healed: rulesThere,
	},
	{
		Name: "kube-proxy-rules-gone-one-node", Hop: catalog.HopService, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := serviceRanges(ctx, s)
			if err != nil {
				return err
			}
			// Its own program removes the rules, of whichever mode they are.
			clean := "nsenter --target \"$p\" --mount -- kube-proxy --cleanup >/dev/null 2>&1\n"
			return loseRules(ctx, s, "kube-proxy-rules-gone-one-node", workers(s)[:1], ranges, clean)
		},
		Heal: func(ctx context.Context, s *Site) error {
			return restoreRules(ctx, s, "kube-proxy-rules-gone-one-node")
		},
		Healed: rulesThere,
	},
}

// serviceRanges returns the ranges in which Services have their addresses.
func serviceRanges(ctx context.Context, s *Site) ([]netip.Prefix, error) {
	list, err := s.Client.NetworkingV1().ServiceCIDRs().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the ranges of services: %w", err)
	}
	var cidrs []string
	for _, c := range list.Items {
		cidrs = append(cidrs, c.Spec.CIDRs...)
	}
	ranges, err := prefixes(cidrs)
	if err != nil {
		return nil, fmt.Errorf("reading the ranges of services: %w", err)
	}
	return ranges, nil
}

// prefixes reads addresses and ranges, an address as the range of itself.
func prefixes(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no address")
	}
	return out, nil
}

// loseRules stops kube-proxy on the nodes, in the middle of what it does, and
// has a script, in which $p is its process, remove rules of it. What then leaves
// a node for the ranges is dropped: somebody outside might answer.
func loseRules(ctx context.Context, s *Site, fault string, nodes []string, ranges []netip.Prefix, remove string) error {
	drop := dropTo(ranges, "")
	for _, node := range nodes {
		// The table comes first, because it tells that there is something to heal.
		if err := filter(ctx, s, fault, node, packetRule{"forward", drop}, packetRule{"output", drop}); err != nil {
			return err
		}
		if _, err := s.OnNode(ctx, node, "p=$(pidof kube-proxy)\nkill -STOP $p\n"+remove); err != nil {
			return err
		}
	}
	return nil
}

// forgetService returns the script that removes the rules that lead from the
// address of a Service to its endpoints, of kube-proxy's mode iptables or
// nftables.
func forgetService(address netip.Addr) string {
	const script = `%[1]s-save -t nat | sed -n 's|^-A \(KUBE-SERVICES -d %[2]s/%[3]d .*\)$|-t nat -D \1|p' | xargs -r -L1 %[1]s
if nft list table %[4]s kube-proxy >/dev/null 2>&1; then
	nft -j list map %[4]s kube-proxy service-ips | jq -r '.nftables[].map?.elem[]?[0].concat | select(.[0] == "%[2]s") | map(tostring) | join(" . ")' | while read -r key; do
		nft delete element %[4]s kube-proxy service-ips "{ $key }"
	done
fi
`
	command := "iptables"
	if address.Is6() {
		command = "ip6tables"
	}
	return fmt.Sprintf(script, command, address, address.BitLen(), family(address))
}

// restoreRules has a new kube-proxy on each node on which the fault's table is:
// only one that starts writes all rules. The table goes last, so that healing
// that is interrupted begins again.
func restoreRules(ctx context.Context, s *Site, fault string) error {
	for _, node := range everyNode(s) {
		out, err := s.OnNode(ctx, node, "if "+filtered(fault)+"; then echo broken; for p in $(pidof kube-proxy); do kill -CONT $p; done; fi\n")
		if err != nil {
			return err
		}
		if strings.TrimSpace(out) == "" {
			continue
		}
		pods := s.Client.CoreV1().Pods(metav1.NamespaceSystem)
		list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: kubeProxyLabel, FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String()})
		if err != nil {
			return fmt.Errorf("listing kube-proxy of node %q: %w", node, err)
		}
		soon := int64(1)
		for _, p := range list.Items {
			err := pods.Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &soon, Preconditions: metav1.NewUIDPreconditions(string(p.UID))})
			if err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("deleting pod %q: %w", p.Name, err)
			}
		}
		if _, err := s.OnNode(ctx, node, unfilter(fault)); err != nil {
			return err
		}
	}
	return nil
}

// rulesThere returns nil if the cluster is healthy and each node gets an answer
// of the API server, whose certificate tells it from others, at the address of
// its Service.
func rulesThere(ctx context.Context, s *Site) error {
	if err := healthy(ctx, s); err != nil {
		return err
	}
	ask, err := askAPIService(ctx, s)
	if err != nil {
		return err
	}
	return onEach(ctx, s, everyNode(s), ask+"\n")
}

// rulesGone returns nil if no node gets an answer of the API server at the
// address of its Service. kube-proxy, which has to notice, may have lost its
// watch with an API server that was restarted.
func rulesGone(ctx context.Context, s *Site) error {
	ask, err := askAPIService(ctx, s)
	if err != nil {
		return err
	}
	return onEach(ctx, s, everyNode(s), "if "+ask+"; then echo the API server answers at the address of its Service >&2; exit 1; fi\n")
}

// askAPIService returns the command that asks the API server at the address of
// its Service, and ends well if that answers.
func askAPIService(ctx context.Context, s *Site) (string, error) {
	service, err := s.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, access.APIService, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("reading service %q: %w", access.APIService, err)
	}
	return fmt.Sprintf("curl --silent --show-error --output /dev/null --max-time 2 --cacert %s/ca.crt --resolve %[2]s:443:%[3]s https://%[2]s/livez", pkiDir, access.APIService, service.Spec.ClusterIP), nil
}
