package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// The labels by which Kubernetes marks a control-plane node; the second was the
// only one before v1.20.
const (
	controlPlaneLabel = "node-role.kubernetes.io/control-plane"
	masterLabel       = "node-role.kubernetes.io/master"
)

// Describe fills in what the cluster says of itself: version, nodes, and thereby
// a topology that is not set yet. Nodes stay empty when the caller may not list
// them.
func (r *Ref) Describe(ctx context.Context, client kubernetes.Interface) error {
	version, err := discovery.ToServerVersionInterfaceWithContext(client.Discovery()).ServerVersionWithContext(ctx)
	if err != nil {
		return fmt.Errorf("asking cluster %q for its version: %w", r.Name, err)
	}
	r.KubernetesVersion = version.GitVersion
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("asking cluster %q for its nodes: %w", r.Name, err)
	}
	r.Nodes, r.Own = nil, Images{}
	if nodes == nil {
		return nil
	}
	r.Own = OwnImages(nodes.Items)
	for _, n := range nodes.Items {
		r.Nodes = append(r.Nodes, Node{Name: n.Name, ControlPlane: isControlPlane(&n)})
	}
	slices.SortFunc(r.Nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	if r.Topology == "" && slices.ContainsFunc(r.Nodes, func(n Node) bool { return n.ControlPlane }) &&
		slices.ContainsFunc(r.Nodes, func(n Node) bool { return !n.ControlPlane }) {
		r.Topology = catalog.TopologyMultiNode
	}
	return nil
}

func isControlPlane(n *corev1.Node) bool {
	_, ok := n.Labels[controlPlaneLabel]
	_, old := n.Labels[masterLabel]
	return ok || old
}
