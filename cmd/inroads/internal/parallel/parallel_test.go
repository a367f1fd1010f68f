package parallel_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"golang.org/x/sys/unix"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

// The suite below runs in child processes of this test binary, which takes the
// place of the inroads binary.
const (
	envArtifacts = "INROADS_TEST_ARTIFACTS"
	envScenario  = "INROADS_TEST_SCENARIO"
	envCleaned   = "INROADS_TEST_CLEANED"
	envHere      = "INROADS_TEST_HERE"

	scenarioVerdicts  = "verdicts"
	scenarioInterrupt = "interrupt"
	scenarioCrash     = "crash"
)

var tiny = []catalog.Claim{
	{ID: "tiny/fails", Path: "tiny", Level: catalog.Core, Sentence: "this one is false"},
	{ID: "tiny/passes", Path: "tiny", Level: catalog.Core, Sentence: "this one holds"},
	{ID: "tiny/waits", Path: "tiny", Level: catalog.Core, Sentence: "this one waits"},
}

func TestMain(m *testing.M) {
	if code, ok := parallel.Child(tinySuite); ok {
		os.Exit(code)
	}
	if log := os.Getenv(envHere); log != "" {
		os.Exit(runHere(log))
	}
	os.Exit(m.Run())
}

// runHere is a program that runs the suite in its one process. A process can
// run a suite once, so the test itself cannot.
func runHere(path string) int {
	log, err := os.Create(path)
	if err != nil {
		return 1
	}
	if err := parallel.Run(context.Background(), parallel.Options{Procs: 1, Log: log, Env: []string{envScenario + "=" + scenarioVerdicts}}, tinySuite); err != nil {
		return 1
	}
	return 0
}

func TestOneProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), envHere+"="+log, envArtifacts+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("running in one process: %v, and it printed:\n%s", err, out)
	}
	report, err := reports.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts(report)
	if got["tiny/fails"] != catalog.Disproven || got["tiny/passes"] != catalog.Proven {
		t.Errorf("verdicts: %v", got)
	}
	raw, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(raw), "it is false") {
		t.Errorf("the log lacks what Ginkgo said (%v):\n%s", err, raw)
	}
}

func tinySuite(t ginkgo.GinkgoTestingT) bool {
	switch os.Getenv(envScenario) {
	case scenarioVerdicts:
		spec(tiny[0], func(ginkgo.SpecContext) { ginkgo.Fail("it is false") })
		spec(tiny[1], func(ginkgo.SpecContext) {
			ginkgo.AddReportEntry(reports.EntryName, reports.Entry{Claim: tiny[1].ID, Steps: []reports.Step{{What: "asking", Outcome: catalog.Reached}}})
		})
	case scenarioInterrupt:
		for _, c := range tiny[:2] {
			spec(c, func(ctx ginkgo.SpecContext) {
				ginkgo.DeferCleanup(func() error {
					f, err := os.CreateTemp(os.Getenv(envCleaned), "cleaned-")
					if err != nil {
						return err
					}
					return f.Close()
				})
				say(reports.Event{Claim: c.ID, Reason: "started"})
				<-ctx.Done()
			})
		}
	case scenarioCrash:
		spec(tiny[0], func(ginkgo.SpecContext) { os.Exit(7) })
		spec(tiny[1], func(ginkgo.SpecContext) {})
	}
	ginkgo.ReportAfterEach(func(r ginkgo.SpecReport) { say(reports.EventOf(r)) })
	ginkgo.ReportAfterSuite("report", func(r ginkgo.Report) {
		if err := reports.Write(os.Getenv(envArtifacts), reports.FromGinkgo(r, reports.Meta{Claims: tiny})); err != nil {
			panic(err)
		}
	})
	return ginkgo.RunSpecs(t, "tiny")
}

func spec(c catalog.Claim, body func(ginkgo.SpecContext)) {
	ginkgo.It(string(c.ID)+": "+c.Sentence, body)
}

func say(e reports.Event) {
	if err := reports.AppendEvent(os.Getenv(reports.EnvEvents), e); err != nil {
		panic(err)
	}
}

// listen returns the path of a FIFO, and a channel of the events on it that is
// closed when the test ends it with done.
func listen(t *testing.T) (path string, events <-chan reports.Event, done func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "events")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	keep, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan reports.Event, 16)
	go func() {
		defer close(out)
		defer func() { _ = r.Close() }()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var e reports.Event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				out <- e
			}
		}
	}()
	return path, out, sync.OnceFunc(func() { _ = keep.Close() })
}

func verdicts(r reports.Report) map[catalog.ID]catalog.Verdict {
	out := map[catalog.ID]catalog.Verdict{}
	for _, c := range r.Claims {
		out[c.ID] = c.Verdict
	}
	return out
}

func TestTwoProcesses(t *testing.T) {
	artifacts, cleaned := t.TempDir(), t.TempDir()
	tests := []struct {
		scenario string
		// stop interrupts the run once both specs have begun.
		stop     bool
		want     map[catalog.ID]catalog.Verdict
		wantLog  string
		noReport bool
	}{
		{
			scenario: scenarioVerdicts,
			want:     map[catalog.ID]catalog.Verdict{"tiny/fails": catalog.Disproven, "tiny/passes": catalog.Proven, "tiny/waits": catalog.Skipped},
			wantLog:  "Running in parallel across 2 processes",
		},
		{
			scenario: scenarioInterrupt,
			stop:     true,
			want:     map[catalog.ID]catalog.Verdict{"tiny/fails": catalog.Inconclusive, "tiny/passes": catalog.Inconclusive, "tiny/waits": catalog.Inconclusive},
			wantLog:  "INTERRUPTED",
		},
		{scenario: scenarioCrash, noReport: true, wantLog: "Ginkgo timed out waiting for all parallel procs to report back"},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			path, events, done := listen(t)
			defer done()
			dir := filepath.Join(artifacts, tt.scenario)
			var log bytes.Buffer
			ended := make(chan error, 1)
			go func() {
				ended <- parallel.Run(ctx, parallel.Options{Procs: 2, Dir: t.TempDir(), Log: &log, Env: []string{
					envScenario + "=" + tt.scenario, envArtifacts + "=" + dir, envCleaned + "=" + cleaned, reports.EnvEvents + "=" + path,
				}}, tinySuite)
			}()
			if tt.stop {
				<-events
				<-events
				cancel()
			}
			if err := <-ended; err != nil {
				t.Fatalf("Run: %v\n%s", err, log.String())
			}
			done()
			if !strings.Contains(log.String(), tt.wantLog) {
				t.Errorf("the log does not say %q:\n%s", tt.wantLog, log.String())
			}
			report, err := reports.Load(dir)
			if tt.noReport {
				if err == nil {
					t.Errorf("there is a report, of %v", verdicts(report))
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			got := verdicts(report)
			for id, want := range tt.want {
				if got[id] != want {
					t.Errorf("verdict of %q: %q, want %q", id, got[id], want)
				}
			}
			if report.Interrupted != tt.stop {
				t.Errorf("interrupted: %v, want %v", report.Interrupted, tt.stop)
			}
			heard := map[catalog.ID]catalog.Verdict{}
			for e := range events {
				heard[e.Claim] = e.Verdict
			}
			if heard["tiny/fails"] != tt.want["tiny/fails"] || heard["tiny/passes"] != tt.want["tiny/passes"] {
				t.Errorf("events tell %v", heard)
			}
		})
	}
	left, err := os.ReadDir(cleaned)
	if err != nil || len(left) != 2 {
		t.Errorf("%d of 2 interrupted specs cleaned up (%v)", len(left), err)
	}
}
