package harness

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// pullSecret returns where the Secret of the images is and what it is called, both
// "" where the run needs none.
func (o Options) pullSecret() (namespace, name string) {
	namespace, name, ok := strings.Cut(o.ImagePullSecret, "/")
	if !ok {
		return o.Namespace, o.ImagePullSecret
	}
	return namespace, name
}

// copiesPullSecret is whether the run makes namespaces, which lack the Secret.
func (o Options) copiesPullSecret() bool {
	return o.ImagePullSecret != "" && (o.Namespace == "" || o.ClusterScoped)
}

// pullRights are the rights to read the Secret and to copy it, in the namespaces
// of the run.
func (o Options) pullRights() []catalog.Right {
	if !o.copiesPullSecret() {
		return nil
	}
	namespace, name := o.pullSecret()
	return []catalog.Right{
		{Verb: "get", Resource: "secrets", Name: name, Namespaced: true, Namespace: namespace},
		{Verb: "create", Resource: "secrets", Namespaced: true},
	}
}

// copyPullSecret puts a copy of the Secret into a namespace that the run has made.
func (o Options) copyPullSecret(ctx context.Context, client kubernetes.Interface, to string) error {
	if !o.copiesPullSecret() {
		return nil
	}
	namespace, name := o.pullSecret()
	if namespace == to {
		return nil
	}
	secret, err := client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading the image pull Secret %q: %w", o.ImagePullSecret, err)
	}
	_, err = client.CoreV1().Secrets(to).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{LabelManagedBy: ManagedBy}}, Type: secret.Type, Data: secret.Data,
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("copying the image pull Secret into namespace %q: %w", to, err)
	}
	return nil
}

// withPullSecret has the pod's images pulled by the Secret.
func (o Options) withPullSecret(pod *corev1.Pod) *corev1.Pod {
	if _, name := o.pullSecret(); name != "" {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	return pod
}
