package reports

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func measurement() Measurement {
	run := func(concurrency int, p50 Microseconds, over *Comparison) MeasuredRun {
		return MeasuredRun{
			Concurrency: concurrency, Whole: Latency{N: 100, P50: p50, P90: 2 * p50, P99: 3 * p50, Max: 20 * p50},
			Hops:      []HopLatency{{HopDial, Latency{N: 2, P50: 90, P90: 95, P99: 99, Max: 100}}, {HopFirstByte, Latency{N: 100, P50: p50 - 10, P90: p50, P99: p50, Max: p50}}},
			PerSecond: Spread{1000, 900, 1100}, BytesPerSecond: Spread{5e6, 4e6, 6e6}, Over: over,
			Distribution: []Percentile{{0, p50 / 2}, {50, p50}, {99, 3 * p50}},
		}
	}
	return Measurement{
		APIVersion: APIVersion, Kind: MeasurementKind, Tool: Tool{ToolName, "v1.2.3"},
		Started: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC), Finished: time.Date(2026, 11, 26, 8, 1, 0, 0, time.UTC),
		Cluster: Cluster{Name: "demo", Provider: "kind", KubernetesVersion: "v1.37.2", Nodes: 2},
		Terms:   Terms{Loop: ClosedLoop, Concurrency: []int{1, 4}, Rounds: 5, Duration: Duration(2 * time.Second), Requests: 2000, Errors: 10, Body: 65536}, Requests: 1234,
		Ways: []MeasuredWay{
			{Name: "direct", About: "the kubeconfig's credential", Load: "api", Runs: []MeasuredRun{run(1, 500, nil), run(4, 900, nil)}},
			{Name: "kubectl-proxy", About: "a kubectl proxy", Load: "api", Runs: []MeasuredRun{run(1, 950, &Comparison{"direct", Spread{1.9, 1.7, 2.2}, Spread{450, 400, 500}})}, Stopped: "10 requests failed: EOF"},
			{Name: "pod", About: "from a pod", Load: "transfer", NotApplicable: "start no pods"},
			{Name: "node-port", About: "a port", Load: "transfer", Runs: []MeasuredRun{run(1, 400, nil)}},
		},
	}
}

func TestLoadMeasurement(t *testing.T) {
	raw, err := measurement().JSON()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ways.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := LoadMeasurement(path)
	if err != nil || !reflect.DeepEqual(got, measurement()) {
		t.Errorf("%v: %+v", err, got)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), `it is a "Measurement"`) {
		t.Errorf("as the report of a run: %v", err)
	}
	if err := os.WriteFile(path, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadMeasurement(path); !errors.Is(err, ErrCutShort) {
		t.Errorf("half of it: %v", err)
	}
}

func TestMeasurementTable(t *testing.T) {
	var out strings.Builder
	if err := measurement().WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range [][]string{
		{"LOAD", "WAY", "AT A TIME", "P50 BY HOP"},
		{"api", "direct", "0.50ms", "1000", "dial 0.09ms (2 of 100), first byte 0.49ms"},
		{"api", "direct", "0.90ms"},
		{"api", "kubectl-proxy", "×1.90 (1.70–2.20) of direct, +0.45ms"},
		{"api", "kubectl-proxy", "stopped: 10 requests failed: EOF"},
		{"transfer", "pod", "not applicable: start no pods"},
		{"transfer", "node-port", "5.0 MB"},
	} {
		for _, text := range want {
			if !strings.Contains(lines[i], text) {
				t.Errorf("line %q has no %q", lines[i], text)
			}
		}
	}
	if !strings.Contains(out.String(), "closed loop") {
		t.Error("nobody is told that the loop is closed")
	}
}

func TestMeasurementHTML(t *testing.T) {
	m := measurement()
	if n := len(m.Figures()); n != 4 {
		t.Errorf("%d figures of two loads", n)
	}
	page, err := m.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg class=", "api: latency by percentile, 1 at a time", "not applicable: start no pods", "Ways into demo"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q on the page", want)
		}
	}
	m.Ways = m.Ways[2:3]
	if n := len(m.Figures()); n != 0 {
		t.Errorf("%d figures of nothing", n)
	}
}
