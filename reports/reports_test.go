package reports_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2/reporters"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	started  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	finished = started.Add(95 * time.Second)
)

func claim(id catalog.ID) catalog.Claim {
	return catalog.Claim{
		ID: id, Path: catalog.PathKubectl, Level: catalog.Core, Sentence: "the claim " + string(id) + " holds",
		Source: catalog.Source{Page: "tasks/access-application-cluster/access-cluster", Section: "api", Version: "v1.23"},
		Expect: catalog.Reached,
	}
}

func meta(claims ...catalog.Claim) reports.Meta {
	return reports.Meta{
		Version: "v0.0.0-test", Started: started, Finished: finished, Claims: claims,
		Clusters: []reports.Cluster{{Name: "two", Provider: "kind", KubernetesVersion: "v1.37.2", Nodes: 2}, {Name: "one", Provider: "existing", KubernetesVersion: "v1.36.0", Nodes: 1}},
	}
}

// spec returns the report of the spec of a claim, as Ginkgo has it in the
// process where it ran.
func spec(id catalog.ID, state types.SpecState, failure types.Failure, entries ...reports.Entry) types.SpecReport {
	s := types.SpecReport{
		LeafNodeType: types.NodeTypeIt, LeafNodeText: string(id) + ": its sentence", State: state,
		RunTime: 1234567 * time.Microsecond, Failure: failure,
	}
	for _, e := range entries {
		s.ReportEntries = append(s.ReportEntries, types.ReportEntry{Name: reports.EntryName, Value: types.WrapEntryValue(e)})
	}
	return s
}

