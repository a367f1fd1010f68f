package harness

import (
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestNoImpersonation(t *testing.T) {
	jane := &rest.Config{Impersonate: rest.ImpersonationConfig{UserName: "jane"}}
	grouped := &rest.Config{Impersonate: rest.ImpersonationConfig{UserName: "jane", Groups: []string{"g"}}}
	for _, tt := range []struct {
		config *rest.Config
		of     catalog.Feature
		may    bool
	}{
		{&rest.Config{}, catalog.ClientCertificate, true},
		{jane, catalog.ClientCertificate, false},
		{&rest.Config{}, catalog.OwnIdentity, true},
		{jane, catalog.OwnIdentity, false},
		{jane, catalog.PythonClient, false},
		{jane, catalog.NodeClient, true},
		{grouped, catalog.NodeClient, false},
		{grouped, catalog.GoClient, true},
		{grouped, catalog.Pods, true},
	} {
		why := noImpersonation(tt.config, tt.of)
		if (why == "") != tt.may || why != "" && !strings.Contains(why, `"jane"`) {
			t.Errorf("%s with %+v: %q", tt.of, tt.config.Impersonate, why)
		}
	}
}
