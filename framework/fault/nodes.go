package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

func controlPlanes(s *Site) []string {
	return nodeNames(s, func(n cluster.Node) bool { return n.ControlPlane })
}

func workers(s *Site) []string {
	return nodeNames(s, func(n cluster.Node) bool { return !n.ControlPlane })
}

func everyNode(s *Site) []string {
	return nodeNames(s, func(cluster.Node) bool { return true })
}

func nodeNames(s *Site, want func(cluster.Node) bool) []string {
	var names []string
	for _, n := range s.Ref.Nodes {
		if want(n) {
			names = append(names, n.Name)
		}
	}
	return names
}

// onEach runs a script on each of the nodes, and stops at the first error.
func onEach(ctx context.Context, s *Site, nodes []string, script string) error {
	for _, node := range nodes {
		if _, err := s.OnNode(ctx, node, script); err != nil {
			return err
		}
	}
	return nil
}

// podRanges returns the address ranges of the pods of the nodes, sorted.
func podRanges(ctx context.Context, s *Site, nodes []string) ([]netip.Prefix, error) {
	list, err := s.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var ranges []netip.Prefix
	for _, n := range list.Items {
		if !slices.Contains(nodes, n.Name) {
			continue
		}
		for _, cidr := range n.Spec.PodCIDRs {
			p, err := netip.ParsePrefix(cidr)
			if err != nil {
				return nil, fmt.Errorf("reading the pod range of node %q: %w", n.Name, err)
			}
			ranges = append(ranges, p)
		}
	}
	if len(ranges) == 0 {
		return nil, fmt.Errorf("looking for the pod ranges of nodes %q: they have none", nodes)
	}
	slices.SortFunc(ranges, func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) })
	return ranges, nil
}

// kubeletPort returns the port of a node's kubelet.
func kubeletPort(ctx context.Context, s *Site, node string) (int32, error) {
	n, err := s.Client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	if err != nil {
		return 0, fmt.Errorf("reading node %q: %w", node, err)
	}
	return n.Status.DaemonEndpoints.KubeletEndpoint.Port, nil
}

// kubeletReached returns nil if the API server's proxy gets the pods of the node's
// kubelet, of which one that starts knows none.
func kubeletReached(ctx context.Context, s *Site, node string) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	raw, err := s.Client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix("pods").DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("asking the kubelet of node %q: %w", node, err)
	}
	var pods corev1.PodList
	if err := json.Unmarshal(raw, &pods); err != nil {
		return fmt.Errorf("reading the pods of the kubelet of node %q: %w", node, err)
	}
	if len(pods.Items) == 0 {
		return fmt.Errorf("the kubelet of node %q knows of no pod", node)
	}
	return nil
}

// internalAddress returns the address of a node inside the cluster's network.
func internalAddress(ctx context.Context, s *Site, node string) (string, error) {
	n, err := s.Client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("reading node %q: %w", node, err)
	}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address, nil
		}
	}
	return "", fmt.Errorf("reading node %q: it has no %s", node, corev1.NodeInternalIP)
}
