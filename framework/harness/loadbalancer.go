package harness

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/access"
)

// WaitBalancer watches the Service until its load balancer has an address, and
// returns that. Its error, after the time, is the provider's doing, which a spec
// asserts on.
func (e *Env) WaitBalancer(ctx context.Context, svc *corev1.Service, within time.Duration) (corev1.LoadBalancerIngress, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var at corev1.LoadBalancerIngress
	err := waitFor(ctx, e.Client.CoreV1().Services(svc.Namespace), svc.Name, &corev1.Service{}, func(s *corev1.Service) (bool, string) {
		if len(s.Status.LoadBalancer.Ingress) == 0 {
			return false, access.SaysNoBalancer
		}
		at = s.Status.LoadBalancer.Ingress[0]
		return true, ""
	})
	if err != nil {
		err = fmt.Errorf("waiting for the load balancer of Service %q: %w", svc.Name, err)
	}
	return at, err
}
