package measure

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// floorWait bounds kind's wait, and the start of the pod.
	floorWait = 5 * time.Minute
	floorPod  = "floor"
)

// startPod starts a pod of the server image and returns how long it took until it
// was ready, with the wait for the account that it needs and for a node.
func startPod(ctx context.Context, ref cluster.Ref) (time.Duration, error) {
	config, err := ref.RESTConfig()
	if err != nil {
		return 0, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return 0, fmt.Errorf("making a client of cluster %q: %w", ref.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, floorWait)
	defer cancel()
	started := time.Now()
	_, err = poll.ForObject(ctx, "the ServiceAccount default", client.CoreV1().ServiceAccounts(metav1.NamespaceDefault), "default",
		func(*corev1.ServiceAccount) error { return nil })
	if err != nil {
		return 0, err
	}
	pods := client.CoreV1().Pods(metav1.NamespaceDefault)
	if _, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: floorPod},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: floorPod, Image: ref.Images.Server}}},
	}, metav1.CreateOptions{}); err != nil {
		return 0, fmt.Errorf("starting a pod: %w", err)
	}
	_, err = poll.ForObject(ctx, "the pod to be ready", pods, floorPod, func(p *corev1.Pod) error {
		ready := slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
		if !ready {
			return fmt.Errorf("it is %s", p.Status.Phase)
		}
		return nil
	})
	return time.Since(started), err
}
