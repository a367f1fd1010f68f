package kind

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// network is the one that kind makes and never removes.
const network = "kind"

// networkOverrides are the variables by which users give kind a network of
// their own, which then is theirs to remove.
var networkOverrides = []string{"KIND_EXPERIMENTAL_DOCKER_NETWORK", "KIND_EXPERIMENTAL_PODMAN_NETWORK"}

// noteNetwork records that kind is about to make its network, when it is.
func (p *Provider) noteNetwork(ctx context.Context) error {
	for _, name := range networkOverrides {
		if os.Getenv(name) != "" {
			return nil
		}
	}
	if there, err := p.hasNetwork(ctx); there || err != nil {
		return err
	}
	_, err := p.ledger.Note(ledger.Entry{Kind: ledger.Network, Name: network, Engine: p.engine.host(), Detail: p.engine.detail()})
	return err
}

func (p *Provider) hasNetwork(ctx context.Context) (bool, error) {
	out, err := p.engine.run(ctx, "network", "ls", "--format", "{{.Name}}")
	return slices.Contains(strings.Fields(out), network), err
}

// removeNetwork removes the network when inroads had kind make it, no container
// is in it, and no other process is about to put one there.
func (p *Provider) removeNetwork(ctx context.Context) error {
	if len(p.notedNetworks()) == 0 || p.othersMaking() {
		return nil
	}
	if there, err := p.hasNetwork(ctx); err != nil {
		return err
	} else if there {
		// Also containers that do not run: they would not start again without it.
		inside, err := p.engine.run(ctx, "ps", "--all", "--quiet", "--filter", "network="+network)
		if err != nil || strings.TrimSpace(inside) != "" {
			return err
		}
		if _, err := p.engine.run(ctx, "network", "rm", network); err != nil {
			return err
		}
	}
	return p.forgetNetwork()
}

// notedNetworks returns the ledger's entries of the network in this engine, one
// for each process that found none.
func (p *Provider) notedNetworks() []ledger.Entry {
	return slices.DeleteFunc(p.of(ledger.Network, network), func(e ledger.Entry) bool { return !p.engine.has(e) })
}

func (p *Provider) forgetNetwork() error {
	var errs []error
	for _, e := range p.notedNetworks() {
		errs = append(errs, p.ledger.Done(e.ID))
	}
	return errors.Join(errs...)
}

// othersMaking is whether a live process has, or is about to have, another
// cluster in this engine.
func (p *Provider) othersMaking() bool {
	all, _ := p.ledger.List() // what cannot be read is said where names are claimed
	return slices.ContainsFunc(all, func(e ledger.Entry) bool {
		return e.Kind == ledger.Cluster && e.Name != p.o.Name && p.engine.has(e) && e.Owner.Alive()
	})
}
