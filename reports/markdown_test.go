package reports_test

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

// rendered is the Markdown as GitHub's readers have it.
func rendered(t *testing.T, markdown string) string {
	t.Helper()
	var out bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var (
	row  = regexp.MustCompile(`(?s)<tr>\s*(.*?)</tr>`)
	data = regexp.MustCompile(`(?s)<td>(.*?)</td>`)
	tag  = regexp.MustCompile(`<[^>]*>`)
)

// TestMarkdownIsText renders hostile texts: each comes out as it went in, in its
// own cell.
func TestMarkdownIsText(t *testing.T) {
	for _, hostile := range []string{
		"a|b||c", "`code`", "``", "*bold* and _soft_ and ~~gone~~", "[link](https://example.com)", "https://127.0.0.1:6443/a_b",
		"<script>alert(1)</script>", "<!-- -->", "a &lt; b & c", `a \| b`, "# no heading", "1 < 2 > 0", "![x](y)", "$KUBERNETES_SERVICE_HOST",
		"| --- |", `back\slash`, "`a | b`", "~tilde~", "x <br> y",
	} {
		c := reports.Claim{ID: "a/b", Path: "p", Verdict: catalog.Disproven, Reason: hostile, Kubectl: "of " + hostile, Code: "A-NONE-01", Hop: "h"}
		out := rendered(t, reports.Merge([]reports.Report{{Claims: []reports.Claim{c}}}).Markdown())
		rows := row.FindAllStringSubmatch(out, -1)
		if len(rows) != 4 {
			t.Errorf("%q: %d rows, want two heads and two rows:\n%s", hostile, len(rows), out)
			continue
		}
		var cells []string
		for _, m := range data.FindAllStringSubmatch(rows[1][1], -1) {
			cells = append(cells, html.UnescapeString(tag.ReplaceAllString(m[1], "")))
		}
		want := []string{"✘ disproven", "a/b with kubectl of " + hostile, "h A-NONE-01", hostile, "inroads explain a/b"}
		if strings.Join(cells, "¦") != strings.Join(want, "¦") {
			t.Errorf("%q: the row reads\n%q, want\n%q", hostile, cells, want)
		}
		for _, forbidden := range []string{"<a ", "<script", "<img", "<em", "<del", "<!--"} {
			if strings.Contains(out, forbidden) {
				t.Errorf("%q: %s in\n%s", hostile, forbidden, out)
			}
		}
	}
}

func TestMarkdown(t *testing.T) {
	many := reports.Unable(meta(catalog.Claims()...), dead)
	for name, tt := range map[string]struct {
		report reports.Report
		want   []string
	}{
		"verdicts": {sample(), []string{"## ✘ 2 of 6 proven, 1 disproven, 1 inconclusive, 1 skipped, 1 not applicable", "`b/disproven`", "authn A-AUTHN-01", "kubectl auth whoami", "`inroads explain A-AUTHN-01`",
			"needs ipv6-loopback: none", "Not cleaned up", "| kubectl | ✘ 2 of 6 proven"}},
		"set-up":  {many, []string{"## ? No claim was put to the test: preflight did not succeed", "preflight A-TLS-02", " claims: `", "unknown authority"}},
		"nothing": {reports.Placeholder(meta()), []string{"The run did not finish"}},
	} {
		got := tt.report.Markdown()
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
		if strings.Contains(got, token) {
			t.Errorf("%s: a token is in it", name)
		}
	}
	// One reason of all claims is told once.
	if got := many.Markdown(); strings.Count(got, "unknown authority") != 2 {
		t.Errorf("the reason is told more often than at the top and in the table:\n%s", got)
	}
}
