package cli

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
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
