package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/poll"
)

// WaitBalancer watches the Service until its load balancer has an address, and
// returns that. Its error, after the time, is the provider's doing, which a spec
// asserts on.
func (e *Env) WaitBalancer(ctx context.Context, svc *corev1.Service, within time.Duration) (corev1.LoadBalancerIngress, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var at corev1.LoadBalancerIngress
	_, err := poll.ForObject(ctx, "the load balancer of Service "+svc.Name, e.Client.CoreV1().Services(svc.Namespace), svc.Name, func(s *corev1.Service) error {
		if len(s.Status.LoadBalancer.Ingress) == 0 {
			return errors.New(access.SaysNoBalancer)
		}
		at = s.Status.LoadBalancer.Ingress[0]
		return nil
	})
	if err != nil && ctx.Err() != nil {
		// The diagnosis is of a wait that was in vain, and reads the text.
		err = fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return at, err
}
