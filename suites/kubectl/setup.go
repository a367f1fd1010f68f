package kubectl

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// contextPrefix is what kind puts before a cluster's name.
const contextPrefix = "kind-"

var _ = harness.Area(catalog.PathKubectl, func() {
	harness.Prove("kubectl/auto-setup", func(ctx context.Context, env *harness.Env) {
		ginkgo.By("the tool has written a location, a credential and a current context")
		written, err := clientcmd.LoadFromFile(env.Cluster.Kubeconfig)
		env.Require(err, "reading the kubeconfig that the tool wrote")
		name := contextPrefix + env.Cluster.Name
		env.At(catalog.HopConfig)
		Expect(written.CurrentContext).To(Equal(name), "the current context")
		Expect(written.Contexts).To(HaveKey(name), "the contexts")
		context := written.Contexts[name]
		Expect(written.Clusters).To(HaveKey(context.Cluster), "the clusters")
		Expect(written.Clusters[context.Cluster].Server).To(HavePrefix("https://"), "the location")
		Expect(written.AuthInfos).To(HaveKey(context.AuthInfo), "the users")
		Expect(env.Kubeconfig().ClientCertificate()).NotTo(BeEmpty(), "the credential")

		ginkgo.By("kubectl works with it as it is")
		r := env.Meet(catalog.HopTool, "kubectl with what the tool wrote", verbosely(ctx, env.Host), catalog.Reached)
		server := strings.TrimSuffix(written.Clusters[context.Cluster].Server, "/") + "/"
		Expect(access.RequestURLs(r)).To(And(Not(BeEmpty()), HaveEach(HavePrefix(server))), "kubectl asks elsewhere")

		ginkgo.By("without it, and with an empty home folder, kubectl does not find the cluster")
		without := env.Host.WithKubeconfig("")
		without.Home = filepath.Join(env.Dir(), "empty")
		env.Require(os.Mkdir(without.Home, ownerAlone), "making a home folder")
		r = env.Saw(catalog.HopTool, "kubectl without what the tool wrote", verbosely(ctx, without))
		Expect(access.RequestURLs(r)).To(And(Not(BeEmpty()), HaveEach(HavePrefix(fallback+"/"))), "kubectl without a kubeconfig does not ask %s", fallback)
	})
})
