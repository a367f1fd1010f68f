package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

// written returns the artifacts folder of a report of the first claims, all with
// the verdict.
func written(t *testing.T, v catalog.Verdict) string {
	t.Helper()
	r := reports.Placeholder(reports.Meta{Claims: catalog.Claims()[:3]})
	r.Result = reports.Complete
	for i := range r.Claims {
		r.Claims[i].Verdict, r.Claims[i].Reason = v, ""
	}
	dir := t.TempDir()
	if err := reports.Write(dir, reports.Merge([]reports.Report{r})); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReportShow(t *testing.T) {
	dir := written(t, catalog.Disproven)
	id := string(catalog.Claims()[0].ID)
	for format, begin := range map[string]string{"table": "VERDICT", "json": "{", "yaml": "apiVersion: inroads.dev/", "markdown": "## ✘", "junit": "<?xml", "html": "<!DOCTYPE html>"} {
		for _, path := range []string{dir, filepath.Join(dir, reports.JSONFile)} {
			code, stdout, stderr := try(t, "report", "show", path, "-o", format)
			if code != ExitProven || stderr != "" || !strings.HasPrefix(stdout, begin) || !strings.Contains(stdout, id) {
				t.Errorf("-o %s: exit code %d, %q: %.60s", format, code, stderr, stdout)
			}
		}
	}
	// What a run has written is what is shown.
	for format, file := range map[string]string{"json": reports.JSONFile, "junit": reports.JUnitFile, "html": reports.HTMLFile, "markdown": reports.MarkdownFile} {
		want, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if _, got, _ := try(t, "report", "show", dir, "-o", format); got != string(want) {
			t.Errorf("-o %s is not what is in %s", format, file)
		}
	}
}

func TestReportDiff(t *testing.T) {
	good, bad := written(t, catalog.Proven), written(t, catalog.Disproven)
	for _, tt := range []struct {
		before, after string
		code          int
		want          string
	}{
		{good, good, ExitProven, "no regression"},
		{bad, good, ExitProven, "3 repaired"},
		{good, bad, ExitDisproven, "3 regressions: 3 broke"},
	} {
		for _, format := range []string{"table", "markdown"} {
			code, stdout, stderr := try(t, "report", "diff", tt.before, tt.after, "-o", format)
			if code != tt.code || stderr != "" || !strings.Contains(stdout, tt.want) {
				t.Errorf("-o %s: exit code %d, want %d with %q: %q %s", format, code, tt.code, tt.want, stderr, stdout)
			}
		}
	}
	if code, stdout, _ := try(t, "report", "diff", good, bad, "-o", "json"); code != ExitDisproven || !strings.Contains(stdout, `"regressions": 3`) {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	if code, stdout, _ := try(t, "report", "diff", good, bad, "-o", "yaml"); code != ExitDisproven || !strings.Contains(stdout, "\nregressions: 3\n") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}

// TestReportRefuses ends with one line: the cause and the next step.
func TestReportRefuses(t *testing.T) {
	dir := written(t, catalog.Proven)
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, content)
		return path
	}
	cut := file("cut.json", `{"apiVersion":"inroads.dev/v1alpha1","kind":"Rep`)
	newer := file("newer.json", `{"apiVersion":"inroads.dev/v2","kind":"Report"}`)
	tests := []struct {
		args []string
		code int
		want string
	}{
		{[]string{"show", filepath.Join(dir, "none")}, ExitInconclusive, "no such file or directory; give the artifacts folder of a run, or its report.json"},
		{[]string{"show", t.TempDir()}, ExitInconclusive, "report.json: no such file or directory; give"},
		{[]string{"show", cut}, ExitInconclusive, "it is cut short: it ends after 48 bytes, within a value; copy it again"},
		{[]string{"show", newer}, ExitInconclusive, "it is of a newer version: \"inroads.dev/v2\"; this inroads reads \"inroads.dev/v1alpha1\"; read it with a newer inroads"},
		{[]string{"show", filepath.Join(dir, reports.JUnitFile)}, ExitInconclusive, "it is XML or HTML; a report is JSON, report.json; give"},
		{[]string{"diff", dir, cut}, ExitInconclusive, "it is cut short"},
		{[]string{"show"}, ExitUsage, "inroads report show takes one report, a run's artifacts folder or its report.json, and was given 0 arguments; 'inroads report show --help' tells more"},
		{[]string{"show", dir, "-o", "xml"}, ExitUsage, `no output format "xml"; there are table, json, yaml, markdown, junit and html`},
		{[]string{"diff", dir, dir, "-o", "html"}, ExitUsage, `no output format "html"; there are table, json, yaml and markdown`},
		{[]string{"diff", dir, dir, "--slower-ratio", "0.5"}, ExitUsage, "--slower-ratio is 0.5"},
		{[]string{"dif"}, ExitUsage, `unknown command "report dif"; did you mean "diff"?`},
	}
	for _, tt := range tests {
		code, stdout, stderr := try(t, append([]string{"report"}, tt.args...)...)
		if code != tt.code || stdout != "" || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, printed %q and %q; want %d and the one line %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
}
