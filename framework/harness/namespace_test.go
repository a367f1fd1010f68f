package harness

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

// TestTheRunsNamespacesAreAwaited has the API server delete two of them as soon as
// they are watched, or listed a second time.
func TestTheRunsNamespacesAreAwaited(t *testing.T) {
	namespaces := corev1.SchemeGroupVersion.WithResource("namespaces")
	forbidden := apierrors.NewForbidden(namespaces.GroupResource(), "", nil)
	for _, row := range []struct {
		name              string
		mayList, mayWatch bool
		lists             int
	}{
		{"seen to go", true, true, 1},
		{"may not watch", true, false, 2},
		{"may not list", false, false, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			var all []runtime.Object
			for _, name := range []string{"a", "b"} {
				all = append(all, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{cluster.LabelRun: "x"}}})
			}
			client := fake.NewClientset(all...)
			deleteAll := func() {
				for _, name := range []string{"a", "b"} {
					_ = client.Tracker().Delete(namespaces, "", name)
				}
			}
			lists := 0
			client.PrependReactor("list", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
				if lists++; lists > 1 {
					deleteAll()
				}
				return !row.mayList, nil, forbidden
			})
			client.PrependWatchReactor("namespaces", func(clienttesting.Action) (bool, watch.Interface, error) {
				if !row.mayWatch {
					return true, nil, forbidden
				}
				w, err := client.Tracker().Watch(namespaces, "")
				deleteAll()
				return true, w, err
			})
			if err := waitGone(t.Context(), client, "x"); err != nil || lists != row.lists {
				t.Errorf("%v after %d lists, want %d", err, lists, row.lists)
			}
		})
	}
}
