package access

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestIsolation(t *testing.T) {
	pod := func(name string, hostNetwork bool) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name, Labels: map[string]string{"app": name}},
			Spec:       corev1.PodSpec{HostNetwork: hostNetwork},
		}
	}
	policy := func(name string, selector metav1.LabelSelector, types ...networkingv1.PolicyType) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name},
			Spec:       networkingv1.NetworkPolicySpec{PodSelector: selector, PolicyTypes: types},
		}
	}
	const in, out = networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress
	client := fake.NewClientset(
		pod("a", false), pod("b", false), pod("of-node", true),
		policy("other", metav1.LabelSelector{MatchLabels: map[string]string{"app": "none"}}, in),
		policy("of-node", metav1.LabelSelector{MatchLabels: map[string]string{"app": "of-node"}}, in),
		policy("deny", metav1.LabelSelector{}, in, out),
		policy("a-in", metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}, in),
	)
	for _, row := range []struct {
		namespace string
		which     metav1.ListOptions
		want      []string
	}{
		{"n", metav1.ListOptions{}, []string{"NetworkPolicy n/a-in isolates pod a (ingress)", "NetworkPolicy n/deny isolates pod a, pod b (ingress and egress)"}},
		{"n", metav1.ListOptions{LabelSelector: "app=b"}, []string{"NetworkPolicy n/deny isolates pod b (ingress and egress)"}},
		{"elsewhere", metav1.ListOptions{}, nil},
	} {
		got, err := Isolation(t.Context(), client, row.namespace, row.which)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%q in %q: got %q, error %v, want %q", row.which.LabelSelector, row.namespace, got, err, row.want)
		}
	}
}
