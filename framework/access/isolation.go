package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
)

// Isolation returns in words the NetworkPolicies that select pods of the namespace, of
// those that which leaves, each with the directions in which it isolates them; sorted,
// none where there is none. Whether anybody enforces them only packets tell.
func Isolation(ctx context.Context, client kubernetes.Interface, namespace string, which metav1.ListOptions) ([]string, error) {
	policies, err := client.NetworkingV1().NetworkPolicies(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the NetworkPolicies of namespace %q: %w", namespace, err)
	}
	if len(policies.Items) == 0 {
		return nil, nil
	}
	pods, err := client.CoreV1().Pods(namespace).List(ctx, which)
	if err != nil {
		return nil, fmt.Errorf("listing the pods of namespace %q: %w", namespace, err)
	}
	var all []string
	for _, p := range policies.Items {
		selected, err := selectedBy(p, pods.Items)
		if err != nil {
			return nil, err
		}
		if len(selected) > 0 {
			all = append(all, fmt.Sprintf("NetworkPolicy %s/%s isolates %s (%s)", namespace, p.Name, strings.Join(selected, ", "), strings.Join(directions(p), " and ")))
		}
	}
	slices.Sort(all)
	return all, nil
}

// selectedBy returns the names of the pods that the policy is about, sorted. Those in
// a node's own network are none that a policy isolates.
func selectedBy(p networkingv1.NetworkPolicy, pods []corev1.Pod) (names []string, err error) {
	selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	if err != nil {
		return nil, fmt.Errorf("reading NetworkPolicy %q: %w", p.Name, err)
	}
	for _, pod := range pods {
		if !pod.Spec.HostNetwork && selector.Matches(labels.Set(pod.Labels)) {
			names = append(names, "pod "+pod.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// directions are those in which the policy isolates pods. The API server fills them
// in where they are not set.
func directions(p networkingv1.NetworkPolicy) (all []string) {
	for _, t := range p.Spec.PolicyTypes {
		all = append(all, strings.ToLower(string(t)))
	}
	return all
}
