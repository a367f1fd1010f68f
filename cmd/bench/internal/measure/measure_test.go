package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/fault"
	"github.com/inroads-k8s/inroads/framework/harness"
)

func TestReadyAfter(t *testing.T) {
	file := filepath.Join(t.TempDir(), outputFile)
	text := `kind: Ensuring node image
cluster: cluster "bench-made" is ready: Kubernetes v1.37.2, nodes: 2; made in 17.5s, ready 2.1s later
specs: proving 97 claims, 4 at a time
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readyAfter(file); err != nil || got != 19600*time.Millisecond {
		t.Errorf("ready after %s, %v", got, err)
	}
	if err := os.WriteFile(file, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readyAfter(file); err == nil {
		t.Error("a run that made no cluster has one that is ready")
	}
}

func TestSpread(t *testing.T) {
	got := spread(harness.Options{}.Selected(), tenClaims)
	if len(got) != tenClaims || len(slices.Compact(slices.Clone(got))) != tenClaims {
		t.Errorf("ten claims: %v", got)
	}
	if got := spread(harness.Options{}.Selected()[:3], tenClaims); len(got) != 3 {
		t.Errorf("of three: %v", got)
	}
}

func TestWhatIsRunIsThere(t *testing.T) {
	if _, err := catalog.Lookup(oneClaim); err != nil {
		t.Error(err)
	}
	if c, _ := catalog.Lookup(oneClaim); slices.Contains(c.Needs, catalog.Pods) {
		t.Errorf("%s starts pods", oneClaim)
	}
	for _, name := range matrixFaults {
		if !slices.ContainsFunc(fault.All(), func(f fault.Fault) bool { return f.Name == name }) {
			t.Errorf("there is no fault %q", name)
		}
	}
}

func TestExperimentsOfFigures(t *testing.T) {
	dir := t.TempDir()
	arms := func(figures ...string) (names []string) {
		log, err := samples.Open(filepath.Join(dir, strings.Join(figures, "")), samples.Setup{})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{Options: Options{Rounds: 5, Figures: figures, Procs: 4}, log: log}
		for _, e := range b.experiments() {
			for _, a := range e.arms {
				names = append(names, e.name+" "+a.name)
			}
		}
		return names
	}
	for _, c := range []struct {
		figures []string
		want    []string
	}{
		{[]string{"a"}, []string{"made floor", "made inroads"}},
		{[]string{"b"}, []string{"warm core-4", "warm pairs", "warm upstream"}},
		{[]string{"b", "f"}, []string{"warm core-1", "warm core-2", "warm core-4", "warm core-8", "warm pairs", "warm upstream"}},
		{[]string{"c"}, []string{"faults matrix"}},
		{[]string{"d"}, []string{"warm list", "warm doctor", "warm dry-run", "warm one-claim"}},
		{[]string{"e"}, []string{"cost core-4"}},
		{[]string{"g"}, []string{"made floor", "made inroads"}},
		{[]string{"h"}, []string{"warm core-4", "warm ten"}},
	} {
		if got := arms(c.figures...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v", c.figures, got)
		}
	}
}

func TestRoundsThatAreOpen(t *testing.T) {
	log, err := samples.Open(t.TempDir(), samples.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []samples.Sample{
		{Experiment: "e", Arm: "a", Round: 1}, {Experiment: "e", Arm: "b", Round: 1}, {Experiment: "e", Arm: "a", Round: 2},
		{Experiment: "e", Arm: "a", Round: 3}, {Experiment: "e", Arm: "b", Round: 3, Failure: "it broke"},
	} {
		if err := log.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{Options: Options{Rounds: 4}, log: log}
	e := experiment{name: "e", arms: []arm{{name: "a"}, {name: "b"}}}
	if got := b.open(e); !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("open: %v", got)
	}
	if e.most = 2; !slices.Equal(b.open(e), []int{2}) {
		t.Errorf("open of two: %v", b.open(e))
	}
}

func TestCount(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line := func(after time.Duration, user, agent, verb, uri, object string) string {
		return fmt.Sprintf(`{"verb":%q,"requestURI":%q,"userAgent":%q,"user":{"username":%q},%s"responseStatus":{"code":201},"stageTimestamp":%q}`,
			verb, uri, agent, user, object, at.Add(after).Format(time.RFC3339Nano)) + "\n"
	}
	pod := `"objectRef":{"resource":"pods"},`
	var log string
	// Polling, with a row that ends.
	for _, after := range []time.Duration{0, 500, 1000, 1500, 9000} {
		log += line(after*time.Millisecond, "admin", "inroads.test/v1 (linux)", "get", "/api/v1/namespaces/a/pods/x", pod)
	}
	// Not polling: too slow, too few, another object, a proxy, a watch, no object.
	for _, after := range []time.Duration{0, 2000, 4000, 6000} {
		log += line(after*time.Millisecond, "admin", "kubectl/v1", "list", "/api/v1/pods", pod)
	}
	for i := range 4 {
		log += line(0, "admin", "curl/8", "get", fmt.Sprintf("/api/v1/namespaces/a/pods/%d", i), pod)
		log += line(0, "admin", "curl/8", "get", "/api/v1/namespaces/a/pods/x/proxy", `"objectRef":{"resource":"pods","subresource":"proxy"},`)
		log += line(0, "admin", "curl/8", "watch", "/api/v1/pods", pod)
		log += line(0, "admin", "curl/8", "get", "/version?timeout=1s", "")
	}
	// The cluster's own.
	log += line(0, "system:kube-scheduler", "kube-scheduler/v1", "create", "/api/v1/namespaces/a/pods/x/binding", `"objectRef":{"resource":"pods","subresource":"binding"},`)
	log += line(0, "system:node:one", "kubelet/v1", "get", "/api/v1/namespaces/a/pods/x", pod)

	s := samples.Sample{Values: map[string]float64{}}
	if err := count(log+`{"verb":"ge`, &s); err != nil {
		t.Fatal(err)
	}
	if s.Values["requests"] != 25 || s.Values["polled"] != 3 || s.Values["pods"] != 1 {
		t.Errorf("counted %v", s.Values)
	}
	want := map[string]map[string]int{
		CountRequests: {"get pods": 9, "list pods": 4, "get pods/proxy": 4, "watch pods": 4, "get /version": 4},
		CountPolled:   {"inroads.test get pods": 3},
		CountAgents:   {"inroads.test": 5, "kubectl": 4, "curl": 16},
	}
	if !reflect.DeepEqual(s.Counts, want) {
		t.Errorf("counts %v", s.Counts)
	}
	for _, bad := range []string{"", "nothing", "nothing\n", line(0, "system:apiserver", "x", "get", "/", "")} {
		if err := count(bad, &s); err == nil {
			t.Errorf("%q is counted", bad)
		}
	}
}

func TestAuditConfigNamesThePolicy(t *testing.T) {
	dir := t.TempDir()
	if err := writeAudit(dir); err != nil {
		t.Fatal(err)
	}
	o, err := harness.KindOptions(harness.Options{ClusterName: costCluster, KindConfig: filepath.Join(dir, auditCluster)}, t.TempDir(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(o.Config), filepath.Join(dir, auditPolicy)) {
		t.Errorf("the configuration does not name the policy:\n%s", o.Config)
	}
}
