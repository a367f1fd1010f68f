package probe_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// TestDiagnoses holds the table to its form.
func TestDiagnoses(t *testing.T) {
	form := regexp.MustCompile(`^A-([A-Z]+)-[0-9]{2}$`)
	seen := map[probe.Code]bool{}
	for _, d := range probe.All() {
		m := form.FindStringSubmatch(string(d.Code))
		switch {
		case m == nil:
			t.Errorf("%q is not a code", d.Code)
		case seen[d.Code]:
			t.Errorf("%s is used twice", d.Code)
		case d.Hop != "" && strings.ToLower(m[1]) != strings.TrimPrefix(string(d.Hop), "local-"):
			t.Errorf("%s names another hop than %q", d.Code, d.Hop)
		case d.Title == "" || d.Hint == "" || !strings.HasPrefix(d.Doc, "https://kubernetes.io/docs/"):
			t.Errorf("%s lacks a title, a hint or a page", d.Code)
		case d.Outcome == catalog.Unknown && d.Hop != "":
			t.Errorf("%s has outcome %q", d.Code, d.Outcome)
		case strings.ContainsAny(d.Title+d.Hint, "\n"):
			t.Errorf("%s is more than a line", d.Code)
		}
		seen[d.Code] = true
	}
	if _, ok := probe.Lookup("A-NONE-01"); ok {
		t.Error("found a code that is not there")
	}
	if all := probe.All(); len(all) > 0 {
		all[0].Title = "changed"
		if probe.All()[0].Title == "changed" {
			t.Error("the table can be changed from outside")
		}
	}
}

func TestHintFor(t *testing.T) {
	tests := []struct {
		code         probe.Code
		target, want string
	}{
		{probe.ResolveNoHost, "api.test", "getent hosts api.test"},
		{probe.DialUnreachable, "[::1]:6443", "ip route get ::1"},
		{probe.ConfigUnreadable, "/home/me/my config", "ls -ld '/home/me/my config'"},
		{probe.ConfigUnreadable, "/it's", `ls -ld '/it'\''s'`},
		{probe.ConfigUnreadable, "", "ls -ld TARGET"},
		{probe.ResolveNoHost, "https://api.test/version", "getent hosts api.test"},
		{probe.ResolveNoHost, "pod ns/name", "getent hosts TARGET"},
		{probe.DialUnreachable, "https://[::1]:6443/api", "ip route get ::1"},
	}
	for _, tt := range tests {
		d, ok := probe.Lookup(tt.code)
		if !ok {
			t.Fatalf("no diagnosis %s", tt.code)
		}
		if got := d.HintFor(tt.target); got != tt.want {
			t.Errorf("%s at %q: got %q, want %q", tt.code, tt.target, got, tt.want)
		}
	}
}

// TestSummaryIsTheStyle pins the one line that everybody reads.
func TestSummaryIsTheStyle(t *testing.T) {
	trace := probe.Trace{Path: catalog.PathKubectl, Steps: []probe.Step{
		{Hop: catalog.HopDial, State: probe.OK, Target: "127.0.0.1:6443"},
		{Hop: catalog.HopTLS, State: probe.Broken, Target: "127.0.0.1:6443", Code: probe.TLSAuthority},
	}}
	const want = "TLS refused at 127.0.0.1:6443: unknown authority (A-TLS-02); compare certificate-authority-data: openssl s_client -connect 127.0.0.1:6443 -showcerts </dev/null"
	if got := trace.Summary(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := (probe.Trace{Path: catalog.PathKubectl}); got.Outcome() != catalog.Unknown || got.Summary() != "kubectl: not walked" || got.Err() != nil {
		t.Errorf("an empty trace says %q, %q, %v", got.Outcome(), got.Summary(), got.Err())
	}
}
