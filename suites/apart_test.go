package suites_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// reportOf is what is read of the report of a run.
type reportOf struct {
	Claims []verdictOf `json:"claims"`
	// CleanUpFailure is what the run could not remove, or "".
	CleanUpFailure string `json:"cleanUpFailure"`
}

// verdictOf is what a run says of one claim.
type verdictOf struct {
	ID      catalog.ID      `json:"id"`
	Verdict catalog.Verdict `json:"verdict"`
	Reason  string          `json:"reason"`
}

// proveApart proves the claims of the options in a process of its own, in each of
// which suites can be run once.
func proveApart(t *testing.T, o harness.Options) (report reportOf) {
	t.Helper()
	o.Artifacts = t.TempDir()
	environ, err := o.Environ()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuites$")
	cmd.Env = append(os.Environ(), environ)
	out, _ := cmd.CombinedOutput() // the report tells
	raw, err := os.ReadFile(filepath.Join(o.Artifacts, "report.json"))
	if err != nil {
		t.Fatalf("there is no report: %v\n%s", err, out)
	}
	must(t, json.Unmarshal(raw, &report))
	if len(report.Claims) != len(o.Claims) {
		t.Fatalf("the report has %d claims, want %d\n%s", len(report.Claims), len(o.Claims), out)
	}
	return report
}
