package pod

import (
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestBlame(t *testing.T) {
	for _, row := range []struct {
		name string
		r    access.Result
		want catalog.Outcome
		hop  catalog.Hop
	}{
		{"no such name", access.Result{Outcome: catalog.Unresolved}, catalog.Reached, catalog.HopResolve},
		{"the name takes too long", access.Result{Outcome: catalog.TimedOut, Stderr: "curl: (28) Resolving timed out after 10000 milliseconds"}, catalog.Reached, catalog.HopResolve},
		{"the Service leads nowhere", access.Result{Outcome: catalog.TimedOut, Stderr: "curl: (28) Connection timed out"}, catalog.Reached, catalog.HopService},
		{"another authority", access.Result{Outcome: catalog.Untrusted}, catalog.Reached, catalog.HopTLS},
		{"token not accepted", access.Result{Outcome: catalog.Unauthorized, Status: 401}, catalog.Reached, catalog.HopAuthn},
		{"no right", access.Result{Outcome: catalog.Forbidden, Status: 403}, catalog.Reached, catalog.HopAuthz},
		{"no token", access.Result{Outcome: catalog.Failed, Stderr: "cat: can't open '" + tokenFile + "': No such file or directory"}, catalog.Reached, catalog.HopMount},
		{"no curl", access.Result{Outcome: catalog.Failed, Stderr: "sh: curl: not found"}, catalog.Reached, catalog.HopTool},
		{"let in without authority", access.Result{Outcome: catalog.Reached}, catalog.Untrusted, catalog.HopTLS},
		{"let in without right", access.Result{Outcome: catalog.Reached}, catalog.Forbidden, catalog.HopAuthz},
		{"an error of the API", access.Result{Outcome: catalog.ServerError, Status: 500}, catalog.Reached, catalog.HopAPI},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := blame(row.r, row.want); got != row.hop {
				t.Errorf("blame: got %q, want %q", got, row.hop)
			}
		})
	}
}

func TestScriptKeepsTokenOutOfArguments(t *testing.T) {
	script := request{path: apiPath}.script()
	lines := strings.Split(script, "\n")
	last := lines[len(lines)-1]
	before, curl, found := strings.Cut(last, " | ")
	if !found || !strings.Contains(before, "$token") || strings.Contains(curl, "$token") {
		t.Errorf("the token must reach curl through a pipe: %s", last)
	}
	if bare := (request{path: apiPath, bare: true}).script(); strings.Contains(bare, tokenFile) {
		t.Errorf("a bare request reads the token: %s", bare)
	}
	if trusting := (request{path: apiPath, distrustful: true}).script(); strings.Contains(trusting, caFile) {
		t.Errorf("a request without authority names one: %s", trusting)
	}
}

func TestCutLastLine(t *testing.T) {
	for text, want := range map[string][2]string{
		"{}\n10.96.0.1": {"{}", "10.96.0.1"},
		"10.96.0.1":     {"", "10.96.0.1"},
		"":              {"", ""},
	} {
		if before, last := cutLastLine(text); before != want[0] || last != want[1] {
			t.Errorf("cutLastLine(%q): got %q and %q, want %q", text, before, last, want)
		}
	}
}

func TestInClusterClientLog(t *testing.T) {
	const asking, header = "I1 main.go:80] calling /healthz", "I1 main.go:95] authz_header=x"
	for _, row := range []struct {
		name   string
		lines  []string
		enough bool
		hop    catalog.Hop
	}{
		{"asking for the first time", []string{asking, header}, false, catalog.HopTool},
		{"asking for the second time", []string{asking, header, asking}, true, catalog.HopTool},
		{"not trusted", []string{asking, header, "E1 main.go:83] status=failed", `E1 main.go:84] error checking /healthz: Get "https://10.96.0.1:443/healthz": tls: failed to verify certificate: x509: certificate signed by unknown authority`}, true, catalog.HopTLS},
		{"nothing there", []string{asking, header, `E1 main.go:84] error checking /healthz: Get "https://10.96.0.1:443/healthz": dial tcp 10.96.0.1:443: i/o timeout`}, true, catalog.HopService},
		{"no token", []string{"2026/01/02 15:04:05 err: open " + tokenFile + ": no such file or directory"}, false, catalog.HopMount},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := askedOnce(row.lines); got != row.enough {
				t.Errorf("askedOnce: got %v, want %v", got, row.enough)
			}
			if got := blame(complaint(strings.Join(row.lines, "\n")), catalog.Reached); got != row.hop {
				t.Errorf("blaming the complaint: got %q, want %q", got, row.hop)
			}
		})
	}
}
