package access

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestProxyHop(t *testing.T) {
	status := func(code, message string) string {
		return `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"` + message + `","code":` + code + `}`
	}
	for _, row := range []struct {
		name string
		code int
		body string
		want catalog.Hop
	}{
		{"the backend's own 503", 503, "overloaded", catalog.HopBackend},
		{"the backend's own 503 in JSON", 503, `{"error":"overloaded"}`, catalog.HopBackend},
		{"the backend's own 404", 404, "404 page not found", catalog.HopBackend},
		{"no endpoints", 503, status("503", `no endpoints available for service \"web\"`), catalog.HopEndpoint},
		{"no such port", 503, status("503", `no service port 81 found for service \"web\"`), catalog.HopService},
		{"endpoint does not answer", 503, status("503", "error trying to reach service: dial tcp 10.0.0.1:80: connect: connection refused"), catalog.HopBackend},
		{"no such Service", 404, status("404", `services \"web\" not found`), catalog.HopService},
		{"bad id", 400, status("400", `invalid service request \"ftp:web:\"`), catalog.HopService},
		{"token not accepted", 401, status("401", "Unauthorized"), catalog.HopAuthn},
		{"no right", 403, status("403", "forbidden"), catalog.HopAuthz},
		{"no answer", 0, "", catalog.HopBackend},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := Result{Status: row.code, Outcome: catalog.FromStatus(row.code), Stdout: row.body}
			if got := ProxyHop(r, catalog.HopBackend); got != row.want {
				t.Errorf("ProxyHop of %s: got %q, want %q", row.body, got, row.want)
			}
		})
	}
}

func TestNoEndpointsAndUnreachable(t *testing.T) {
	for _, row := range []struct {
		body                     string
		noEndpoints, unreachable bool
	}{
		{`{"kind":"Status","apiVersion":"v1","message":"no endpoints available for service \"web\"","code":503}`, true, false},
		{`{"kind":"Status","apiVersion":"v1","message":"error trying to reach service: EOF","code":503}`, false, true},
		{`no endpoints available for service "web"`, false, false},
		{`{"kind":"Status","apiVersion":"v1","message":"no endpoints available for service \"web\"","code":500}`, false, false},
	} {
		r := Result{Stdout: row.body}
		if got := NoEndpoints(r); got != row.noEndpoints {
			t.Errorf("NoEndpoints of %s: got %v", row.body, got)
		}
		if got := Unreachable(r); got != row.unreachable {
			t.Errorf("Unreachable of %s: got %v", row.body, got)
		}
	}
}

func TestProxyPaths(t *testing.T) {
	for got, want := range map[string]string{
		ServiceProxyPath("shop", "https:web:443", "/a?b=c"): "/api/v1/namespaces/shop/services/https:web:443/proxy/a?b=c",
		PodProxyPath("shop", "web:8080", ""):                "/api/v1/namespaces/shop/pods/web:8080/proxy",
		NodeProxyPath("n1", "/healthz"):                     "/api/v1/nodes/n1/proxy/healthz",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
