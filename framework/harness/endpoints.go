package harness

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// endpointTime is how long a Service has to list the ready pods that it
// selects; a busy cluster takes about a second.
const endpointTime = 30 * time.Second

// WaitEndpoints watches the EndpointSlices of the Service until they list
// exactly n ready pods, each with an endpoint of every family of addresses that
// the Service has. Its error is the cluster's doing, which a spec
// asserts on: the pods of a Service that a spec made are ready before. For a
// Service that selects fewer pods it does not wait.
func (e *Env) WaitEndpoints(ctx context.Context, svc *corev1.Service, n int) error {
	return waitEndpoints(ctx, e.Client, svc, n)
}

func waitEndpoints(ctx context.Context, client kubernetes.Interface, svc *corev1.Service, n int) error {
	ctx, cancel := context.WithTimeout(ctx, endpointTime)
	defer cancel()
	pods, err := client.CoreV1().Pods(svc.Namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(svc.Spec.Selector).String()})
	switch {
	case err != nil:
		return fmt.Errorf("listing the pods of Service %q: %w", svc.Name, err)
	case len(pods.Items) < n:
		return fmt.Errorf("looking for %d endpoints of Service %q: its selector %s has %d pods", n, svc.Name, labels.FormatLabels(svc.Spec.Selector), len(pods.Items))
	}
	n *= max(1, len(svc.Spec.IPFamilies))
	selector := labels.Set{discoveryv1.LabelServiceName: svc.Name}.String()
	ready := map[string]int{}
	slices := client.DiscoveryV1().EndpointSlices(svc.Namespace)
	_, err = watchtools.UntilWithSync(ctx, &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return slices.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return slices.Watch(ctx, o)
		},
	}, &discoveryv1.EndpointSlice{}, nil, func(ev watch.Event) (bool, error) {
		slice, ok := ev.Object.(*discoveryv1.EndpointSlice)
		if !ok {
			return false, nil
		}
		ready[slice.Name] = 0
		if ev.Type != watch.Deleted {
			ready[slice.Name] = readyEndpoints(slice)
		}
		return sum(ready) == n, nil
	})
	if err != nil {
		return fmt.Errorf("waiting %s for Service %q to have %d ready endpoints: last: %d in %d EndpointSlices: %w", endpointTime, svc.Name, n, sum(ready), len(ready), err)
	}
	return nil
}

// readyEndpoints counts those of the slice that take traffic; a condition that
// is not set means ready.
func readyEndpoints(slice *discoveryv1.EndpointSlice) (n int) {
	for _, ep := range slice.Endpoints {
		if ep.Conditions.Ready == nil || *ep.Conditions.Ready {
			n++
		}
	}
	return n
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}
