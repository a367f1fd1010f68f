package services

import (
	"context"
	"net/http"
	"net/url"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	schemeHTTP  = "http:"
	schemeHTTPS = "https:"
	schemeOther = "ftp:"

	// sentPlain is what Go's server answers, with 400, to HTTP on a TLS port.
	sentPlain = "HTTP request to an HTTPS server"
	// notTLS is how Go's client says that the other side does not speak TLS.
	notTLS = "first record does not look like a TLS handshake"
	// badRequest is how the API server refuses a URL.
	badRequest = "invalid service request"
	// query has what must survive two servers: a colon, spaces, an ampersand
	// and a percent sign.
	query = "user:kimchy & 100% of them"
)

var _ = harness.Area(catalog.PathAPIServerProxy, func() {
	harness.Prove("acs/url-format", func(ctx context.Context, env *harness.Env) {
		b := newBackend(ctx, env)
		c := user(env, catalog.HopBackend)

		ginkgo.By("the name and a port, by name or number, with a scheme or without")
		name := b.both.Name
		for _, id := range []string{
			b.plain.Name, withPort(b.plain.Name, servicePort),
			name + ":" + portHTTP, withPort(name, servicePort),
			schemeHTTP + name + ":" + portHTTP, schemeHTTP + withPort(name, servicePort),
			schemeHTTPS + name + ":" + portHTTPS, schemeHTTPS + withPort(name, serviceTLS),
		} {
			r := c.passedOn(ctx, id+" is asked which pod answers", servicePath(b.both, id, hostname), catalog.Reached)
			Expect(r.Stdout).To(Equal(b.pod.Name), answering)
		}

		ginkgo.By("the backend gets the path and the whole query")
		r := c.passedOn(ctx, "the backend is asked to echo", servicePath(b.plain, b.plain.Name, echo(http.StatusAccepted, url.QueryEscape(query))), catalog.Reached)
		Expect(r.Stdout).To(Equal(query), "the query that arrived at the backend")
		Expect(r.Status).To(Equal(http.StatusAccepted), "the status that the query asks for")

		ginkgo.By("another scheme, and a port that the Service lacks, are refused")
		_, status := c.refused(ctx, catalog.HopService, "the Service is asked over ftp", servicePath(b.both, schemeOther+name+":"+portHTTP, hostname), catalog.BadRequest)
		Expect(status.Message).To(ContainSubstring(badRequest), "what the API server says of the URL")
		_, status = c.refused(ctx, catalog.HopService, "a port that the Service lacks is asked", servicePath(b.both, withPort(name, closedPort), hostname), catalog.Unavailable)
		Expect(status.Message).To(ContainSubstring("no service port"), "what the API server says of the port")
	})

	harness.Prove("acs/https-prefix", func(ctx context.Context, env *harness.Env) {
		b := newBackend(ctx, env)
		c := user(env, catalog.HopBackend)

		ginkgo.By("https: reaches the backend that speaks nothing but TLS, with a certificate that nobody signed")
		for _, id := range []string{schemeHTTPS + b.tls.Name + ":", schemeHTTPS + withPort(b.tls.Name, serviceTLS), schemeHTTPS + b.both.Name + ":" + portHTTPS} {
			r := c.passedOn(ctx, id+" is asked which pod answers", servicePath(b.tls, id, hostname), catalog.Reached)
			Expect(r.Stdout).To(Equal(b.pod.Name), answering)
		}

		ginkgo.By("without https: it is not reached")
		c.spokenPlainly(ctx, b, b.tls.Name)

		ginkgo.By("without the colon at the end, https is the Service and the name its port")
		c.noService(ctx, "https:"+b.tls.Name+" is asked", servicePath(b.tls, schemeHTTPS+b.tls.Name, hostname), "https")
	})

	harness.Prove("acs/default-http", func(ctx context.Context, env *harness.Env) {
		b := newBackend(ctx, env)
		c := user(env, catalog.HopBackend)

		ginkgo.By("the backend that speaks no TLS is reached")
		for _, id := range []string{b.plain.Name, schemeHTTP + b.plain.Name + ":", b.both.Name + ":" + portHTTP} {
			r := c.passedOn(ctx, id+" is asked which pod answers", servicePath(b.plain, id, hostname), catalog.Reached)
			Expect(r.Stdout).To(Equal(b.pod.Name), answering)
		}

		ginkgo.By("the backend that speaks TLS only says that this is none")
		for _, id := range []string{b.tls.Name, schemeHTTP + b.tls.Name + ":", withPort(b.both.Name, serviceTLS), b.both.Name + ":" + portHTTPS} {
			c.spokenPlainly(ctx, b, id)
		}
	})

	harness.Prove("ap/target-http-or-https", func(ctx context.Context, env *harness.Env) {
		b := newBackend(ctx, env)
		c := user(env, catalog.HopBackend)

		ginkgo.By("the URL says which, for a Service and for a pod")
		for _, row := range []struct{ what, path string }{
			{"the Service over HTTP", servicePath(b.both, withPort(b.both.Name, servicePort), hostname)},
			{"the Service over HTTPS", servicePath(b.both, schemeHTTPS+withPort(b.both.Name, serviceTLS), hostname)},
			{"the pod over HTTP", podPath(b.pod, withPort(b.pod.Name, plainPort), hostname)},
			{"the pod over HTTPS", podPath(b.pod, schemeHTTPS+withPort(b.pod.Name, tlsPort), hostname)},
		} {
			Expect(c.passedOn(ctx, row.what, row.path, catalog.Reached).Stdout).To(Equal(b.pod.Name), answering)
		}

		ginkgo.By("neither the number 443, nor the name https, nor appProtocol: https makes it HTTPS")
		Expect(b.both.Spec.Ports).To(ContainElement(And(HaveField("Port", serviceTLS), HaveField("Name", portHTTPS), HaveField("AppProtocol", HaveValue(Equal(portHTTPS))))), "the hints that the Service gives")
		c.spokenPlainly(ctx, b, withPort(b.both.Name, serviceTLS))

		ginkgo.By("https: to a port without TLS fails, for a Service and for a pod")
		for _, row := range []struct{ what, path string }{
			{"the Service's HTTP port over HTTPS", servicePath(b.both, schemeHTTPS+withPort(b.both.Name, servicePort), hostname)},
			{"the pod's HTTP port over HTTPS", podPath(b.pod, schemeHTTPS+withPort(b.pod.Name, plainPort), hostname)},
		} {
			r, status := c.refused(ctx, catalog.HopBackend, row.what, row.path, catalog.Unavailable)
			Expect(access.Unreachable(r)).To(BeTrue(), "the API server says that it could not speak with the backend: %s", r.Summary())
			Expect(status.Message).To(ContainSubstring(notTLS), "why the API server could not speak with the backend")
		}
	})
})

// spokenPlainly asserts that the backend's TLS port, under that id, got plain
// HTTP: it says so, with 400.
func (c caller) spokenPlainly(ctx context.Context, b backend, id string) {
	ginkgo.GinkgoHelper()
	r := c.passedOn(ctx, id+", which speaks TLS only, is asked without https:", servicePath(b.both, id, hostname), catalog.BadRequest)
	Expect(r.Stdout).To(ContainSubstring(sentPlain), "what the backend says to plain HTTP")
}
