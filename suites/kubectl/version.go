package kubectl

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	utilversion "k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/version"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

var _ = harness.Area(catalog.PathKubectl, func() {
	harness.Prove("meta/doc-version-banner", func(ctx context.Context, env *harness.Env) {
		client, server, err := access.APIClient(env.Config)
		env.Require(err, "making a client")
		r := access.Do(ctx, client, access.Request{URL: server + "/version"})
		env.Meet(access.Blame(r, catalog.Reached), "a client asks the API server for its version", r, catalog.Reached)
		var served version.Info
		env.At(catalog.HopAPI)
		Expect(r.Into(&served)).To(Succeed(), "the version that the API server tells")

		ginkgo.By("kubectl tells the same, and its own")
		k := env.Host.RunKubectl(ctx, "version", "--output=json")
		env.Meet(catalog.HopTool, "kubectl version", k, catalog.Reached)
		var said struct {
			Client version.Info  `json:"clientVersion"`
			Server *version.Info `json:"serverVersion"`
		}
		env.At(catalog.HopTool)
		Expect(json.Unmarshal([]byte(k.Stdout), &said)).To(Succeed(), "what kubectl version prints")
		Expect(said.Server).NotTo(BeNil(), "the API server's version that kubectl tells")
		Expect(said.Server.GitVersion).To(Equal(served.GitVersion), "the API server's version that kubectl tells")

		ginkgo.By("without an API server it tells its own alone")
		alone := env.Saw(catalog.HopTool, "kubectl version without an API server", env.HostWith("nobody", env.Kubeconfig().WithServer(nobodyThere)).RunKubectl(ctx, "version", "--output=json"))
		Expect(alone.Exit).NotTo(BeZero(), "kubectl version without an API server")
		Expect(alone.Stdout).NotTo(ContainSubstring("serverVersion"), "kubectl version without an API server")

		page := env.Claim.Source.Version
		documented := parseVersion(env, catalog.HopAPI, page)
		is, tool := parseVersion(env, catalog.HopAPI, served.GitVersion), parseVersion(env, catalog.HopTool, said.Client.GitVersion)
		env.Note(catalog.HopAPI, fmt.Sprintf("the page is of %s, the API server %s, kubectl %s", page, served.GitVersion, said.Client.GitVersion))
		env.At(catalog.HopAPI)
		Expect(is.AtLeast(documented)).To(BeTrue(), "the API server is %s, and the page of %s: it says nothing of it", served.GitVersion, page)
		env.At(catalog.HopTool)
		Expect(int(tool.Minor())).To(BeNumerically("~", int(is.Minor()), access.SupportedSkew), "the minor version of kubectl %s beside that of the API server %s", said.Client.GitVersion, served.GitVersion)
	})
})

func parseVersion(env *harness.Env, hop catalog.Hop, text string) *utilversion.Version {
	v, err := utilversion.ParseGeneric(text)
	env.At(hop)
	Expect(err).NotTo(HaveOccurred(), "the version %q", text)
	return v
}
