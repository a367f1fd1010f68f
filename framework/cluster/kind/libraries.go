package kind

import (
	"context"
	"errors"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

// addLibraries puts an image with client libraries onto the nodes, where the
// topology has one and the run was given none, and returns its name. Where this
// machine lacks what only its owner can add, the cluster does without, and why is
// what is missing.
func (p *Provider) addLibraries(ctx context.Context, ref cluster.Ref) (image, why string, err error) {
	if p.o.Topology != catalog.TopologyClientLibraries || p.o.Images.Library != "" {
		return "", "", nil
	}
	started := time.Now()
	addon, err := p.libraries(ctx, nodeimage.Options{CacheDir: p.o.CacheDir, Log: p.o.Log})
	if missing := (*nodeimage.MissingError)(nil); errors.As(err, &missing) {
		why = missing.Missing + "; " + missing.Remedy
		p.logf("cluster %q gets no image of client libraries: %s", ref.Name, why)
		return "", why, nil
	}
	if err != nil {
		return "", "", err
	}
	for _, image = range addon.Images {
		p.logf("importing %s into the nodes of cluster %q", image, ref.Name)
	}
	if err := p.engine.importImages(ctx, ref, addon); err != nil {
		return "", "", err
	}
	p.logf("cluster %q has client libraries: made in %s", ref.Name, seconds(time.Since(started)))
	return image, "", nil
}
