package harness

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestPulls proves that an image is given up once a node cannot get it, but not one
// that another node has.
func TestPulls(t *testing.T) {
	pod := func(image string, state corev1.ContainerState) *corev1.Pod {
		return &corev1.Pod{
			Spec:   corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "c", Image: image}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "c", Image: "sha256:0", State: state}}},
		}
	}
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "no such host"}}
	}
	k := pulls{}
	for _, row := range []struct {
		image string
		state corev1.ContainerState
		fails bool
		known string
	}{
		{"x:1", waiting("ContainerCreating"), false, ""},
		{"x:1", corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, false, ""},
		{"x:1", waiting("ErrImagePull"), true, ""},
		{"y:1", waiting("ErrImagePull"), true, "ErrImagePull"},
		{"y:1", waiting("ImagePullBackOff"), true, "ErrImagePull"},
		{"y:1", corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, false, ""},
	} {
		why := k.see(pod(row.image, row.state))
		if (why != "") != row.fails || row.fails && !strings.Contains(why, "node n has not got the image \""+row.image+"\"") {
			t.Errorf("of %s, %+v it says %q", row.image, row.state, why)
		}
		if got := k[row.image]; (got != "") != (row.known != "") || !strings.Contains(got, row.known) {
			t.Errorf("after %s, %+v it is known that %q", row.image, row.state, got)
		}
	}
}
