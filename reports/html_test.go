package reports_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

func page(t *testing.T, r reports.Report) string {
	t.Helper()
	raw, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestPageLoadsNothing holds the policy against what the pages have: no resource
// of elsewhere, and no style or script but the two that it names.
func TestPageLoadsNothing(t *testing.T) {
	m, err := sampleMatrix().HTML()
	if err != nil {
		t.Fatal(err)
	}
	for name, html := range map[string]string{"report": page(t, whole()), "matrix": string(m)} {
		policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(html)
		if policy == nil {
			t.Fatalf("%s: no policy", name)
		}
		// In an attribute a quote and a plus are written as entities.
		allowed := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1])
		if !strings.HasPrefix(allowed, "default-src 'none'; ") || strings.Contains(allowed, "unsafe") || strings.Contains(allowed, "http") {
			t.Errorf("%s: policy %q", name, allowed)
		}
		for _, m := range regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`).FindAllStringSubmatch(html, -1) {
			sum := sha256.Sum256([]byte(m[2]))
			if want := m[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(allowed, want) {
				t.Errorf("%s: the policy %q does not allow the page's own %s, %s", name, allowed, m[1], want)
			}
		}
		for _, forbidden := range []string{" src=", "<link", "<img", "<iframe", " style=", " onclick", "@import", "url("} {
			if strings.Contains(html, forbidden) {
				t.Errorf("%s has %q", name, forbidden)
			}
		}
	}
}

func TestPageIsSafe(t *testing.T) {
	r := sample()
	r.Claims[0].Source, r.Claims[0].Trace = "javascript:alert(1)", []probe.Step{{Hop: catalog.HopAuthn, State: probe.OK, Target: "https://x", Saw: "Bearer " + token}}
	html := page(t, r)
	for _, forbidden := range []string{token, `href="javascript:`, "<&>]]>", "\x00", "\x1b"} {
		if strings.Contains(html, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	for _, want := range []string{"want Unauthorized", "&lt;&amp;&gt;]]&gt;", "documentation deviates", "needs ipv6-loopback: none", "Not cleaned up"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestPageStaysSmall bounds a page of every claim: as a run has them, and with
// evidence without an end.
func TestPageStaysSmall(t *testing.T) {
	const usual, endless = 1 << 20, 4 << 20
	r := whole()
	if n := len(page(t, r)); n > usual {
		t.Errorf("%d bytes for %d claims with eight pieces of evidence each, want at most %d", n, len(r.Claims), usual)
	}
	for i := range r.Claims {
		c := &r.Claims[i]
		c.Verdict, c.Reason = catalog.Disproven, strings.Repeat("want this & got that\n", 1000)
		for range 500 {
			c.Steps = append(c.Steps, reports.Step{What: "asking again", Command: strings.Repeat("curl https://127.0.0.1/ ", 100)})
		}
	}
	html := page(t, r)
	if len(html) > endless {
		t.Errorf("%d bytes for %d claims, want at most %d", len(html), len(r.Claims), endless)
	}
	if !strings.Contains(html, "more in report.json") {
		t.Error("the page does not say that it leaves something out")
	}
}

// TestPageTellsOnceWhatManySaw proves that what several claims say of a hop is told
// once, and what one alone says beside it.
func TestPageTellsOnceWhatManySaw(t *testing.T) {
	r := whole()
	r.Claims = r.Claims[:3]
	for i := range r.Claims {
		target := "usual"
		if i == 2 {
			target = "own"
		}
		r.Claims[i].Verdict, r.Claims[i].Path = catalog.Proven, catalog.PathKubectl
		r.Claims[i].Trace = []probe.Step{
			{Hop: catalog.HopDial, State: probe.OK, Target: target, Saw: "connected"},
			{Hop: catalog.HopAPI, State: probe.OK, Target: "server", Saw: "ready"},
		}
	}
	html := page(t, r)
	for text, want := range map[string]int{"<code>usual</code> connected": 1, "<code>own</code> connected": 1, "<code>server</code> ready": 1, `href="#saw"`: 3} {
		if n := strings.Count(html, text); n != want {
			t.Errorf("%q is there %d times, want %d", text, n, want)
		}
	}
}

// TestDiagram reads the hops of a claim from the page: what each is called, and
// what became of it.
func TestDiagram(t *testing.T) {
	ok := func(hops ...catalog.Hop) (steps []probe.Step) {
		for _, h := range hops {
			steps = append(steps, probe.Step{Hop: h, State: probe.OK, Duration: time.Millisecond})
		}
		return steps
	}
	brokenAt := func(h catalog.Hop, code probe.Code) probe.Step {
		return probe.Step{Hop: h, State: probe.Broken, Code: code}
	}
	way := ok(catalog.HopConfig, catalog.HopResolve, catalog.HopDial, catalog.HopTLS, catalog.HopAuthn, catalog.HopAPI)
	brokenWay := append(ok(catalog.HopConfig, catalog.HopResolve), brokenAt(catalog.HopDial, "A-DIAL-01"), probe.Step{Hop: catalog.HopTLS, State: probe.NotReached})
	tests := []struct {
		name  string
		claim reports.Claim
		want  string
	}{
		{"proven, the way to the API is that of the path", reports.Claim{Path: catalog.PathKubectl, Verdict: catalog.Proven, Trace: way, Steps: []reports.Step{{Hop: catalog.HopTool, Milliseconds: 7}}},
			"tool in the evidence, config ok, resolve ok, dial ok, tls ok, authn ok, authz not walked, api ok"},
		{"broken on the way", reports.Claim{Path: catalog.PathKubectl, Verdict: catalog.Disproven, Hop: catalog.HopDial, Code: "A-DIAL-01", Trace: brokenWay},
			"tool not walked, config ok, resolve ok, dial broken, tls not reached, authn not reached, authz not reached, api not reached"},
		{"broken after it had been proven", reports.Claim{Path: catalog.PathConfigView, Verdict: catalog.Proven, Trace: brokenWay},
			"config ok, resolve ok, dial broken, tls not reached | tool not walked, config not walked"},
		{"a path from a pod, proven", reports.Claim{Path: catalog.PathKubeProxy, Verdict: catalog.Proven, Trace: way, Steps: []reports.Step{{Hop: catalog.HopService}}},
			"config ok, resolve ok, dial ok, tls ok, authn ok, api ok | tool not walked, resolve not walked, service in the evidence, endpoint not walked, backend not walked"},
		{"a path from a pod, the way to the API server is broken", reports.Claim{Path: catalog.PathKubeProxy, Verdict: catalog.Disproven, Hop: catalog.HopDial, Code: "A-DIAL-01", Trace: brokenWay},
			"config ok, resolve ok, dial broken, tls not reached | tool not reached, resolve not reached, service not reached, endpoint not reached, backend not reached"},
		{"a path from a pod, the preflight broke", reports.Claim{Path: catalog.PathInPod, Verdict: catalog.Inconclusive, Hop: catalog.HopTLS, Code: "A-TLS-02"},
			"tls broken | tool not reached, controller not reached, mount not reached, local-proxy not reached, resolve not reached, service not reached, dial not reached, tls not reached, authn not reached, authz not reached, api not reached"},
		{"the preflight broke", reports.Claim{Path: catalog.PathKubectl, Verdict: catalog.Inconclusive, Hop: catalog.HopTLS, Code: "A-TLS-02"},
			"tool not walked, config not walked, resolve not walked, dial not walked, tls broken, authn not reached, authz not reached, api not reached"},
		{"the path itself was walked", reports.Claim{Path: catalog.PathConfigView, Verdict: catalog.Disproven, Hop: catalog.HopConfig, Trace: append(ok(catalog.HopTool), brokenAt(catalog.HopConfig, "A-CONFIG-14"))},
			"tool ok, config broken"},
		{"a path that this version does not know", reports.Claim{Path: "gone", Verdict: catalog.Disproven, Hop: catalog.HopTLS, Trace: ok(catalog.HopDial)},
			"dial ok, tls broken"},
	}
	hops := regexp.MustCompile(`(?s)<ol class="hops">(.*?)</ol>`)
	one := regexp.MustCompile(`<b>([a-z-]+)</b> <span>([a-z ]+)</span>`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.claim.ID = "a/b"
			var diagrams []string
			for _, list := range hops.FindAllStringSubmatch(page(t, reports.Merge([]reports.Report{{Claims: []reports.Claim{tt.claim}}})), -1) {
				var names []string
				for _, m := range one.FindAllStringSubmatch(list[1], -1) {
					names = append(names, m[1]+" "+m[2])
				}
				diagrams = append(diagrams, strings.Join(names, ", "))
			}
			if got := strings.Join(diagrams, " | "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestPageSaysWhatStoppedARun reads the pages of runs that did not get to their
// claims.
func TestPageSaysWhatStoppedARun(t *testing.T) {
	claims := meta(catalog.Claims()...)
	for name, tt := range map[string]struct {
		report reports.Report
		want   []string
	}{
		"placeholder": {reports.Placeholder(claims), []string{"The run did not finish"}},
		"unable":      {reports.Unable(claims, dead), []string{"preflight did not succeed", "preflight, hop tls (A-TLS-02)", "unknown authority", "inroads explain A-TLS-02"}},
		"stopped":     {reports.Stopped(claims), []string{"The run was interrupted"}},
		"nothing":     {reports.Report{}, []string{"0 of 0 proven"}},
	} {
		raw, err := tt.report.HTML()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range tt.want {
			if !bytes.Contains(raw, []byte(want)) {
				t.Errorf("%s: the page does not say %q", name, want)
			}
		}
		if n := bytes.Count(raw, []byte(`<details class="claim`)); n != len(tt.report.Claims) {
			t.Errorf("%s: %d claims, want %d", name, n, len(tt.report.Claims))
		}
	}
}
