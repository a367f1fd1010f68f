package suites_test

import (
	"os"
	"testing"

	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/suites"
)

func TestSuites(t *testing.T) {
	if os.Getenv(harness.EnvOptions) == "" {
		t.Skipf("%s is not set: 'make e2e' proves the claims on a real cluster", harness.EnvOptions)
	}
	suites.Run(t)
}
