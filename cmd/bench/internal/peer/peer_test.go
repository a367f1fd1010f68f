package peer

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
	"github.com/inroads-k8s/inroads/framework/harness"
)

func TestPairsAreOfClaimsOfTheCoreProfile(t *testing.T) {
	focus, seen := regexp.MustCompile(Focus), map[catalog.ID]bool{}
	for _, p := range Pairs() {
		claim, err := catalog.Lookup(p.Claim)
		if err != nil {
			t.Error(err)
		} else if !(harness.Options{}).Selects(claim) {
			t.Errorf("%s is not in the core profile", p.Claim)
		}
		if seen[p.Claim] {
			t.Errorf("%s is in two pairs", p.Claim)
		}
		seen[p.Claim] = true
		if !focus.MatchString(p.Upstream) {
			t.Errorf("the benchmark does not run %q", p.Upstream)
		}
		if !regexp.MustCompile(p.Focus()).MatchString(p.Upstream) {
			t.Errorf("the focus of %q does not match it", p.Upstream)
		}
		if (p.Wait > 0) != (p.Why != "") || p.Both == "" {
			t.Errorf("the pair of %s does not say what it compares", p.Claim)
		}
	}
}

// listed are the lines of e2e.test --list-tests: where a spec is, and its text.
var listed = regexp.MustCompile(`^\s*\S+:\d+: (.*)$`)

func TestEachPairIsOneSpecOfUpstreams(t *testing.T) {
	e := upstream(t)
	cmd := exec.CommandContext(t.Context(), e.Test, "--list-tests")
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for line := range strings.Lines(string(out)) {
		if m := listed.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			texts = append(texts, m[1])
		}
	}
	for _, p := range Pairs() {
		focus, found := regexp.MustCompile(p.Focus()), 0
		for _, text := range texts {
			if focus.MatchString(text) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("of %d specs, %d are %q", len(texts), found, p.Upstream)
		}
	}
}

// upstream returns upstream's tests, and skips the test where they are not built.
func upstream(t *testing.T) nodeimage.E2E {
	t.Helper()
	e, there, err := Lookup(context.WithoutCancel(t.Context()), nodeimage.Options{})
	if err != nil {
		t.Skipf("upstream's tests cannot be built here: %v", err)
	}
	if !there {
		t.Skip("upstream's tests are not built; 'make bench' builds them")
	}
	return e
}

func TestPinsAreOfTheirVersion(t *testing.T) {
	folders, err := pins.ReadDir("pins")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if _, err := pinsOf(f.Name()); err != nil {
			t.Error(err)
		}
		data, err := pins.ReadFile("pins/" + f.Name() + "/go.mod.txt")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), "\tk8s.io/kubernetes "+f.Name()+"\n") {
			t.Errorf("the pins of %s are of another version", f.Name())
		}
	}
}

func TestReadJUnit(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("junit_01.xml", `<testsuites><testsuite name="e2e">
<testcase name="[SynchronizedBeforeSuite]" time="1"></testcase>
<testcase name="[It] [sig-network] Proxy version v1 a [Conformance]" time="2.5"></testcase>
<testcase name="[It] [sig-network] Proxy version v1 b" time="3"><failure type="failed">first line
second</failure></testcase>
<testcase name="[It] [sig-network] Services" time="0"><skipped message="skipped"></skipped></testcase>
</testsuite></testsuites>`)
	got, err := Report(dir)
	want := []samples.Spec{
		{Name: "[sig-network] Proxy version v1 a [Conformance]", Seconds: 2.5, State: samples.Passed},
		{Name: "[sig-network] Proxy version v1 b", Seconds: 3, State: samples.Failed, Why: "first line"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("upstream's: %+v, %v", got, err)
	}
	got, err = ReadJUnit(write("ours.xml", `<testsuites tests="3"><testsuite name="inroads">
<testcase name="aap/ca-path" classname="pod" time="1.2"></testcase>
<testcase name="aap/dns-name" classname="pod" time="2"><error message="the API server said 429" type="inconclusive"></error></testcase>
<testcase name="aap/env-vars" classname="pod"><skipped message="not applicable: no pods"></skipped></testcase>
</testsuite></testsuites>`))
	want = []samples.Spec{
		{Name: "aap/ca-path", Seconds: 1.2, State: samples.Passed},
		{Name: "aap/dns-name", Seconds: 2, State: samples.Failed, Why: "the API server said 429"},
		{Name: "aap/env-vars", State: samples.Skipped, Why: "not applicable: no pods"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ours: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "<testsuites></testsuites>", "nothing"} {
		if _, err := ReadJUnit(write("bad.xml", bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
