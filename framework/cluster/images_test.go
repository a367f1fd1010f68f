package cluster

import "testing"

func TestImagesFrom(t *testing.T) {
	for _, row := range []struct{ registry, image, want string }{
		{"", "registry.k8s.io/e2e-test-images/agnhost:2.66.1", "registry.k8s.io/e2e-test-images/agnhost:2.66.1"},
		{"mirror.example", "registry.k8s.io/e2e-test-images/agnhost:2.66.1", "mirror.example/e2e-test-images/agnhost:2.66.1"},
		{"mirror.example:5000/k8s/", "localhost:5000/agnhost@sha256:00", "mirror.example:5000/k8s/agnhost@sha256:00"},
		{"mirror.example", "localhost/agnhost", "mirror.example/agnhost"},
		{"mirror.example", "library/agnhost", "mirror.example/library/agnhost"},
		{"mirror.example", "agnhost:2", "mirror.example/agnhost:2"},
		{"mirror.example", "", ""},
	} {
		if got := (Images{Server: row.image}).From(row.registry); got.Server != row.want || got.Client != from(row.registry, "") && row.registry != "" {
			t.Errorf("%q from %q: got %+v, want %q", row.image, row.registry, got, row.want)
		}
	}
}