// travelled returns the spec as it arrives from another process.
func travelled(t *testing.T, s types.SpecReport) types.SpecReport {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var out types.SpecReport
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFromGinkgo(t *testing.T) {
	const id = catalog.ID("group/name")
	deviating := claim(id)
	deviating.Deviation = "something else"
	inBody := types.Failure{Message: "it is false", FailureNodeType: types.NodeTypeIt}
	brokenSetup := types.SpecReport{LeafNodeType: types.NodeTypeSynchronizedBeforeSuite, State: types.SpecStateFailed, Failure: types.Failure{Message: "no cluster"}}
	tests := []struct {
		name        string
		claim       catalog.Claim
		specs       []types.SpecReport
		suite       []string
		want        catalog.Verdict
		wantReason  string
		wantHop     catalog.Hop
		wantResult  reports.Result
		wantDeviate bool
		interrupted bool
	}{
		{name: "passed", specs: []types.SpecReport{spec(id, types.SpecStatePassed, types.Failure{}, reports.Entry{Claim: id, Hop: catalog.HopTLS})}, want: catalog.Proven, wantResult: reports.Complete},
		{name: "passed against the page", claim: deviating, specs: []types.SpecReport{spec(id, types.SpecStatePassed, types.Failure{})}, want: catalog.Proven, wantDeviate: true, wantResult: reports.Complete},
		{name: "failed", specs: []types.SpecReport{spec(id, types.SpecStateFailed, inBody, reports.Entry{Claim: id, Hop: catalog.HopTLS, Code: "A-TLS-02"})}, want: catalog.Disproven, wantReason: "it is false", wantHop: catalog.HopTLS, wantResult: reports.Complete},
		{name: "failed with a reason of its own", specs: []types.SpecReport{spec(id, types.SpecStateFailed, inBody, reports.Entry{Claim: id, Reason: "TLS refused"})}, want: catalog.Disproven, wantReason: "TLS refused", wantResult: reports.Complete},
		{name: "failed without an entry", specs: []types.SpecReport{spec(id, types.SpecStateFailed, inBody)}, want: catalog.Disproven, wantReason: "it is false", wantResult: reports.Complete},
		{name: "deviation failed", claim: deviating, specs: []types.SpecReport{spec(id, types.SpecStateFailed, inBody)}, want: catalog.Disproven, wantReason: "it is false", wantResult: reports.Complete},
		{name: "timed out", specs: []types.SpecReport{spec(id, types.SpecStateTimedout, inBody)}, want: catalog.Disproven, wantReason: "it is false", wantResult: reports.Complete},
		{name: "panicked", specs: []types.SpecReport{spec(id, types.SpecStatePanicked, types.Failure{Message: "Test Panicked", ForwardedPanic: "nil map"})}, want: catalog.Inconclusive, wantReason: "the spec panicked: nil map", wantResult: reports.Partial},
		{name: "clean-up failed", specs: []types.SpecReport{spec(id, types.SpecStateFailed, types.Failure{Message: "still there", FailureNodeType: types.NodeTypeCleanupAfterEach})}, want: catalog.Inconclusive, wantReason: "DeferCleanup (Each): still there", wantResult: reports.Partial},
		{name: "could not tell", specs: []types.SpecReport{spec(id, types.SpecStateFailed, inBody, reports.Entry{Claim: id, Verdict: catalog.Inconclusive, Reason: "no namespace"})}, want: catalog.Inconclusive, wantReason: "no namespace", wantResult: reports.Partial},
		{name: "not applicable", specs: []types.SpecReport{spec(id, types.SpecStateSkipped, types.Failure{Message: "needs pods"}, reports.Entry{Claim: id, Verdict: catalog.NotApplicable, Reason: "needs pods: none"})}, want: catalog.NotApplicable, wantReason: "needs pods: none", wantResult: reports.Complete},
		{name: "skipped with a reason", specs: []types.SpecReport{spec(id, types.SpecStateSkipped, types.Failure{Message: "not today"})}, want: catalog.Skipped, wantReason: "not today", wantResult: reports.Partial},
		{name: "not run", specs: []types.SpecReport{spec(id, types.SpecStateSkipped, types.Failure{})}, want: catalog.Skipped, wantReason: "its spec did not run", wantResult: reports.Partial},
		{name: "no spec", want: catalog.Skipped, wantReason: "no spec of this build proves it", wantResult: reports.Partial},
		{name: "set-up failed", specs: []types.SpecReport{brokenSetup, spec(id, types.SpecStateSkipped, types.Failure{})}, want: catalog.Inconclusive, wantReason: "setting up the specs: no cluster", wantResult: reports.Partial},
		{name: "interrupted", specs: []types.SpecReport{spec(id, types.SpecStateInterrupted, types.Failure{Message: "Interrupted by User"}, reports.Entry{Claim: id, Reason: "the proxy died"})}, want: catalog.Inconclusive, wantReason: "interrupted", wantResult: reports.Partial, interrupted: true},
		{name: "not run for an interrupt", specs: []types.SpecReport{spec(id, types.SpecStateSkipped, types.Failure{})}, suite: []string{"Interrupted by User"}, want: catalog.Inconclusive, wantReason: "interrupted", wantResult: reports.Partial, interrupted: true},
		{name: "the worst of two", specs: []types.SpecReport{spec(id, types.SpecStateFailed, inBody), spec(id, types.SpecStatePassed, types.Failure{})}, want: catalog.Disproven, wantReason: "it is false", wantResult: reports.Complete},
	}
	for _, tt := range tests {
		for _, far := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, far %v", tt.name, far), func(t *testing.T) {
				g := types.Report{SpecialSuiteFailureReasons: tt.suite}
				for _, s := range tt.specs {
					if far {
						s = travelled(t, s)
					}
					g.SpecReports = append(g.SpecReports, s)
				}
				// Another claim's spec is nobody's business here.
				g.SpecReports = append(g.SpecReports, spec("other/claim", types.SpecStateFailed, inBody))
				c := tt.claim
				if c.ID == "" {
					c = claim(id)
				}
				r := reports.FromGinkgo(g, meta(c))
				if len(r.Claims) != 1 {
					t.Fatalf("%d claims, want the selected one", len(r.Claims))
				}
				got := r.Claims[0]
				if got.Verdict != tt.want || got.Reason != tt.wantReason || got.Hop != tt.wantHop || got.Deviates != tt.wantDeviate {
					t.Errorf("verdict %q, reason %q, hop %q, deviates %v; want %q, %q, %q, %v",
						got.Verdict, got.Reason, got.Hop, got.Deviates, tt.want, tt.wantReason, tt.wantHop, tt.wantDeviate)
				}
				if r.Result != tt.wantResult || r.Interrupted != tt.interrupted || r.Summary.Total() != 1 {
					t.Errorf("result %q, interrupted %v, total %d; want %q, %v, 1", r.Result, r.Interrupted, r.Summary.Total(), tt.wantResult, tt.interrupted)
				}
			})
		}
	}
}

