package kind

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/loadbalancer"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

// balanceTimeout bounds what comes after the images of the provider of load
// balancers are there; nodes that have to pull them take longest.
const balanceTimeout = 5 * time.Minute

// balance adds a provider of load balancers, where the topology has one. Nodes
// that inroads did not make the image of pull it; the others get what inroads
// compiles.
func (p *Provider) balance(ctx context.Context, ref cluster.Ref) error {
	if p.o.Topology != catalog.TopologyLoadBalancer {
		return nil
	}
	started := time.Now()
	o := loadbalancer.Options{}
	var err error
	if o.Config, err = ref.RESTConfig(); err != nil {
		return err
	}
	if ref.Preloaded {
		if o.Images, err = p.importBalancer(ctx, ref); err != nil {
			return err
		}
	} else {
		p.logf("having the nodes of cluster %q pull MetalLB", ref.Name)
	}
	i := max(0, slices.IndexFunc(ref.Nodes, func(n cluster.Node) bool { return n.ControlPlane }))
	node, err := p.nodeAddress(ctx, ref.Nodes[i].Name)
	if err != nil {
		return err
	}
	if o.Pool, err = loadbalancer.PoolBeside(node); err != nil {
		return err
	}
	p.logf("adding MetalLB to cluster %q: its load balancers are at %s", ref.Name, o.Pool)
	ctx, cancel := context.WithTimeoutCause(ctx, balanceTimeout, fmt.Errorf("not ready after %s", balanceTimeout))
	defer cancel()
	if err := loadbalancer.Install(ctx, o); err != nil {
		return fmt.Errorf("adding a provider of load balancers to cluster %q: %w", ref.Name, err)
	}
	p.logf("cluster %q has load balancers: made in %s", ref.Name, seconds(time.Since(started)))
	return nil
}

// importBalancer puts the images of the provider onto the nodes and returns their
// names.
func (p *Provider) importBalancer(ctx context.Context, ref cluster.Ref) (map[string]string, error) {
	addon, err := nodeimage.BuildLoadBalancer(ctx, nodeimage.Options{CacheDir: p.o.CacheDir, Log: p.o.Log})
	if err != nil {
		return nil, err
	}
	return addon.Images, p.engine.importImages(ctx, ref, addon)
}

// ImportImages puts the images onto the nodes of a cluster of this package.
func ImportImages(ctx context.Context, ref cluster.Ref, addon nodeimage.Addon) error {
	return newClient(ref.Engine, ref.EngineEnv, false).importImages(ctx, ref, addon)
}

func (c client) importImages(ctx context.Context, ref cluster.Ref, addon nodeimage.Addon) error {
	for _, n := range ref.Nodes {
		archive, err := os.Open(addon.Archive)
		if err != nil {
			return err
		}
		_, err = c.feed(ctx, archive, "exec", "-i", n.Name, "ctr", "--namespace", "k8s.io", "images", "import", "--all-platforms", "-")
		_ = archive.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// nodeAddress asks a node for its IPv4 address and the network that this is in.
func (p *Provider) nodeAddress(ctx context.Context, node string) (netip.Prefix, error) {
	out, err := p.engine.run(ctx, append([]string{"exec", node}, loadbalancer.ShowAddress...)...)
	if err != nil {
		return netip.Prefix{}, err
	}
	return loadbalancer.ReadAddress(out)
}
