package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// gate is the condition by which a spec makes a pod ready or not, at once and for
// certain, which no probe does. The pod answers all the same.
const gate = corev1.PodConditionType("inroads.example/serves")

// Gated gives the pod, which is not created yet, a gate; it is not ready until
// OpenGate says so.
func Gated(pod *corev1.Pod) *corev1.Pod {
	pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: gate}}
	return pod
}

// OpenGate makes a gated pod ready, if nothing else is in the way, or takes its
// readiness away.
func (e *Env) OpenGate(ctx context.Context, pod *corev1.Pod, ready bool) {
	ginkgo.GinkgoHelper()
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	patch := fmt.Sprintf(`{"status":{"conditions":[{"type":%q,"status":%q,"lastTransitionTime":%q}]}}`, gate, status, time.Now().UTC().Format(time.RFC3339))
	_, err := e.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	e.Require(err, "patching the status of pod "+pod.Name)
}
