package services

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

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
