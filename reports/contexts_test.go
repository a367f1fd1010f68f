package reports_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

// inContext is the report of a run's part in one of several contexts.
func inContext(name string, of func(reports.Meta) reports.Report, claims ...catalog.Claim) reports.Report {
	m := meta(claims...)
	m.Context, m.Clusters = name, []reports.Cluster{{Name: name, Provider: "existing", KubernetesVersion: "v1.37.2", Nodes: 2}}
	return of(m)
}

// proven is the report of a part of which every claim is.
func proven(m reports.Meta) reports.Report {
	r := reports.Placeholder(m)
	r.Finished, r.Result = m.Finished, reports.Complete
	for i := range r.Claims {
		r.Claims[i].Verdict, r.Claims[i].Reason, r.Claims[i].Duration = catalog.Proven, "", reports.Duration(1e9)
	}
	return r
}

const arn = "arn:aws:eks:eu-west-1:123456789012:cluster/prod"

// severalContexts are a context where all is proven, one where a claim is not, and one
// that leads nowhere.
func severalContexts() reports.Report {
	two := []catalog.Claim{claim("b/two"), claim("a/one")}
	broken := inContext(arn, proven, two...)
	broken.Claims[1].Verdict, broken.Claims[1].Reason = catalog.Disproven, "resolve broke at kubernetes.default.svc: no such host (A-RESOLVE-01); getent hosts kubernetes.default.svc\nwant Reached"
	broken.Claims[1].Hop, broken.Claims[1].Code = catalog.HopResolve, "A-RESOLVE-01"
	nowhere := inContext("dead", func(m reports.Meta) reports.Report {
		m.Clusters = nil
		return reports.Unable(m, dead)
	}, two...)
	return reports.Merge([]reports.Report{inContext("staging", proven, two...), broken, nowhere})
}

// TestGoldenContexts holds the report of several contexts, in every format, against
// golden files; -update writes them. Of the page it is what the style is not.
func TestGoldenContexts(t *testing.T) {
	r := severalContexts()
	asJUnit, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	checkJUnit(t, asJUnit, r)
	asJSON, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	_, main, _ := strings.Cut(page(t, r), "<main>")
	main, _, _ = strings.Cut(main, "</main>")
	var table bytes.Buffer
	if err := r.WriteContexts(&table); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"contexts.xml": string(asJUnit), "contexts.json": string(asJSON), "contexts.md": r.Markdown(), "contexts.html": main, "contexts.txt": table.String()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from the golden file; look, then run 'go test ./reports -update':\n%s", path, got)
		}
	}
}

func TestContexts(t *testing.T) {
	r := severalContexts()
	if r.Setup != nil || r.Result != reports.Partial || r.Summary.Proven != 3 || r.Summary.Disproven != 1 || r.Summary.Inconclusive != 2 {
		t.Errorf("%s, set-up %+v, %+v", r.Result, r.Setup, r.Summary)
	}
	var got []string
	for _, c := range r.Contexts() {
		got = append(got, strings.ReplaceAll(fmt.Sprintf("%s %s %q %s", c.Name, c.Verdict, c.Kubernetes(), c.Why), "\x07", ""))
	}
	want := []string{
		`staging proven "v1.37.2, 2 nodes" `,
		arn + ` disproven "v1.37.2, 2 nodes" b/two: resolve broke at kubernetes.default.svc: no such host (A-RESOLVE-01); getent hosts kubernetes.default.svc`,
		`dead inconclusive "" preflight: TLS refused at 127.0.0.1:6443: unknown authority (A-TLS-02)`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, alone := range []reports.Report{sample(), whole()} {
		if c := alone.Contexts(); c != nil {
			t.Errorf("a run of one cluster has contexts: %+v", c)
		}
	}
	// All of them broken is no set-up failure of the run: each has its own.
	nowhere := func(m reports.Meta) reports.Report { return reports.Unable(m, dead) }
	if all := reports.Merge([]reports.Report{inContext("x", nowhere, claim("a/one")), inContext("y", nowhere, claim("a/one"))}); all.Setup != nil {
		t.Errorf("set-up %+v", all.Setup)
	}
	left := inContext("x", proven, claim("a/one"))
	left.CleanUp = "a namespace is still there"
	if all := reports.Merge([]reports.Report{inContext("w", proven, claim("a/one")), left}); all.CleanUp != "x: a namespace is still there" {
		t.Errorf("not cleaned up: %q", all.CleanUp)
	}
}

// TestDiffOfContexts proves that a claim is held against the same one of its context.
func TestDiffOfContexts(t *testing.T) {
	before, after := severalContexts(), severalContexts()
	for i := range after.Claims {
		if c := &after.Claims[i]; c.Context == "staging" && c.ID == "a/one" {
			c.Verdict, c.Reason = catalog.Disproven, "gone"
		}
	}
	d := reports.Compare(before, after, reports.UsualNoise())
	if len(d.Changes) != 1 || d.Changes[0].Context != "staging" || d.Changes[0].Kind != reports.Broke || d.Same != 5 {
		t.Errorf("%+v, %d the same", d.Changes, d.Same)
	}
}

func TestAlike(t *testing.T) {
	var claims []reports.Claim
	for i, in := range []string{"x", "y", "z"} {
		claims = append(claims,
			reports.Claim{ID: "a/one", Context: in, Verdict: catalog.Disproven, Reason: fmt.Sprint("pod ", i), Hop: catalog.HopDial},
			reports.Claim{ID: "a/two", Context: in, Verdict: catalog.Inconclusive, Reason: "one reason"},
			reports.Claim{ID: "b/one", Context: in, Verdict: catalog.Inconclusive, Reason: "one reason"},
			reports.Claim{ID: "c/one", Verdict: catalog.Disproven, Reason: fmt.Sprint("pod ", i)})
	}
	var got []string
	for _, alike := range reports.Alike(claims, 3) {
		got = append(got, reports.Together(alike))
	}
	if want := "a/one in 3 contexts, 6 claims, 1 claims, 1 claims, 1 claims"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}

// manyContexts is a report of every claim of the catalogue in so many contexts, of
// which the last leads nowhere.
func manyContexts(n int) reports.Report {
	var parts []reports.Report
	for i := range n {
		name := fmt.Sprintf("arn:aws:eks:eu-west-1:1234567890%02d:cluster/production", i)
		part := inContext(name, func(m reports.Meta) reports.Report {
			one := whole()
			for j := range one.Claims {
				one.Claims[j].Context = m.Context
				if one.Claims[j].Verdict == catalog.Disproven {
					one.Claims[j].Reason = fmt.Sprintf("of pod %d: %s", i, one.Claims[j].Reason)
				}
			}
			one.Clusters = m.Clusters
			return one
		})
		if i == n-1 {
			part = inContext(name, func(m reports.Meta) reports.Report { return reports.Unable(m, dead) }, catalog.Claims()...)
		}
		parts = append(parts, part)
	}
	return reports.Merge(parts)
}

// TestPageOfManyContextsStaysSmall bounds the page, and what a CI job takes for its
// summary, of fifty contexts.
func TestPageOfManyContextsStaysSmall(t *testing.T) {
	const pageBound, summaryBound = 4 << 20, 1 << 20
	r := manyContexts(50)
	if n := len(page(t, r)); n > pageBound {
		t.Errorf("the page has %d bytes for %d claims, want at most %d", n, len(r.Claims), pageBound)
	}
	if n := len(r.Markdown()); n > summaryBound {
		t.Errorf("the Markdown has %d bytes for %d claims, want at most %d", n, len(r.Claims), summaryBound)
	}
}
