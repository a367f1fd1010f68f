// Package suites links every area of specs; Run is the one way in for go test,
// ginkgo and the command line.
package suites

import (
	"github.com/onsi/ginkgo/v2"

	"github.com/inroads-k8s/inroads/framework/harness"
	_ "github.com/inroads-k8s/inroads/suites/balancer"
	_ "github.com/inroads-k8s/inroads/suites/browser"
	_ "github.com/inroads-k8s/inroads/suites/clients"
	_ "github.com/inroads-k8s/inroads/suites/direct"
	_ "github.com/inroads-k8s/inroads/suites/kubectl"
	_ "github.com/inroads-k8s/inroads/suites/kubeproxy"
	_ "github.com/inroads-k8s/inroads/suites/pod"
	_ "github.com/inroads-k8s/inroads/suites/proxy"
	_ "github.com/inroads-k8s/inroads/suites/services"
	_ "github.com/inroads-k8s/inroads/suites/token"
	_ "github.com/inroads-k8s/inroads/suites/ways"
)

// Run proves the claims that the environment selects, see harness.EnvOptions.
func Run(t ginkgo.GinkgoTestingT) bool { return harness.Run(t) }