const token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIn0.c2lnbmF0dXJlc2lnbmF0dXJl"

// sample is a report with each verdict, bytes that XML cannot have and a token.
func sample() reports.Report {
	steps := []reports.Step{
		{Hop: catalog.HopAuthn, What: "asking with the right token", Command: "curl -H 'Authorization: Bearer " + token + "' https://127.0.0.1:6443/api", Want: catalog.Reached, Outcome: catalog.Reached, Status: 200, Milliseconds: 12},
		{Hop: catalog.HopAuthn, What: "asking with the wrong token", Want: catalog.Unauthorized, Outcome: catalog.Forbidden, Status: 403, Exit: 22, Milliseconds: 7},
	}
	deviating := claim("d/deviates")
	deviating.Deviation = "the page says [::1]"
	return reports.FromGinkgo(types.Report{SpecReports: types.SpecReports{
		spec("a/proven", types.SpecStatePassed, types.Failure{}, reports.Entry{Claim: "a/proven", Steps: steps[:1]}),
		spec("b/disproven", types.SpecStateFailed, types.Failure{Message: "want Unauthorized\x00\x1b[31m\xff <&>]]> \"got\" Forbidden; token " + token, FailureNodeType: types.NodeTypeIt},
			reports.Entry{Claim: "b/disproven", Hop: catalog.HopAuthn, Code: "A-AUTHN-01", Steps: steps}),
		spec("c/inconclusive", types.SpecStateFailed, types.Failure{Message: "x", FailureNodeType: types.NodeTypeIt},
			reports.Entry{Claim: "c/inconclusive", Verdict: catalog.Inconclusive, Reason: "creating a namespace: quota"}),
		spec("d/deviates", types.SpecStatePassed, types.Failure{}, reports.Entry{Claim: "d/deviates"}),
		spec("e/not-applicable", types.SpecStateSkipped, types.Failure{}, reports.Entry{Claim: "e/not-applicable", Verdict: catalog.NotApplicable, Reason: "needs ipv6-loopback: none"}),
		spec("f/skipped", types.SpecStateSkipped, types.Failure{Message: "not today"}),
		{LeafNodeType: types.NodeTypeSynchronizedAfterSuite, State: types.SpecStateFailed, Failure: types.Failure{Message: "clearing up after the specs: namespace \"x\" is still there"}},
	}}, meta(claim("f/skipped"), claim("e/not-applicable"), deviating, claim("c/inconclusive"), claim("b/disproven"), claim("a/proven")))
}

var dead = reports.SetupFailure{Stage: "preflight", Message: "TLS refused at 127.0.0.1:6443:\x07 unknown authority (A-TLS-02)", Hop: catalog.HopTLS, Code: "A-TLS-02"}

func TestGolden(t *testing.T) {
	two := []catalog.Claim{claim("b/two"), claim("a/one")}
	tests := []struct {
		name   string
		report reports.Report
	}{
		{"verdicts", sample()},
		{"placeholder", reports.Placeholder(meta(two...))},
		{"unable", reports.Unable(meta(two...), dead)},
		{"stopped", reports.Stopped(meta(two...))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asJSON, err := tt.report.JSON()
			if err != nil {
				t.Fatal(err)
			}
			asJUnit, err := tt.report.JUnit()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(append(asJSON, asJUnit...), []byte(token)) {
				t.Error("a report has a token in it")
			}
			for name, got := range map[string][]byte{tt.name + ".json": asJSON, tt.name + ".xml": asJUnit} {
				path := filepath.Join("testdata", name)
				if *update {
					if err := os.WriteFile(path, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s differs from the golden file; look, then run 'go test ./reports -update':\n%s", path, got)
				}
			}
			checkJUnit(t, asJUnit, tt.report)
		})
	}
}

