package proxy

import (
	"context"
	"regexp"

	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// documentedOptions are the options of kubectl proxy with their defaults, from
// its reference page. They are the same from Kubernetes 1.23 on.
var documentedOptions = map[string]string{
	"accept-hosts":       `'^localhost$,^127\.0\.0\.1$,^\[::1\]$'`,
	"accept-paths":       `'^.*'`,
	"address":            `'127.0.0.1'`,
	"api-prefix":         `'/'`,
	"append-server-path": `false`,
	"disable-filter":     `false`,
	"keepalive":          `0s`,
	"port":               `8001`,
	"reject-methods":     `'^$'`,
	"reject-paths":       `'^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach'`,
	"unix-socket":        `''`,
	"www":                `''`,
	"www-prefix":         `'/static/'`,
}

const (
	unknownOption     = "--inroads-no-such-option"
	saysUnknownOption = "unknown flag: " + unknownOption
)

// listedOption is a line of kubectl's help that has an option and its default.
var listedOption = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z0-9-]+)=(.*):$`)

var _ = harness.Area(catalog.PathKubectlProxy, func() {
	harness.Prove("kubectl-proxy/see-reference", func(ctx context.Context, env *harness.Env) {
		help := env.Meet(catalog.HopTool, "the help of kubectl proxy", env.Host.RunKubectl(ctx, "proxy", "--help"), catalog.Reached)
		Expect(optionsIn(help.Stdout)).To(Equal(documentedOptions), "the options of kubectl proxy and their defaults")

		brief, cancel := context.WithTimeout(ctx, endTime)
		defer cancel()
		r := env.Meet(catalog.HopTool, "an option that is not among them", env.Host.RunKubectl(brief, "proxy", anyPort, unknownOption), catalog.Failed)
		Expect(r.Exit).To(Equal(1), "the exit code of kubectl proxy with an unknown option")
		Expect(r.Stderr).To(ContainSubstring(saysUnknownOption), "what kubectl proxy says of an unknown option")
	})
})

// optionsIn returns the options that a command's help lists, with their defaults.
func optionsIn(help string) map[string]string {
	options := map[string]string{}
	for _, m := range listedOption.FindAllStringSubmatch(help, -1) {
		options[m[1]] = m[2]
	}
	return options
}
