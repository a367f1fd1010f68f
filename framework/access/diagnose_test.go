package access

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

func status(code, message string) string {
	return `{"kind":"Status","apiVersion":"v1","status":"Failure","code":` + code + `,"message":"` + message + `"}`
}

func TestDiagnose(t *testing.T) {
	for _, tc := range []struct {
		name string
		hop  catalog.Hop
		r    Result
		want catalog.Outcome
		code catalog.Code
	}{
		{"unknown authority", catalog.HopTLS, Result{Outcome: catalog.Untrusted, Stderr: "x509: certificate signed by unknown authority"}, catalog.Reached, probe.TLSAuthority},
		{"another name", catalog.HopTLS, Result{Outcome: catalog.Untrusted, Stderr: "x509: certificate is valid for localhost, not other"}, catalog.Reached, probe.TLSName},
		{"another name, says wget with GnuTLS", catalog.HopTLS, Result{Outcome: catalog.Untrusted, Stderr: "The certificate's owner does not match hostname ‘127.0.0.2’"}, catalog.Reached, probe.TLSName},
		{"expired", catalog.HopTLS, Result{Outcome: catalog.Untrusted, Stderr: "x509: certificate has expired or is not yet valid"}, catalog.Reached, probe.TLSValidity},
		{"trusted", catalog.HopTLS, Result{Outcome: catalog.Reached}, catalog.Untrusted, probe.TLSTrusting},
		{"plain HTTP where it should not be", catalog.HopTLS, Result{Outcome: catalog.Reached}, catalog.NotTLS, probe.TLSNotTLS},
		{"anonymous", catalog.HopAuthn, Result{Outcome: catalog.Forbidden, Stdout: status("403", `User \"system:anonymous\" cannot`)}, catalog.Reached, probe.AuthnAnonymous},
		{"somebody else", catalog.HopAuthn, Result{Outcome: catalog.Forbidden, Stdout: status("403", `User \"jane\" cannot`)}, catalog.Reached, probe.AuthnSomebodyElse},
		{"no such port", catalog.HopService, Result{Outcome: catalog.Unavailable, Stdout: status("503", "no service port 81 found")}, catalog.Reached, probe.ServiceNoPort},
		{"no endpoints", catalog.HopEndpoint, Result{Outcome: catalog.Unavailable, Stdout: status("503", "no endpoints available for service")}, catalog.Reached, probe.EndpointNone},
		{"unreachable", catalog.HopBackend, Result{Outcome: catalog.Unavailable, Stdout: status("503", "error trying to reach service: dial tcp 10.0.0.1:80: i/o timeout")}, catalog.Reached, probe.BackendDown},
		{"no TLS", catalog.HopBackend, Result{Outcome: catalog.Unavailable, Stdout: status("503", "error trying to reach service: tls: first record does not look like a TLS handshake")}, catalog.Reached, probe.BackendNotTLS},
		{"its own 503", catalog.HopBackend, Result{Outcome: catalog.Unavailable, Stdout: "overloaded"}, catalog.Reached, probe.BackendStatus},
		{"its own 500", catalog.HopBackend, Result{Outcome: catalog.ServerError, Stdout: "oh"}, catalog.Reached, probe.BackendStatus},
		{"half an answer", catalog.HopBackend, Result{Outcome: catalog.Failed, Status: 200, Stdout: "half", Stderr: "reading the body: unexpected EOF"}, catalog.Reached, probe.BackendBroken},
		{"nothing of an answer", catalog.HopBackend, Result{Outcome: catalog.Failed, Stderr: "stream error: stream ID 29; INTERNAL_ERROR; received from peer"}, catalog.Reached, probe.BackendBroken},
		{"nothing listens", catalog.HopBackend, Result{Outcome: catalog.Refused, Exit: 7, Stderr: "curl: (7) Failed to connect to 10.0.0.1 port 9: Couldn't connect to server"}, catalog.Reached, probe.BackendDown},
		{"reset", catalog.HopBackend, Result{Outcome: catalog.Refused, Exit: 56, Stderr: "curl: (56) Recv failure: Connection reset by peer"}, catalog.Reached, probe.BackendBroken},
		{"reached and other than it should be", catalog.HopService, Result{Outcome: catalog.Reached}, catalog.Reached, probe.ServiceDeviates},
		{"silent", catalog.HopBackend, Result{Outcome: catalog.TimedOut}, catalog.Reached, probe.BackendTimeout},
		{"no load balancer", catalog.HopController, Result{Outcome: catalog.TimedOut, Stderr: "waiting 20s: last: " + SaysNoBalancer}, catalog.Unknown, probe.ControllerPending},
		{"kubelet down", catalog.HopNode, Result{Outcome: catalog.Unavailable, Stdout: status("503", "error trying to reach service: dial tcp 10.0.0.1:10250: connection refused")}, catalog.Reached, probe.NodeUnreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Diagnose(tc.hop, tc.r, tc.want); got != tc.code {
				t.Errorf("got %s, want %s", got, tc.code)
			}
		})
	}
}
