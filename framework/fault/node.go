package fault

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/access"
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
		Name: "pod-network-to-apiserver-dropped", Hop: catalog.HopDial, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
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
	endpoints, err := access.APIEndpoints(ctx, s.Client)
	if err != nil {
		return err
	}
	var rules []string
	for _, e := range endpoints {
		rules = append(rules, fmt.Sprintf("%s daddr %s tcp dport %d drop", family(e.Addr()), e.Addr(), e.Port()))
	}
	if len(rules) == 0 {
		return fmt.Errorf("listing the endpoints of service %q: there are none", access.APIService)
	}
	for _, node := range workers(s) {
		// What the node itself sends is not forwarded.
		if err := filter(ctx, s, fault, node, packetRule{"forward", rules}); err != nil {
			return err
		}
	}
	return nil
}
