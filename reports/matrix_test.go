package reports_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

func sampleMatrix() reports.Matrix {
	m := reports.Matrix{
		Tool:    reports.Tool{Version: "v0.0.0"},
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Finished: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC),
		Cluster: reports.Cluster{Name: "x", Provider: "kind", KubernetesVersion: "v1.37.2", Nodes: 2},
		Healthy: []reports.HealthyRun{{Claims: 2, Duration: reports.Duration(time.Second)}},
		Faults: []reports.FaultRow{
			{Name: "server-port-dead", Hop: catalog.HopDial, Scope: "client", How: "nothing listens", Preflight: reports.Preflight{Way: true, Hop: catalog.HopDial, Code: "A-DIAL-01", Duration: reports.Duration(20 * time.Millisecond)},
				Pairs: []reports.Pair{{Claim: "kubectl/first-access", WantHop: catalog.HopDial, WantCode: "A-DIAL-01", Verdict: catalog.Disproven, Hop: catalog.HopDial, Code: "A-DIAL-01", Time: reports.Duration(time.Second), Healed: catalog.Proven}}},
			{Name: "no-prompt", Hop: catalog.HopTool, Scope: "client", How: "a kubectl | that <asks>",
				Pairs:  []reports.Pair{{Claim: "kubectl/needs-credentials", WantHop: catalog.HopTool, WantCode: "A-TOOL-01", Verdict: catalog.Proven, Healed: catalog.Proven}},
				Spared: []reports.Spared{{Alarm: reports.Alarm{Claim: "config-view/minify", Verdict: catalog.Disproven, Hop: catalog.HopTool, Code: "A-TOOL-01", Reason: "Authorization: Bearer abcdefghijklmnop"}}}},
			{Name: "kubelet-stopped", Hop: catalog.HopNode, Scope: "cluster", Skipped: "needs nodes: the nodes cannot be entered"},
		},
	}
	first, _ := catalog.Lookup("kubectl/first-access")
	second, _ := catalog.Lookup("kubectl/needs-credentials")
	m.Complete([]catalog.Claim{first, second})
	return m
}

func TestMatrixCounts(t *testing.T) {
	m := sampleMatrix()
	want := reports.MatrixSummary{
		Faults: 3, Skipped: 1, Pairs: 2, Detected: 1, Blamed: 1, Healed: 2, Spared: 1, HealthyRuns: 1, Unproven: 1, Ways: 1, WaysNamed: 1,
		MedianWay: reports.Duration(20 * time.Millisecond),
	}
	if m.Summary != want {
		t.Errorf("got  %+v\nwant %+v", m.Summary, want)
	}
	if m.Summary.Right() {
		t.Error("a claim that nothing turned red is right")
	}
	if got := m.Faults[0].Name; got != "kubelet-stopped" {
		t.Errorf("the first fault is %q", got)
	}
}

func TestMatrixFormats(t *testing.T) {
	m := sampleMatrix()
	var table bytes.Buffer
	if err := m.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	page, err := m.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"table": table.String(), "markdown": m.Markdown(), "html": string(page)} {
		for _, want := range []string{"server-port-dead", "A-DIAL-01", "kubectl/first-access", "needs nodes", "unproven: no fault turned kubectl/needs-credentials red", "1 of 2 detected"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in the %s:\n%s", want, name, text)
			}
		}
		if strings.Contains(text, "abcdefghijklmnop") {
			t.Errorf("a token is in the %s", name)
		}
	}
	if strings.Contains(string(page), "<asks>") || strings.Contains(string(page), "http://") || strings.Contains(string(page), "<script") {
		t.Error("the page has what it should not")
	}
	if err := reports.WriteMatrix(t.TempDir(), m); err != nil {
		t.Error(err)
	}
}

func TestMatrixLeavesOutWhatDoesNotApply(t *testing.T) {
	m := sampleMatrix()
	m.Faults = slices.DeleteFunc(m.Faults, func(f reports.FaultRow) bool { return f.Name == "no-prompt" })
	m.Faults = append(m.Faults, reports.FaultRow{Name: "no-prompt", Hop: catalog.HopTool, Scope: "client", How: "a kubectl that asks", Pairs: []reports.Pair{
		{Claim: "kubectl/needs-credentials", WantHop: catalog.HopTool, WantCode: "A-TOOL-01", Verdict: catalog.NotApplicable, Reason: "no package index answers", Healed: catalog.NotApplicable},
	}})
	first, _ := catalog.Lookup("kubectl/first-access")
	second, _ := catalog.Lookup("kubectl/needs-credentials")
	m.Complete([]catalog.Claim{first, second})
	s := m.Summary
	if !s.Right() || s.Pairs != 1 || s.NotApplicable != 1 || s.Unproven != 0 {
		t.Errorf("got %+v", s)
	}
	lines := strings.Join(m.Lines(), "\n")
	for _, want := range []string{"1 of 1 detected", "1 not applicable", "not applicable: kubectl/needs-credentials: no package index answers"} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in:\n%s", want, lines)
		}
	}
	page, err := m.HTML()
	if err != nil || !strings.Contains(string(page), ">–</a>") || strings.Contains(string(page), ">✘</a>") {
		t.Errorf("the page has the wrong mark (error %v)", err)
	}
}