// junitSchema is what junit-10.xsd of Jenkins' xUnit plugin (jenkinsci/xunit-plugin,
// src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd) has of what we
// write: where an element stands, its attributes, and which of these it must have.
// The properties of a test case are not in it; the JUnit plugin reads them.
var junitSchema = map[string]struct{ within, attributes, required []string }{
	"testsuites": {[]string{""}, []string{"name", "time", "tests", "failures", "errors"}, nil},
	"testsuite": {[]string{"testsuites"}, []string{"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package"},
		[]string{"name", "tests", "failures", "errors"}},
	"testcase":   {[]string{"testsuite"}, []string{"name", "time", "classname", "group"}, []string{"name"}},
	"properties": {[]string{"testsuite", "testcase"}, nil, nil},
	"property":   {[]string{"properties"}, []string{"name", "value"}, []string{"name", "value"}},
	"failure":    {[]string{"testcase"}, []string{"type", "message"}, nil},
	"error":      {[]string{"testcase"}, []string{"type", "message"}, nil},
	"skipped":    {[]string{"testcase"}, []string{"type", "message"}, nil},
}

// surefireTime is that schema's form of a time.
var surefireTime = regexp.MustCompile(`^(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?$`)

// checkElement holds an element against the schema.
func checkElement(t *testing.T, parent string, e xml.StartElement) {
	t.Helper()
	schema, known := junitSchema[e.Name.Local]
	if !known || !slices.Contains(schema.within, parent) {
		t.Errorf("the schema has no %q within %q", e.Name.Local, parent)
		return
	}
	var has []string
	for _, a := range e.Attr {
		has = append(has, a.Name.Local)
		if !slices.Contains(schema.attributes, a.Name.Local) {
			t.Errorf("the schema has no attribute %q of %q", a.Name.Local, e.Name.Local)
		}
		if a.Name.Local == "time" && !surefireTime.MatchString(a.Value) {
			t.Errorf("%q is no time of the schema", a.Value)
		}
	}
	for _, name := range schema.required {
		if !slices.Contains(has, name) {
			t.Errorf("%q has no attribute %q", e.Name.Local, name)
		}
	}
}

// checkJUnit reads the XML to its end, by the schema and as Ginkgo's own type.
func checkJUnit(t *testing.T, raw []byte, r reports.Report) {
	t.Helper()
	open := []string{""}
	for d := xml.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			checkElement(t, open[len(open)-1], e)
			open = append(open, e.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	var got reporters.JUnitTestSuites
	if err := xml.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := len(r.Claims)
	if r.Setup != nil {
		want++
	}
	if r.CleanUp != "" {
		want++
	}
	if got.Tests != want || len(got.TestSuites) != 1 || len(got.TestSuites[0].TestCases) != want {
		t.Errorf("%d tests, want %d", got.Tests, want)
	}
	s := r.Summary
	if got.Failures != s.Disproven || got.TestSuites[0].Skipped != s.Skipped+s.NotApplicable {
		t.Errorf("%d failures, %d skipped; want %d, %d", got.Failures, got.TestSuites[0].Skipped, s.Disproven, s.Skipped+s.NotApplicable)
	}
}

func TestJUnitStaysSmall(t *testing.T) {
	const limit = 50_000
	var claims []catalog.Claim
	var g types.Report
	for i := range 10 {
		c := claim(catalog.ID(fmt.Sprintf("group/name-%d", i)))
		claims = append(claims, c)
		e := reports.Entry{Claim: c.ID}
		for range 20 {
			e.Steps = append(e.Steps, reports.Step{What: "asking again", Command: strings.Repeat("curl https://127.0.0.1/ ", 100), Outcome: catalog.TimedOut})
		}
		g.SpecReports = append(g.SpecReports, spec(c.ID, types.SpecStateFailed, types.Failure{Message: strings.Repeat("want this and got that\n", 1000), FailureNodeType: types.NodeTypeIt}, e))
	}
	raw, err := reports.FromGinkgo(g, meta(claims...)).JUnit()
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) > limit {
		t.Errorf("%d bytes for 10 claims, want at most %d", len(raw), limit)
	}
}

func TestWriteAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	for _, r := range []reports.Report{reports.Placeholder(meta(claim("a/one"))), sample()} {
		if err := reports.Write(dir, r); err != nil {
			t.Fatal(err)
		}
		got, err := reports.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := got.JSON()
		b, _ := r.JSON()
		if !bytes.Equal(a, b) {
			t.Errorf("loaded\n%s\nwrote\n%s", a, b)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v (%v), want 0644", f.Name(), info.Mode(), err)
		}
	}
	if len(files) != 4 {
		t.Errorf("%d files, want the report in its four formats alone: %v", len(files), files)
	}
}

