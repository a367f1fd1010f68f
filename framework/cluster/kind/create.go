package kind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// cleanupInterval is how often a creation that is to end loses what it has made
// meanwhile. The engine has no event for a container that is about to be.
const cleanupInterval = 200 * time.Millisecond

// runCreate lets kind make the cluster. kind's Create takes no context; when
// ctx ends, its containers are removed under it until it gives up, so that no
// command of it comes after. With ha, its load balancer is started meanwhile.
func (p *Provider) runCreate(ctx context.Context, config *clusterConfig, ha *highAvailability) error {
	ctx, cancel := context.WithTimeoutCause(ctx, createTimeout, fmt.Errorf("kind not done after %s", createTimeout))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var created error // once done
	done := make(chan struct{})
	go func() {
		defer close(done)
		balancing, end := context.WithCancel(ctx)
		defer end()
		balanced := make(chan struct{})
		go func() {
			defer close(balanced)
			if ha == nil {
				return
			}
			if err := p.startBalancer(balancing, ha); err != nil && balancing.Err() == nil {
				stop(err)
			}
		}()
		if created = p.kind.Create(ctx, p.o.Name, p.kubeconfig(), &config.Cluster); created != nil {
			end()
		}
		<-balanced
	}()
	var err error
	select {
	case <-done:
		if created == nil && ctx.Err() == nil {
			return nil
		}
		err = cmp.Or(created, context.Cause(ctx))
	case <-ctx.Done():
		err = context.Cause(ctx)
		p.logf("stopping the creation of cluster %q: %v", p.o.Name, err)
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return errors.Join(err, p.smother(clean, done))
}

// smother removes the cluster's containers until whoever makes or removes them is
// done, and no command that it does not wait for makes another.
func (p *Provider) smother(ctx context.Context, done <-chan struct{}) error {
	started := time.Now()
	tick := time.NewTicker(cleanupInterval)
	defer tick.Stop()
	returned := false
	for {
		// In this order: what is made after the look for its maker is removed later.
		quiet := returned && !processWith(clusterLabel+"="+p.o.Name)
		left, last := p.engine.remove(ctx, p.o.Name)
		if quiet && left == 0 && last == nil {
			return nil
		}
		if !returned {
			select {
			case <-done:
				returned = true
				continue
			default:
			}
		} else if quiet && last == nil {
			continue // to see that they are gone
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting %s for cluster %q to go: %w: last: %d containers, error %v", seconds(time.Since(started)), p.o.Name, context.Cause(ctx), left, last)
		}
	}
}
