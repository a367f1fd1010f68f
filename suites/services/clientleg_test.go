package services

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestInPlain(t *testing.T) {
	for server, want := range map[string]string{
		"https://127.0.0.1:6443":            "http://127.0.0.1:6443",
		"https://kubernetes.default.svc":    "http://kubernetes.default.svc:443",
		"https://[fd00::1]":                 "http://[fd00::1]:443",
		"https://gate.example:8443/cluster": "http://gate.example:8443/cluster",
	} {
		if got, err := inPlain(server); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", server, got, err, want)
		}
	}
}

func TestNotSpoken(t *testing.T) {
	const status = `{"kind":"Status","apiVersion":"v1","code":400}`
	for _, row := range []struct {
		name string
		r    access.Result
		want catalog.Outcome
	}{
		{"says so", access.Result{Status: 400, Outcome: catalog.BadRequest, Stdout: "Client sent an HTTP request to an HTTPS server."}, catalog.NotTLS},
		{"hangs up", access.Result{Outcome: catalog.Failed, Stderr: "EOF"}, catalog.NotTLS},
		{"resets", access.Result{Outcome: catalog.Refused}, catalog.NotTLS},
		{"answers", access.Result{Status: 200, Outcome: catalog.Reached}, catalog.Reached},
		{"refuses by itself", access.Result{Status: 403, Outcome: catalog.Forbidden}, catalog.Forbidden},
		{"understands", access.Result{Status: 400, Outcome: catalog.BadRequest, Stdout: status}, catalog.BadRequest},
		{"is silent", access.Result{Outcome: catalog.TimedOut}, catalog.TimedOut},
	} {
		if got := notSpoken(row.r).Outcome; got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
