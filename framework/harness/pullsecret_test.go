package harness

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestPullSecret(t *testing.T) {
	for _, row := range []struct {
		name    string
		options Options
		// to is a namespace of the run, and copied whether it gets a copy.
		to     string
		copied bool
	}{
		{"none", Options{Context: "c"}, "run", false},
		{"in the namespace that is there", Options{Context: "c", Namespace: "mine", ImagePullSecret: "pull"}, "mine", false},
		{"into the namespace of the run", Options{Context: "c", ImagePullSecret: "mine/pull"}, "run", true},
		{"beside the namespace that is there", Options{Context: "c", Namespace: "mine", ClusterScoped: true, ImagePullSecret: "mine/pull"}, "run", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			client := fake.NewClientset(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: "mine", Name: "pull"}, Type: corev1.SecretTypeDockerConfigJson,
				Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte("{}")},
			})
			if err := row.options.copyPullSecret(t.Context(), client, row.to); err != nil {
				t.Fatal(err)
			}
			secret, err := client.CoreV1().Secrets("run").Get(t.Context(), "pull", metav1.GetOptions{})
			if (err == nil) != row.copied {
				t.Fatalf("copied: %v, want %v", err == nil, row.copied)
			}
			if row.copied && (secret.Type != corev1.SecretTypeDockerConfigJson || string(secret.Data[corev1.DockerConfigJsonKey]) != "{}") {
				t.Errorf("the copy is %+v", secret)
			}
			reads := slices.ContainsFunc(row.options.Rights(row.options.Applicable()...), func(r catalog.Right) bool { return r.Verb == "get" && r.Name == "pull" && r.Namespace == "mine" })
			if reads != row.copied {
				t.Errorf("asks for the right to read it: %v, want %v", reads, row.copied)
			}
			pod := row.options.withPullSecret(&corev1.Pod{})
			if named := len(pod.Spec.ImagePullSecrets) == 1; named != (row.options.ImagePullSecret != "") {
				t.Errorf("the pod names %v", pod.Spec.ImagePullSecrets)
			}
		})
	}
}
