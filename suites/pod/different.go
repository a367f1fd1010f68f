package pod

import (
	"context"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// findKubeconfig prints what a client would take for a kubeconfig, nothing where
// there is none.
const findKubeconfig = `printf '%s' "$KUBECONFIG"; for f in "$HOME/.kube/config" /etc/kubernetes/admin.conf; do if test -e "$f"; then echo "$f"; fi; done`

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("in-pod/different", func(ctx context.Context, env *harness.Env) {
		p := prober{env, env.RunPod(ctx, env.ClientPod(clientName))}

		ginkgo.By("outside, the kubeconfig tells where the API is and who asks")
		outside, err := env.Client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		env.Require(err, "asking who the kubeconfig's user is")

		ginkgo.By("in the pod there is none, and the environment and the volume tell")
		found := p.run(ctx, catalog.HopTool, "the pod looks for a kubeconfig", findKubeconfig)
		Expect(strings.TrimSpace(found)).To(BeEmpty(), "the kubeconfig that the pod finds")
		expectVersions(env, p.meet(ctx, "the pod asks for the API's versions", request{path: apiPath}, catalog.Reached))
		who := p.whoami(ctx, request{})
		expectBound(env, who, p.pod)
		Expect(who.Username).To(And(Equal(userName(p.pod.Namespace, p.pod.Spec.ServiceAccountName)), Not(Equal(outside.Status.UserInfo.Username))), "who asks in the pod, and who outside")

		ginkgo.By("at the kubeconfig's address there is nothing in the pod")
		p.meet(ctx, "the pod asks at the kubeconfig's address", request{server: strings.TrimSuffix(env.Config.Host, "/"), path: apiPath}, catalog.Refused)
	})
})
