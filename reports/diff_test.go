package reports_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

func TestCompare(t *testing.T) {
	const none = catalog.Verdict("")
	sec := func(n float64) reports.Duration { return reports.Duration(n * float64(time.Second)) }
	tests := []struct {
		name          string
		before, after catalog.Verdict
		took, takes   float64
		want          reports.ChangeKind
		regression    bool
		whenItCounts  bool
	}{
		{name: "as before", before: catalog.Proven, after: catalog.Proven, took: 1, takes: 1},
		{name: "disproven as before", before: catalog.Disproven, after: catalog.Disproven, took: 1, takes: 100},
		{name: "broke", before: catalog.Proven, after: catalog.Disproven, want: reports.Broke, regression: true},
		{name: "broke after a skip", before: catalog.Skipped, after: catalog.Disproven, want: reports.Broke, regression: true},
		{name: "appeared broken", before: none, after: catalog.Disproven, want: reports.Broke, regression: true},
		{name: "newly skipped", before: catalog.Proven, after: catalog.Skipped, want: reports.Lost, regression: true},
		{name: "newly not applicable", before: catalog.Proven, after: catalog.NotApplicable, want: reports.Lost, regression: true},
		{name: "newly inconclusive", before: catalog.Proven, after: catalog.Inconclusive, want: reports.Lost, regression: true},
		{name: "no longer disproven, and not proven", before: catalog.Disproven, after: catalog.Skipped, want: reports.Changed},
		{name: "repaired", before: catalog.Disproven, after: catalog.Proven, want: reports.Repaired},
		{name: "appeared", before: none, after: catalog.Proven, want: reports.Appeared},
		{name: "appeared, skipped", before: none, after: catalog.Skipped, want: reports.Appeared},
		{name: "gone", before: catalog.Proven, after: none, want: reports.Gone},
		{name: "slower by both", before: catalog.Proven, after: catalog.Proven, took: 2, takes: 7, want: reports.Slower, whenItCounts: true},
		{name: "slower by the ratio alone", before: catalog.Proven, after: catalog.Proven, took: 0.1, takes: 5},
		{name: "slower by the bound alone", before: catalog.Proven, after: catalog.Proven, took: 10, takes: 29},
		{name: "faster", before: catalog.Proven, after: catalog.Proven, took: 9, takes: 3, want: reports.Faster},
		{name: "slower, and skipped", before: catalog.Skipped, after: catalog.Skipped, took: 1, takes: 100},
	}
	of := func(v catalog.Verdict, d float64) reports.Report {
		r := reports.Report{Claims: []reports.Claim{{ID: "x/other", Verdict: catalog.Proven}}}
		if v != none {
			r.Claims = append(r.Claims, reports.Claim{ID: "a/b", Verdict: v, Duration: sec(d)})
		}
		return reports.Merge([]reports.Report{r})
	}
	for _, tt := range tests {
		for _, counts := range []bool{false, true} {
			noise := reports.Noise{Ratio: 3, Bound: sec(5), Counts: counts}
			d := reports.Compare(of(tt.before, tt.took), of(tt.after, tt.takes), noise)
			var got reports.Change
			if len(d.Changes) > 0 {
				got = d.Changes[0]
			}
			regression := tt.regression || counts && tt.whenItCounts
			if got.Kind != tt.want || got.Regression != regression || len(d.Changes) > 1 || (d.Regressions == 1) != regression {
				t.Errorf("%s, slower counts: %v: %+v, %d regressions; want %q, regression: %v", tt.name, counts, d.Changes, d.Regressions, tt.want, regression)
			}
			if got.Before != "" && got.Before != tt.before || got.After != "" && got.After != tt.after {
				t.Errorf("%s: %q became %q", tt.name, got.Before, got.After)
			}
		}
	}
}

// TestCompareMatches tells the same claim on other topologies and with other
// kubectls apart, and takes multi-node for what claims without a topology are on.
func TestCompareMatches(t *testing.T) {
	claim := func(topology catalog.Topology, kubectl string, v catalog.Verdict) reports.Claim {
		return reports.Claim{ID: "a/b", Topology: topology, Kubectl: kubectl, Verdict: v}
	}
	before := reports.Report{Claims: []reports.Claim{
		claim("multi-node", "", catalog.Proven), claim("ha", "v1.36.3", catalog.Proven), claim("ha", "v1.37.2", catalog.Proven), claim("single", "", catalog.Proven),
	}}
	after := reports.Report{Claims: []reports.Claim{
		claim("", "", catalog.Proven), claim("ha", "v1.36.3", catalog.Proven), claim("ha", "v1.37.2", catalog.Disproven), claim("ha", "v1.38.0", catalog.Proven),
	}}
	d := reports.Compare(before, after, reports.UsualNoise())
	var got []string
	for _, ch := range d.Changes {
		got = append(got, strings.Join([]string{string(ch.Kind), string(ch.Topology), ch.Kubectl}, " "))
	}
	if want := "broke ha v1.37.2, gone single , appeared ha v1.38.0"; strings.Join(got, ", ") != want || d.Same != 2 {
		t.Errorf("got %q, %d as before; want %q, 2", got, d.Same, want)
	}
}

// TestDiffFormats reads what is written of a comparison.
func TestDiffFormats(t *testing.T) {
	after := sample()
	for i := range after.Claims {
		if after.Claims[i].ID == "a/proven" {
			after.Claims[i].Verdict, after.Claims[i].Reason = catalog.Disproven, "it | broke\n"+token
		}
	}
	d := reports.Compare(sample(), after, reports.UsualNoise())
	var table bytes.Buffer
	if err := d.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"table": table.String(), "markdown": d.Markdown(), "json": string(raw)} {
		if strings.Contains(text, token) || !strings.Contains(text, "a/proven") || !strings.Contains(text, "broke") {
			t.Errorf("%s has a token, or not what broke:\n%s", name, text)
		}
	}
	if want := "1 regression: 1 broke; 5 claims as before"; !strings.Contains(table.String(), want) || !strings.Contains(rendered(t, d.Markdown()), want) {
		t.Errorf("no %q in\n%s\n%s", want, table.String(), d.Markdown())
	}
	if !strings.Contains(rendered(t, d.Markdown()), "<td>it | broke</td>") {
		t.Errorf("the reason is not in a cell of its own:\n%s", d.Markdown())
	}
	var again reports.Diff
	if err := json.Unmarshal(raw, &again); err != nil || again.Kind != reports.DiffKind || again.Regressions != 1 || len(again.Changes) != 1 {
		t.Errorf("read %+v (%v)", again, err)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := sample().WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"b/disproven", "authn A-AUTHN-01", "documentation deviates: the page says [::1]", "2 of 6 proven, 1 disproven", "not cleaned up: clearing up", "Kubernetes v1.37.2 on two"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if lines := strings.Count(out.String(), "\n"); strings.Contains(out.String(), token) || lines != 1+6+4 {
		t.Errorf("%d lines, or a token, in\n%s", lines, out.String())
	}
}
