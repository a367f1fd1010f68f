package harness

import (
	"fmt"
	"slices"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
)

// nextImages is what to do about an image that nodes lack.
const nextImages = "load it onto the nodes, or give others with --server-image and --client-image, --image-registry or --image-pull-secret"

// unpulledReasons are those of a container that waits for an image which the kubelet
// has not got. It goes on trying, at last every five minutes.
var unpulledReasons = []string{"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}

// pulls is what this process has seen of images, by their names: why a node has not
// got one, or "" for one that has run. A process runs one spec at a time.
type pulls map[string]string

// see looks at the pod's containers and returns why one has no image, or "".
func (k pulls) see(p *corev1.Pod) string {
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses) {
		image := imageOf(p, c.Name)
		if c.State.Running != nil {
			k[image] = ""
		}
		if w := c.State.Waiting; w != nil && slices.Contains(unpulledReasons, w.Reason) {
			why := fmt.Sprintf("node %s has not got the image %q: %s: %s", p.Spec.NodeName, image, w.Reason, w.Message)
			// One that has run is on some nodes, and other pods may get there.
			if _, known := k[image]; !known {
				k[image] = why
			}
			return why + "; " + nextImages
		}
	}
	return ""
}

// imageOf returns the image of a container as the pod names it; the status has the
// name by which the container runtime knows it.
func imageOf(p *corev1.Pod, container string) string {
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if c.Name == container {
			return c.Image
		}
	}
	for _, c := range p.Spec.EphemeralContainers {
		if c.Name == container {
			return c.Image
		}
	}
	return ""
}

// checkPullable ends the spec as inconclusive where the image of a container cannot
// be had, as an earlier pod has seen: to wait for it again would tell nothing new.
func (e *Env) checkPullable(pod *corev1.Pod) {
	ginkgo.GinkgoHelper()
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if why := run.pulls[c.Image]; why != "" {
			e.Inconclusive("as an earlier pod has seen, " + why + "; " + nextImages)
		}
	}
}
