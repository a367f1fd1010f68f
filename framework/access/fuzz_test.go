package access

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// FuzzResult reads any output of a command or a request: a command that failed
// has reached nothing, every diagnosis is one that is known, and no credential
// that came with it is in the summary.
func FuzzResult(f *testing.F) {
	for _, body := range []string{
		"", "ok\n200", "\n000", "x\n-1", "x\n99999999999999999999",
		`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no endpoints available for service \"x\"","code":503}`,
		`{"kind":"Status","apiVersion":"v1","message":"no service port \"x\" found","code":503}` + "\n503",
		`{"kind":"Status","apiVersion":"v1","message":"User \"system:anonymous\"","code":403,"details":{"causes":[{}]}}`,
	} {
		f.Add(body, "curl: (60) SSL certificate problem", 60, 1)
		f.Add(body, "", 0, 10)
		f.Add(body, "x509: certificate is valid for a, not b", -1, 3)
	}
	hops := []catalog.Hop{
		catalog.HopTool, catalog.HopConfig, catalog.HopLocalProxy, catalog.HopMount, catalog.HopResolve, catalog.HopDial, catalog.HopTLS, catalog.HopAuthn,
		catalog.HopAuthz, catalog.HopAPI, catalog.HopController, catalog.HopService, catalog.HopEndpoint, catalog.HopNode, catalog.HopBackend,
	}
	const token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLW9mLXNvbWVib2R5"
	f.Fuzz(func(t *testing.T, stdout, stderr string, exit, at int) {
		hop := hops[uint(at)%uint(len(hops))]
		ran := Result{Command: "curl", Stdout: stdout, Stderr: stderr, Exit: exit}
		if exit == 0 {
			ran.Outcome = catalog.Reached
		} else {
			ran.Outcome = OutcomeOf(stderr)
		}
		for _, r := range []Result{ReadCurl(ran), CurlOutcome(ran), WgetOutcome(ran)} {
			if r.Outcome == catalog.Reached && exit != 0 {
				t.Errorf("exit code %d is taken for success: %s", exit, r)
			}
			if r.Outcome == catalog.Unknown {
				t.Errorf("a command that ran has no outcome: %s", r)
			}
			for _, want := range []catalog.Outcome{catalog.Unknown, catalog.Reached, catalog.Forbidden} {
				if code := Diagnose(hop, r, want); code != "" {
					if _, ok := probe.Lookup(code); !ok {
						t.Errorf("code %q is not known", code)
					}
				}
				if got := Blame(r, want); !slices.Contains(hops, got) {
					t.Errorf("hop %q is not known", got)
				}
			}
			if got := ProxyHop(r, hop); !slices.Contains(hops, got) {
				t.Errorf("hop %q is not known", got)
			}
			if NoEndpoints(r) && Unreachable(r) && !strings.Contains(stdout, noEndpoints) {
				t.Errorf("two causes of one answer: %s", r)
			}
			r.Stdout += " " + token
			if strings.Contains(r.Summary(), token) {
				t.Errorf("the token is in %s", r)
			}
		}
	})
}

// FuzzRequestURLs reads any log of kubectl: what it finds are URLs that are in
// the log, on one line each.
func FuzzRequestURLs(f *testing.F) {
	f.Add("I1124 04:00:00.000000 1 round_trippers.go:632] \"Response\" verb=\"GET\" url=\"https://127.0.0.1:6443/api?timeout=32s\" status=\"200 OK\"\n")
	f.Add("x round_trippers.go:1] GET http://localhost:8080/api 200 OK\nround_trippers.go:2] https://")
	f.Fuzz(func(t *testing.T, log string) {
		for _, u := range RequestURLs(Result{Stderr: log}) {
			if !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") || !strings.Contains(log, u) || strings.ContainsFunc(u, unicode.IsSpace) {
				t.Errorf("%q is no URL of the log", u)
			}
		}
	})
}

// FuzzServing reads any output of kubectl proxy: where it says that it listens
// is not empty and makes a URL.
func FuzzServing(f *testing.F) {
	f.Add("Starting to serve on 127.0.0.1:8001\n")
	f.Add("W1124 warning\nStarting to serve on [::1]:41741")
	f.Add("Starting to serve on \n")
	f.Add("Starting to serve on /tmp/proxy.sock\r\n")
	f.Fuzz(func(t *testing.T, out string) {
		addr, ok := readServing(strings.NewReader(out))
		if !ok {
			return
		}
		if addr == "" || strings.ContainsFunc(addr, unicode.IsControl) {
			t.Errorf("%q is nowhere", addr)
		}
		if u := (&KubectlProxy{listening{Addr: addr}}).URL("/api"); !strings.HasPrefix(u, "http://") {
			t.Errorf("%q is no URL", u)
		}
	})
}
