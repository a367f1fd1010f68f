package harness

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/poll"
)

// Disrupt stops something of the cluster, and returns what starts it again, which
// also happens when the spec ends; see catalog.Claim.
func (e *Env) Disrupt(ctx context.Context, what string, stop, start func(context.Context) error) (heal func()) {
	ginkgo.GinkgoHelper()
	ginkgo.DeferCleanup(start)
	e.Require(stop(ctx), what)
	return func() {
		ginkgo.GinkgoHelper()
		e.Require(start(ctx), "undoing: "+what)
	}
}

// OnNode returns a step of Disrupt, a shell script on a node.
func (e *Env) OnNode(node, script string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := e.Cluster.OnNode(ctx, node, script)
		return err
	}
}

// APIServer is one of several API servers.
type APIServer struct {
	// Node is the node that it runs on.
	Node string
	Addr netip.AddrPort
}

const (
	// listedTime is how long all API servers of the control planes have to be
	// listed by the Service kubernetes, one of which may have been stopped before.
	listedTime     = 90 * time.Second
	listedInterval = 500 * time.Millisecond
)

// APIServers returns the API servers of the cluster's control planes, in the order
// of their addresses, once each is an endpoint of the Service kubernetes.
func (e *Env) APIServers(ctx context.Context) []APIServer {
	ginkgo.GinkgoHelper()
	nodes, err := e.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	e.Require(err, "listing the nodes")
	planes := 0
	for _, n := range e.Cluster.Nodes {
		if n.ControlPlane {
			planes++
		}
	}
	var all []APIServer
	waiting, cancel := context.WithTimeout(ctx, listedTime)
	defer cancel()
	err = poll.Until(waiting, "every API server to be an endpoint", listedInterval, func(ctx context.Context) error {
		endpoints, err := access.APIEndpoints(ctx, e.Client)
		if err != nil {
			return err
		}
		all = nil
		for _, at := range endpoints {
			for _, n := range nodes.Items {
				if slices.Contains(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: at.Addr().String()}) {
					all = append(all, APIServer{Node: n.Name, Addr: at})
				}
			}
		}
		if len(all) < planes {
			return fmt.Errorf("%d of %d control planes are among the endpoints %v", len(all), planes, endpoints)
		}
		return nil
	})
	e.Require(err, "listing the API servers")
	return all
}