// TestLoadRefuses has one clear line for each file that is no report.
func TestLoadRefuses(t *testing.T) {
	whole, err := sample().JSON()
	if err != nil {
		t.Fatal(err)
	}
	as := func(version string) string { return strings.Replace(string(whole), reports.APIVersion, version, 1) }
	for name, tt := range map[string]struct{ content, want string }{
		"another kind":         {`{"apiVersion":"v1","kind":"Pod"}`, `it is a "Pod" of "v1", not a "Report" of "inroads.dev/v1alpha1"`},
		"another kind of ours": {`{"apiVersion":"inroads.dev/v1alpha1","kind":"FaultMatrix"}`, `it is a "FaultMatrix" of`},
		"no kind":              {`{"a":1}`, "it is no report: it has no apiVersion and kind"},
		"a list":               {`[1]`, "cannot unmarshal array"},
		"no JSON":              {"x", "it is no JSON at byte 1"},
		"HTML":                 {"<!DOCTYPE html>", "it is XML or HTML; a report is JSON, report.json"},
		"empty":                {" \n", "it is empty"},
		"cut short":            {string(whole[:len(whole)/2]), fmt.Sprintf("it is cut short: it ends after %d bytes", len(whole)/2)},
		"newer":                {as("inroads.dev/v1"), `it is of a newer version: "inroads.dev/v1"; this inroads reads "inroads.dev/v1alpha1"`},
		"newer alpha":          {as("inroads.dev/v1alpha2"), "it is of a newer version"},
		"older":                {as("inroads.dev/v1alpha0"), "it is of an older version"},
		"a duration in days":   {strings.Replace(string(whole), `"1.235s"`, `"1d"`, 1), "reading a duration"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, reports.JSONFile)
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, file} {
				_, err := reports.Load(path)
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want one line with %q and the file", err, tt.want)
				}
			}
		})
	}
	if _, err := reports.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
}

// TestLoadIgnoresUnknownFields reads a report of a later inroads with the same
// version of the type.
func TestLoadIgnoresUnknownFields(t *testing.T) {
	raw, err := sample().JSON()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "other-name.json")
	raw = bytes.Replace(raw, []byte(`"kind": "Report",`), []byte(`"kind": "Report", "later": {"a": [1]},`), 1)
	raw = bytes.Replace(raw, []byte(`"level": "core",`), []byte(`"level": "core", "later": true,`), 1)
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := reports.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := got.JSON()
	want, _ := sample().JSON()
	if !bytes.Equal(again, want) {
		t.Errorf("read\n%s\nwant\n%s", again, want)
	}
}

func TestAppendEvent(t *testing.T) {
	// A pipe takes this much in one piece, whoever else writes to it.
	const atomic = 4096
	dir := t.TempDir()
	file, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "fifo")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	e := reports.EventOf(spec("a/one", types.SpecStateFailed, types.Failure{Message: strings.Repeat("\x01", 5000) + token, FailureNodeType: types.NodeTypeIt}))
	for name, tt := range map[string]struct {
		path    string
		wantErr bool
	}{
		"nobody asked":         {"", false},
		"a FIFO nobody reads":  {fifo, false},
		"a file":               {file, false},
		"a file that is there": {file, false},
		"no such file":         {filepath.Join(dir, "none"), true},
	} {
		if err := reports.AppendEvent(tt.path, e); (err != nil) != tt.wantErr {
			t.Errorf("%s: error %v, want one: %v", name, err, tt.wantErr)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if e := reports.EventOf(spec("a/one", types.SpecStateSkipped, types.Failure{})); e != (reports.Event{}) {
		t.Errorf("a spec that did not run tells %+v", e)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(raw), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2", len(lines))
	}
	for _, line := range lines {
		var got reports.Event
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Claim != "a/one" || got.Verdict != catalog.Disproven {
			t.Errorf("read %+v (%v)", got, err)
		}
		if len(line) > atomic {
			t.Errorf("%d bytes in one event, want at most %d", len(line), atomic)
		}
	}
}
