package kind

import (
	"context"
	"errors"
	"time"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

// CreateBare has kind alone make the cluster and wait, for at most wait, until it
// takes it for ready. It returns how long kind took: what a cluster costs with the
// configuration and the node image that Create would use, and without what Create
// does beside kind and to be faster than it. The ref says no more than how to reach
// the cluster. What was made is gone again when there is an error; else DeleteBare
// removes it.
func (p *Provider) CreateBare(ctx context.Context, wait time.Duration) (cluster.Ref, time.Duration, error) {
	config, err := parseConfig(p.o.Config, p.o.ConfigSource)
	if err != nil {
		return cluster.Ref{}, 0, err
	}
	if _, _, err := p.claim(ctx); err != nil {
		return cluster.Ref{}, 0, err
	}
	image, err := p.chooseImage(ctx, config)
	var took time.Duration
	if err == nil {
		bare := *p
		bare.kind = library{engine: p.engine, log: p.o.Log, wait: wait}
		took, err = bare.start(ctx, config, image)
	}
	if err != nil {
		return cluster.Ref{}, 0, errors.Join(err, p.delete(context.WithoutCancel(ctx)))
	}
	return cluster.Ref{
		Name: p.o.Name, Provider: ProviderName, Kubeconfig: p.kubeconfig(), Context: "kind-" + p.o.Name, Images: image.images,
	}, took, nil
}

// DeleteBare removes the cluster of CreateBare and returns how long kind took for
// it. Whatever kind leaves is removed too, which the time does not count.
func (p *Provider) DeleteBare(ctx context.Context) (time.Duration, error) {
	started := time.Now()
	err := p.kind.Delete(ctx, p.o.Name, p.kubeconfig())
	took := time.Since(started)
	return took, errors.Join(err, p.delete(ctx))
}
