package fault

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// routeProtocol marks the routes of a fault, which no other program uses.
const routeProtocol = 202

var nodeFaults = slices.Concat(kubeProxyFaults, []Fault{
	{
		Name: "kubelet-stopped", Hop: catalog.HopNode, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, workers(s)[:1], "systemctl stop kubelet\n")
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, workers(s), "systemctl start kubelet\n")
		},
		Healed: healthy,
	},
	{
		Name: "kubelet-port-blocked", Hop: catalog.HopNode, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			port, err := kubeletPort(ctx, s, s.Worker())
			if err != nil {
				return err
			}
			return filter(ctx, s, "kubelet-port-blocked", s.Worker(), packetRule{"input", []string{fmt.Sprintf("iif != lo tcp dport %d drop", port)}})
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, workers(s), unfilter("kubelet-port-blocked"))
		},
		Healed: healthy,
	},
	{
		// Pods on the control planes themselves are left alone: CoreDNS is among
		// them, and its kubelet looks after it along the same way.
		Name: "pods-unreachable", Hop: catalog.HopBackend, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := podRanges(ctx, s, workers(s))
			if err != nil {
				return err
			}
			for _, node := range controlPlanes(s) {
				if err := filter(ctx, s, "pods-unreachable", node, packetRule{"output", dropTo(ranges, "")}); err != nil {
					return err
				}
			}
			return nil
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, controlPlanes(s), unfilter("pods-unreachable"))
		},
		Healed: healthy,
	},
	{
		Name: "node-routes-gone", Hop: catalog.HopBackend, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := podRanges(ctx, s, workers(s))
			if err != nil {
				return err
			}
			return onEach(ctx, s, controlPlanes(s), unroute(ranges))
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, controlPlanes(s), fmt.Sprintf("ip -4 route flush proto %[1]d\nip -6 route flush proto %[1]d\n", routeProtocol))
		},
		Healed: healthy,
	},
	{
		Name: "pod-network-to-apiserver-dropped", Hop: catalog.HopService, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: dropPodsToAPI,
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, workers(s), unfilter("pod-network-to-apiserver-dropped"))
		},
		Healed: healthy,
	},
})

// unroute returns the script that makes the ranges unreachable. Whoever looks
// after the routes of a node would put back one that is gone, so they stay, and
// each has its two halves in front of it, which are more particular.
func unroute(ranges []netip.Prefix) string {
	var b strings.Builder
	for _, r := range ranges {
		for _, half := range halves(r) {
			version := "-4"
			if half.Addr().Is6() {
				version = "-6"
			}
			fmt.Fprintf(&b, "ip %s route replace unreachable %s proto %d\n", version, half, routeProtocol)
		}
	}
	return b.String()
}

// halves returns the two ranges, one bit longer, that make up the range. That of
// a single address is its own half.
func halves(r netip.Prefix) []netip.Prefix {
	r = r.Masked()
	bits := r.Bits() + 1
	if bits > r.Addr().BitLen() {
		return []netip.Prefix{r}
	}
	upper := r.Addr().AsSlice()
	upper[(bits-1)/8] |= 0x80 >> ((bits - 1) % 8)
	second, _ := netip.AddrFromSlice(upper)
	return []netip.Prefix{netip.PrefixFrom(r.Addr(), bits), netip.PrefixFrom(second, bits)}
}

// dropPodsToAPI drops what the pods of the workers send to the API servers. By
// then the address of the Service has become that of its endpoint.
func dropPodsToAPI(ctx context.Context, s *Site) error {
	const fault = "pod-network-to-apiserver-dropped"
	var rules []string
	list, err := s.Client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + apiService})
	if err != nil {
		return fmt.Errorf("listing the endpoints of service %q: %w", apiService, err)
	}
	for _, slice := range list.Items {
		for _, e := range slice.Endpoints {
			for _, a := range e.Addresses {
				address, err := netip.ParseAddr(a)
				if err != nil {
					return fmt.Errorf("reading the endpoints of service %q: %w", apiService, err)
				}
				for _, p := range slice.Ports {
					if p.Port != nil {
						rules = append(rules, fmt.Sprintf("%s daddr %s tcp dport %d drop", family(address), address, *p.Port))
					}
				}
			}
		}
	}
	if len(rules) == 0 {
		return fmt.Errorf("listing the endpoints of service %q: there are none", apiService)
	}
	for _, node := range workers(s) {
		// What the node itself sends is not forwarded.
		if err := filter(ctx, s, fault, node, packetRule{"forward", rules}); err != nil {
			return err
		}
	}
	return nil
}
