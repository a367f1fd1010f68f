package loadbalancer

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	manifest "github.com/inroads-k8s/inroads/fixtures/loadbalancer"
)

func TestDecode(t *testing.T) {
	images := map[string]string{Controller: "inroads.dev/a:1", Speaker: "inroads.dev/b:1"}
	for _, tt := range []struct {
		name   string
		images map[string]string
		policy any
	}{{"images of the run", images, "Never"}, {"the manifest's own", nil, nil}} {
		t.Run(tt.name, func(t *testing.T) {
			all, err := decode(manifest.Manifest, tt.images)
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for _, u := range all {
				want := tt.images[u.GetName()]
				if u.GetKind() != "Deployment" && u.GetKind() != "DaemonSet" {
					continue
				}
				seen++
				containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
				c := containers[0].(map[string]any)
				if want != "" && c["image"] != want || c["imagePullPolicy"] != tt.policy {
					t.Errorf("%s %s has image %v, pull policy %v", u.GetKind(), u.GetName(), c["image"], c["imagePullPolicy"])
				}
			}
			if seen != 2 {
				t.Errorf("the manifest has %d workloads, want a Deployment and a DaemonSet", seen)
			}
		})
	}
	if _, err := decode(manifest.Manifest, map[string]string{Controller: "inroads.dev/a:1"}); err == nil {
		t.Error("a manifest with a container for which there is no image is taken")
	}
}
