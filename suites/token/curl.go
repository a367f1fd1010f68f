package token

import (
	"context"
	"fmt"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

var _ = harness.Area(catalog.PathToken, func() {
	harness.Prove("token/curl-grep-cut", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		r.requestToken(ctx)
		r.proveCurl(ctx, fixtures.Command(byGrepAndCut))

		ginkgo.By("with an empty token it is an anonymous caller's")
		r.ask(ctx, "curl reads the root of the API with an empty token", r.url(apiPath), "", r.anonymously(ctx), flagInsecure)
	})

	harness.Prove("token/curl-jsonpath", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		r.requestToken(ctx)
		got := r.proveCurl(ctx, fixtures.Command(byJSONPath))

		ginkgo.By("the answer is the same as with what grep and cut found")
		same := r.run(ctx, "the documented commands with grep and cut are run", fixtures.Command(byGrepAndCut), catalog.Reached)
		env.At(catalog.HopAPI)
		Expect(rootOf(got)).To(Equal(rootOf(same)), "the answers with jsonpath and with grep and cut")
	})

	harness.Prove("token/default-sa-rights", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		r.requestToken(ctx)
		token := r.foundToken(ctx, "jsonpath looks for the token", fixtures.Command(byJSONPath))
		pods := r.url(fmt.Sprintf("/api/v1/namespaces/%s/pods", r.namespace))

		ginkgo.By("the token reads the root of the API")
		r.expectRoot(ctx, r.ask(ctx, "curl reads the root of the API", r.url(apiPath), token, catalog.Reached, flagInsecure))

		ginkgo.By("the namespace's pods are refused to the ServiceAccount by its name")
		refused := r.ask(ctx, "curl lists pods", pods, token, catalog.Forbidden, flagInsecure)
		status, own := access.APIStatus(refused)
		Expect(own).To(BeTrue(), "the refusal is not the API server's: %s", refused)
		Expect(status.Message).To(ContainSubstring(userName(r.namespace, defaultName)), "whom the API server refuses")

		ginkgo.By("a RoleBinding grants them")
		env.Grant(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: defaultName}},
			rbacv1.PolicyRule{APIGroups: []string{corev1.GroupName}, Resources: []string{"pods"}, Verbs: []string{"list"}})
		env.AwaitRight(ctx, "curl lists pods that a RoleBinding grants", func(ctx context.Context) access.Result {
			return r.asked(ctx, pods, token, flagInsecure)
		})
	})
})

// proveCurl proves that a documented block of commands gives the root of the
// API, and not with a changed token, and returns what it gave.
func (r reader) proveCurl(ctx context.Context, block string) access.Result {
	ginkgo.GinkgoHelper()
	ginkgo.By("the documented commands give the versions of the API")
	token := r.foundToken(ctx, "the documented commands look for the token", block)
	got := r.run(ctx, "the documented commands are run", block, catalog.Reached)
	r.expectRoot(ctx, got)

	ginkgo.By("curl says the same with the status, and 401 with a changed token")
	server := r.found(ctx, catalog.HopConfig, "the documented commands look for the location", block, varServer)
	r.expectRoot(ctx, r.ask(ctx, "curl reads the root of the API", server+apiPath, token, catalog.Reached, flagInsecure))
	changed := corrupted(token)
	Expect(changed == token).To(BeFalse(), "the token has no signature to change")
	r.ask(ctx, "curl reads the root of the API with a changed token", server+apiPath, changed, catalog.Unauthorized, flagInsecure)
	r.ask(ctx, "curl reads the root of the API with a token of no cluster", server+apiPath, access.UnknownToken, catalog.Unauthorized, flagInsecure)
	return got
}
