package catalog

import "slices"

// Topology is what claims need of a cluster as a whole, whoever makes it.
type Topology string

const (
	// TopologyMultiNode is one control plane and one worker: what a claim needs
	// that names no topology.
	TopologyMultiNode Topology = "multi-node"
	// TopologySingle is one node that is both.
	TopologySingle Topology = "single"
	// TopologyHA is three control planes behind a load balancer.
	TopologyHA Topology = "ha"
	// TopologyDualStack gives pods and Services an IPv4 and an IPv6 address.
	TopologyDualStack Topology = "dual-stack"
	// TopologyNFTables has kube-proxy in its nftables mode.
	TopologyNFTables Topology = "kube-proxy-nftables"
	// TopologyAudit has an API server that writes an audit log.
	TopologyAudit Topology = "apiserver-audit"
	// TopologyAnonymousOff has an API server that takes no anonymous request.
	TopologyAnonymousOff Topology = "anonymous-off"
	// TopologyAnonymousLimited has one that takes them for a few paths alone.
	TopologyAnonymousLimited Topology = "anonymous-limited"
	// TopologyLoadBalancer has a provider of load balancers for Services.
	TopologyLoadBalancer Topology = "load-balancer"
	// TopologyClientLibraries has an image with client libraries on its nodes.
	TopologyClientLibraries Topology = "client-libraries"
)

// Topologies returns every topology, the one of most claims first.
func Topologies() []Topology {
	return []Topology{
		TopologyMultiNode, TopologySingle, TopologyHA, TopologyDualStack, TopologyNFTables,
		TopologyAudit, TopologyAnonymousOff, TopologyAnonymousLimited, TopologyLoadBalancer, TopologyClientLibraries,
	}
}

// On returns the topologies that the claim is proven on, each of which a run may
// do without the others.
func (c Claim) On() []Topology {
	if len(c.Topologies) == 0 {
		return []Topology{TopologyMultiNode}
	}
	return c.Topologies
}

// IsOn is whether the claim is proven on the topology.
func (c Claim) IsOn(t Topology) bool { return slices.Contains(c.On(), t) }
