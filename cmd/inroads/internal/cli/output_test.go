package cli

import (
	"encoding/json"
	"encoding/xml"
	"reflect"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/reporters"
	"sigs.k8s.io/yaml"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

// TestOutputFormats proves that each verb that prints data has the same formats,
// and that YAML says what JSON does.
func TestOutputFormats(t *testing.T) {
	kubeconfig := t.TempDir() + "/none"
	for _, args := range [][]string{
		{"version"},
		{"list", "--path", "token"},
		{"list", "--advice"},
		{"explain", "aap/dns-name"},
		{"explain", "meta/last-modified"},
		{"explain", "A-TLS-02"},
		{"probe", "config-view", "--kubeconfig", kubeconfig},
		{"doctor", "--kubeconfig", kubeconfig},
	} {
		t.Run(strings.Join(args[:min(2, len(args))], " "), func(t *testing.T) {
			printed := map[string]string{}
			for _, format := range dataFormats {
				_, out, _ := try(t, append(args[:len(args):len(args)], "-o", format)...)
				if !strings.HasSuffix(out, "\n") || strings.HasSuffix(out, "\n\n") {
					t.Errorf("%s ends in %q", format, out[max(0, len(out)-10):])
				}
				printed[format] = out
			}
			var fromJSON, fromYAML any
			if err := json.Unmarshal([]byte(printed[formatJSON]), &fromJSON); err != nil {
				t.Fatalf("not JSON: %v", err)
			}
			if err := yaml.Unmarshal([]byte(printed[formatYAML]), &fromYAML); err != nil {
				t.Fatalf("not YAML: %v", err)
			}
			// How long it took differs from run to run.
			for _, v := range []any{fromJSON, fromYAML} {
				forget(v, "duration")
			}
			if fromJSON == nil || !reflect.DeepEqual(fromJSON, fromYAML) {
				t.Errorf("YAML is not JSON:\n%s\n%s", printed[formatYAML], printed[formatJSON])
			}
			lines := strings.Split(strings.TrimSpace(printed[formatMarkdown]), "\n")
			columns := strings.Count(lines[0], "|")
			if len(lines) < 3 || columns < 3 || !strings.HasPrefix(lines[1], "| --- |") {
				t.Errorf("not a table in Markdown:\n%s", printed[formatMarkdown])
			}
			for _, line := range lines {
				if strings.HasPrefix(line, "|") && strings.Count(line, "|")-strings.Count(line, `\|`) != strings.Count(lines[1], "|") && args[0] != "list" {
					t.Errorf("a row of other columns: %s", line)
				}
			}
		})
	}
}

// forget drops the field wherever it is.
func forget(v any, field string) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, field)
		for _, x := range v {
			forget(x, field)
		}
	case []any:
		for _, x := range v {
			forget(x, field)
		}
	}
}

// TestChecksAsJUnit proves that what a walk and a preflight see is a test case each,
// and that the broken one fails.
func TestChecksAsJUnit(t *testing.T) {
	// What killed runs left on this machine is none of the test's business.
	t.Setenv(cache.EnvDir, t.TempDir())
	kubeconfig := t.TempDir() + "/none"
	for _, args := range [][]string{{"probe", "kubectl", "--kubeconfig", kubeconfig}, {"doctor", "--kubeconfig", kubeconfig}} {
		_, out, _ := try(t, append(args, "-o", formatJUnit)...)
		var suites reporters.JUnitTestSuites
		if err := xml.Unmarshal([]byte(out), &suites); err != nil || len(suites.TestSuites) != 1 {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		suite := suites.TestSuites[0]
		first, last := suite.TestCases[0], suite.TestCases[len(suite.TestCases)-1]
		if suite.Failures != 1 || first.Name != "config" || first.Failure == nil || !strings.Contains(first.Failure.Description, "--kubeconfig") {
			t.Errorf("%q: the kubeconfig that is not there is %+v", args, first)
		}
		if args[0] == "probe" && last.Skipped == nil || args[0] == "doctor" && (last.Name != "leftovers" || last.Skipped != nil) {
			t.Errorf("%q: the last is %+v", args, last)
		}
	}
}
