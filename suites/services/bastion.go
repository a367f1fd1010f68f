package services

import (
	"context"
	"net/http"
	"net/url"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// auditID is the header that the API server gives each of its answers.
	auditID = "Audit-Id"
	// markLength is the number of characters of a text that occurs once.
	markLength = 16

	location = "Location"
	// elsewhere is an address with a host that does not exist.
	elsewhere = "http://elsewhere.invalid/hostname"
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("ap/bastion", func(ctx context.Context, env *harness.Env) {
		svc := env.CreateService(ctx, env.Service(backendName, backendName))
		pod := env.RunPod(ctx, env.ServerPod(backendName, backendName))
		waitEndpoints(ctx, env, svc, 1)
		c := user(env, catalog.HopBackend)
		marks := map[string]string{}
		marked := func(who string) string {
			marks[who] = rand.String(markLength)
			return servicePath(svc, svc.Name, echo(http.StatusOK, marks[who]))
		}

		ginkgo.By("the API server answers for the backend")
		r := c.passedOn(ctx, "the backend is asked through the API server", marked("user"), catalog.Reached)
		Expect(r.Stdout).To(Equal(marks["user"]), "what the backend was asked to say")
		env.At(catalog.HopAPI)
		Expect(r.Header).To(HaveKey(auditID), "the headers of the answer")

		ginkgo.By("the right to proxy is enough, and is what it takes")
		account := env.ServiceAccount(ctx, "guest")
		env.Grant(ctx, account, rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"services/proxy"}})
		guest := callerOf(env, env.As(ctx, account), catalog.HopBackend)
		// The API server learns of a right a moment after it is granted.
		Eventually(ctx, func(ctx context.Context) catalog.Outcome {
			return guest.getWithin(ctx, askTime, servicePath(svc, svc.Name, hostname)).Outcome
		}).WithTimeout(settleTime).WithPolling(pollTime).ShouldNot(Equal(catalog.Forbidden), "the answer to a user with the right")
		r = guest.passedOn(ctx, "a user who may get services/proxy asks the backend", marked("guest"), catalog.Reached)
		Expect(r.Stdout).To(Equal(marks["guest"]), "what the backend was asked to say")
		guest.forbidden(ctx, "/api/v1/namespaces/"+svc.Namespace+"/services/"+svc.Name)
		stranger(ctx, env, catalog.HopBackend).forbidden(ctx, marked("stranger"))
		nobody := callerOf(env, rest.AnonymousClientConfig(env.Config), catalog.HopBackend)
		r = env.Saw(catalog.HopAuthz, "a caller without a credential asks for the same", nobody.get(ctx, marked("nobody")))
		env.Blame(catalog.HopAuthz, r, catalog.Forbidden)
		Expect(r.Outcome).To(BeElementOf(catalog.Forbidden, catalog.Unauthorized), "what a caller without a credential gets")

		ginkgo.By("the backend has seen the requests that were let through, and none that was not")
		c.passedOn(ctx, "the backend is asked a last time", marked("last"), catalog.Reached)
		backend := access.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: pod.Spec.Containers[0].Name}
		var log string
		env.At(catalog.HopBackend)
		// What a container prints is in its log a moment later, in its order.
		Eventually(ctx, func(ctx context.Context) (string, error) {
			var err error
			log, err = backend.Log(ctx, env.Client)
			return log, err
		}).WithTimeout(settleTime).WithPolling(pollTime).Should(ContainSubstring(marks["last"]), "the requests that the backend has seen")
		Expect(log).To(And(ContainSubstring(marks["user"]), ContainSubstring(marks["guest"])), "the requests that the backend has seen")
		env.At(catalog.HopAuthz)
		Expect(log).NotTo(Or(ContainSubstring(marks["stranger"]), ContainSubstring(marks["nobody"])), "the requests that the backend has seen")
	})

	harness.Prove("redirect/use-proxy-instead", func(ctx context.Context, env *harness.Env) {
		svc := env.CreateService(ctx, env.Service(backendName, backendName))
		pod := env.RunPod(ctx, env.ServerPod(backendName, backendName))
		waitEndpoints(ctx, env, svc, 1)
		c := user(env, catalog.HopBackend)
		path := servicePath(svc, svc.Name, hostname)

		ginkgo.By("the proxy answers for the target")
		Expect(c.passedOn(ctx, "the Service is asked which pod answers", path, catalog.Reached).Stdout).To(Equal(pod.Name), answering)

		ginkgo.By("it hands a redirect on, changed so that it leads through the proxy again")
		r := c.passedOn(ctx, "the backend redirects to another of its paths", servicePath(svc, svc.Name, redirect(hostname)), catalog.Redirected)
		Expect(r.Header.Get(location)).To(Equal(path), location)
		r = c.passedOn(ctx, "the caller follows the redirect", r.Header.Get(location), catalog.Reached)
		Expect(r.Stdout).To(Equal(pod.Name), answering)

		ginkgo.By("it hands one to another host on as it is")
		r = c.passedOn(ctx, "the backend redirects to another host", servicePath(svc, svc.Name, redirect(elsewhere)), catalog.Redirected)
		Expect(r.Header.Get(location)).To(Equal(elsewhere), location)

		ginkgo.By("a user without the right is refused")
		stranger(ctx, env, catalog.HopBackend).forbidden(ctx, servicePath(svc, svc.Name, redirect(hostname)))
	})
})

// redirect is a path at which the backend redirects.
func redirect(to string) string { return "/redirect?location=" + url.QueryEscape(to) }
