package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
)

var update = flag.Bool("update", false, "write the golden files")

// try runs a command line and returns its exit code and what it printed.
func try(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), Streams{Out: &out, Err: &err}, args)
	return code, out.String(), err.String()
}

func TestUsage(t *testing.T) {
	first := claimIDs()[0]
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"unknown command", []string{"rn"}, `inroads: unknown command "rn"; did you mean "run"? 'inroads --help' lists the commands`},
		{"unknown command of a group", []string{"cluster", "uup"}, `inroads: unknown command "cluster uup"; did you mean "up"? 'inroads cluster --help' lists the commands`},
		{"unknown flag", []string{"run", "--bogus"}, `inroads: unknown flag: --bogus; 'inroads run --help' lists the flags`},
		{"argument", []string{"run", "x"}, `inroads: unexpected argument "x"; 'inroads run --help' tells more`},
		{"unknown claim", []string{"run", "--claim", "no-such/claim-at-all"}, `inroads: no claim "no-such/claim-at-all"; 'inroads list' prints them`},
		{"misspelt claim", []string{"list", "--claim", first + "x"}, `inroads: no claim "` + first + `x"; did you mean "` + first + `"`},
		{"advice as a claim", []string{"run", "--claim", "meta/last-modified"}, `inroads: "meta/last-modified" is advice, which nothing can prove: it is about the page's history and not about a cluster; 'inroads explain meta/last-modified' tells more`},
		{"misspelt path", []string{"run", "--path", "kubectl-prxy"}, `inroads: no path "kubectl-prxy"; did you mean "kubectl-proxy"? 'inroads list' prints them`},
		{"unknown level", []string{"run", "--level", "basic"}, `inroads: no level "basic"; there are core, linked, extended`},
		{"unknown profile", []string{"run", "--profile", "all"}, `inroads: no profile "all"; there are core, page`},
		{"nothing selected", []string{"list", "--claim", first, "--level", "core"}, `inroads: --level core leaves none of the one claim of --claim ` + first + `; 'inroads list'`},
		{"nothing matches", []string{"list", "--match", "no such thing"}, `inroads: no claim meets --match no such thing; 'inroads list'`},
		{"nothing is left", []string{"run", "--path", "pod", "--skip", "."}, `inroads: no claim meets --skip .; 'inroads list'`},
		{"labels exclude each other", []string{"run", "--label", "path:pod", "--label", "area:kubectl"}, `inroads: no claim meets --label path:pod --label area:kubectl; 'inroads list'`},
		{"not in the profile", []string{"list", "--profile", "core", "--match", "^clb/auto-created$"}, `inroads: --profile core leaves none of the one claim of --match ^clb/auto-created$: they are proven on load-balancer; give --profile page`},
		{"not on the topology", []string{"run", "--claim", "aap/dns-name", "--topology", "ha"}, `inroads: --topology ha leaves none of the one claim of --claim aap/dns-name: they are proven on multi-node; drop --topology`},
		{"no label", []string{"run", "--skip-label", "needs:pod"}, `inroads: no label "needs:pod"; did you mean "needs:pods"`},
		{"no expression", []string{"run", "--match", "("}, `inroads: --match "(" is no regular expression: error parsing regexp: missing closing ): ` + "`(`" + `; see https`},
		{"two clusters", []string{"run", "--kubeconfig", "x", "--name", "y"}, `inroads: --name is of a cluster that inroads makes, --kubeconfig and --context are of one that is there; drop one of them`},
		{"no processes", []string{"run", "--procs", "0"}, `inroads: --procs is 0; give 1 or more`},
		{"not a number", []string{"run", "--procs", "many"}, `inroads: invalid argument "many" for "--procs" flag`},
		{"explain nothing", []string{"explain"}, `inroads: explain takes one claim or code, not 0; 'inroads list' prints the claims`},
		{"format", []string{"list", "-o", "xml"}, `inroads: no output format "xml"; there are table, json, yaml and markdown`},
		{"explain nothing known", []string{"explain", "a-tls-2"}, `inroads: no claim or code "a-tls-2"; did you mean "A-TLS-02"`},
		{"probe nothing", []string{"probe"}, `inroads: probe takes one path, not 0; there are kubectl, `},
		{"probe a misspelt path", []string{"probe", "kubectl-prxy"}, `inroads: no path "kubectl-prxy"; did you mean "kubectl-proxy"? there are kubectl, `},
		{"probe a path without a walk", []string{"probe", "kube-proxy"}, `inroads: path "kube-proxy" begins in pods of a run's own, and probe starts none; 'inroads run --path kube-proxy' proves its claims`},
		{"flag of another path", []string{"probe", "token", "--url", "http://127.0.0.1:1"}, `inroads: --url is not of path "token"; it is of kubectl-proxy`},
		{"format of probe", []string{"probe", "kubectl", "-o", "xml"}, `inroads: no output format "xml"; there are table, json, yaml, markdown and junit`},
		{"path without a slash", []string{"probe", "token", "--path", "api"}, `inroads: --path "api" does not begin with a slash`},
		{"pod without a namespace", []string{"probe", "pod", "--pod", "web-0"}, `inroads: --pod is "web-0" and not NAMESPACE/NAME`},
		{"no backend", []string{"probe", "apiserver-proxy"}, `inroads: path apiserver-proxy leads to one of --service, --pod and --node`},
		{"two backends", []string{"probe", "apiserver-proxy", "--node", "n", "--service", "a/b"}, `inroads: path apiserver-proxy leads to one of`},
		{"service without a namespace", []string{"probe", "apiserver-proxy", "--service", "web"}, `inroads: --service is "web" and not NAMESPACE/NAME[:PORT]`},
		{"impersonation without a cluster", []string{"run", "--as", "jane"}, `inroads: --as is of a cluster that is there; give --kubeconfig or --context too`},
		{"a group and nobody to impersonate", []string{"doctor", "--kubeconfig", "k", "--as-group", "g"}, `inroads: --as-group and --as-uid are of a user who is impersonated; give --as too`},
		{"no timeout", []string{"run", "--kubeconfig", "k", "--request-timeout", "-1s"}, `inroads: invalid argument "-1s" for "--request-timeout" flag: not a duration such as 10s; 'inroads run --help' lists the flags`},
		{"format of doctor", []string{"doctor", "-o", "xml"}, `inroads: no output format "xml"; there are table, json, yaml, markdown and junit`},
		{"a namespace of no cluster", []string{"run", "--namespace", "x"}, `inroads: --namespace is of a cluster that is there, and none is named; name yours with --kubeconfig or --context`},
		{"an allowance without a cluster", []string{"doctor", "--allow", "cluster-scoped"}, `inroads: --allow is of a cluster that is there, and none is named; name yours`},
		{"an unknown allowance", []string{"run", "--context", "x", "--allow", "all"}, `inroads: invalid argument "all" for "--allow" flag: there is cluster-scoped`},
		{"rights of nobody", []string{"rbac"}, `inroads: rbac takes one of --user, --group and --serviceaccount, not 0; 'kubectl auth whoami'`},
		{"rights of two", []string{"rbac", "--user", "x", "--group", "y"}, `inroads: rbac takes one of --user, --group and --serviceaccount, not 2; `},
		{"a ServiceAccount without a namespace", []string{"rbac", "--serviceaccount", "x"}, `inroads: --serviceaccount is "x" and not NAMESPACE/NAME; `},
		{"measuring a cluster of somebody's", []string{"measure", "--context", "x", "--load", "api", "--no-pods"}, `inroads: measuring makes at most 31055 requests by 5 ways, 1, 4, 16 at a time, in about 30s and at most 2m0s, and inroads did not make that cluster; give --yes where it may bear that`},
		{"an unknown load", []string{"measure", "--load", "apis"}, `inroads: no load "apis"; did you mean "api"? there are api, backend and transfer`},
		{"a way of another load", []string{"measure", "--load", "api", "--way", "node-port"}, `inroads: no way "node-port" under load api; there are direct, `},
		{"nothing at a time", []string{"measure", "--concurrency", "4,0"}, `inroads: --concurrency is [0,4]; give numbers of 1 or more`},
		{"no time to measure", []string{"measure", "--duration", "0s"}, `inroads: --duration is 0s; give more than 0`},
		{"a body too large", []string{"measure", "--body", "99999999"}, `inroads: --body is 99999999; give at most 16777216`},
		{"a drawing of no kind", []string{"measure", "--plot", "x.png"}, `inroads: --plot is "x.png"; give a file that ends in .svg or .html`},
		{"format of measure", []string{"measure", "-o", "junit"}, `inroads: no output format "junit"; there are table, json, yaml and markdown`},
		{"format of rights", []string{"rbac", "--user", "x", "-o", "table"}, `inroads: no output format "table"; there are yaml and json`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := try(t, tt.args...)
			if code != ExitUsage || stdout != "" {
				t.Errorf("exit code %d and output %q, want %d and none", code, stdout, ExitUsage)
			}
			if !strings.HasPrefix(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("printed %q, want the one line %q", stderr, tt.want)
			}
		})
	}
}

// TestPreflight proves that a way to the cluster that is broken ends the run
// with one line, and with reports that say the same.
func TestPreflight(t *testing.T) {
	dir := t.TempDir()
	notYAML := filepath.Join(dir, "not-yaml")
	write(t, notYAML, "root:x:0:0\n")
	config := func(name, server string) string {
		path := filepath.Join(dir, name)
		write(t, path, `{"apiVersion":"v1","kind":"Config","current-context":"c",
			"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
			"clusters":[{"name":"c","cluster":{"server":"`+server+`"}}],
			"users":[{"name":"u","user":{"token":"secret-token"}}]}`)
		return path
	}
	// Its certificate is of no authority that anyone trusts.
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	tests := []struct {
		name, kubeconfig, code string
	}{
		{"missing", filepath.Join(dir, "none"), "A-CONFIG-01"},
		{"not YAML", notYAML, "A-CONFIG-03"},
		// Nothing listens on port 1 of the loopback.
		{"closed port", config("closed", "https://127.0.0.1:1"), "A-DIAL-01"},
		{"unknown authority", config("stranger", stranger.URL), "A-TLS-02"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			artifacts := filepath.Join(t.TempDir(), "artifacts")
			code, _, stderr := try(t, "run", "--kubeconfig", tt.kubeconfig, "--artifacts", artifacts)
			if strings.Contains(stderr, "secret-token") {
				t.Errorf("printed the token: %s", stderr)
			}
			if code != ExitInconclusive {
				t.Errorf("exit code %d, want %d", code, ExitInconclusive)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "inroads: ") || !strings.Contains(stderr, tt.code) || !strings.Contains(stderr, "; ") {
				t.Errorf("printed %q, want one line with %s and a next step", stderr, tt.code)
			}
			report, err := reports.Load(artifacts)
			if err != nil {
				t.Fatal(err)
			}
			if report.Setup == nil || report.Setup.Code != tt.code || report.Summary.Inconclusive != len(harness.Options{}.Selected()) {
				t.Errorf("the report says %+v, %+v", report.Setup, report.Summary)
			}
			junit, err := os.ReadFile(filepath.Join(artifacts, reports.JUnitFile))
			if err != nil || !strings.Contains(string(junit), tt.code) {
				t.Errorf("junit.xml does not say %s (%v)", tt.code, err)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	all := catalog.Claims()
	for _, args := range [][]string{{"list"}, {"list", "-o", "markdown"}, {"run", "--profile", "page", "--dry-run"}} {
		code, stdout, stderr := try(t, args...)
		if code != ExitProven || stderr != "" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
		for _, c := range all {
			if !strings.Contains(stdout, string(c.ID)) {
				t.Errorf("%v leaves out %q", args, c.ID)
			}
		}
	}
	code, stdout, _ := try(t, "list", "-o", "json", "--claim", string(all[0].ID))
	var rows []claimRow
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != ExitProven {
		t.Fatalf("exit code %d, %v: %s", code, err, stdout)
	}
	if len(rows) != 1 || rows[0].ID != all[0].ID || len(rows[0].Faults) == 0 {
		t.Errorf("listed %+v, want %q alone, with its faults", rows, all[0].ID)
	}
}

func TestListAdvice(t *testing.T) {
	for _, args := range [][]string{{"list"}, {"list", "-o", "markdown"}, {"list", "-o", "json", "--advice"}, {"list", "--advice", "--level", "core"}} {
		code, stdout, stderr := try(t, args...)
		if code != ExitProven || stderr != "" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
		for _, a := range catalog.Advices() {
			if !strings.Contains(stdout, string(a.ID)) || !strings.Contains(stdout, a.Reason) {
				t.Errorf("%v leaves out %q or its reason", args, a.ID)
			}
		}
	}
	// Who reads the JSON has them for claims.
	_, stdout, _ := try(t, "list", "-o", "json")
	var rows []claimRow
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || len(rows) != len(catalog.Claims()) {
		t.Errorf("listed %d claims, %v, want %d", len(rows), err, len(catalog.Claims()))
	}
	if _, stdout, _ := try(t, "list", "--claim", string(catalog.Claims()[0].ID)); strings.Contains(stdout, adviceTitle) {
		t.Error("advice is listed with a single claim")
	}
	for _, a := range catalog.Advices() {
		code, stdout, stderr := try(t, "explain", string(a.ID))
		if code != ExitProven || !strings.Contains(stdout, a.Sentence) || !strings.Contains(stdout, a.Reason) {
			t.Errorf("explain %s: exit code %d, %q: %s", a.ID, code, stderr, stdout)
		}
	}
}

// TestListOfTheSuites holds the table in the suites' README.md against the
// catalogue; -update writes it.
func TestListOfTheSuites(t *testing.T) {
	const path = "../../../../suites/README.md"
	const mark = "<!-- made by 'inroads list -o markdown' -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(raw), mark)
	if !found {
		t.Fatalf("%s has no line %q", path, mark)
	}
	_, table, _ := try(t, "list", "-o", "markdown")
	want := before + mark + table
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(raw) != want {
		t.Errorf("the table in %s is not that of the catalogue; write it with: go test ./cmd/inroads/internal/cli -run ListOfTheSuites -update", path)
	}
}

func TestListTellsVerdicts(t *testing.T) {
	dir := t.TempDir()
	id := catalog.Claims()[0].ID
	report := reports.Placeholder(reports.Meta{Claims: catalog.Claims()[:1]})
	report.Claims = []reports.Claim{{ID: id, Verdict: catalog.Disproven}}
	if err := reports.Write(dir, report); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"table", "json", "markdown"} {
		code, stdout, stderr := try(t, "list", "-o", format, "--claim", string(id), "--report", dir)
		if code != ExitProven || !strings.Contains(stdout, string(catalog.Disproven)) {
			t.Errorf("-o %s: exit code %d, %q: no verdict in %s", format, code, stderr, stdout)
		}
	}
	if code, _, stderr := try(t, "list", "--report", filepath.Join(dir, "none")); code == ExitProven || !strings.Contains(stderr, "--report") {
		t.Errorf("without a report: exit code %d, %q", code, stderr)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range catalog.Claims() {
		code, stdout, stderr := try(t, "explain", string(c.ID))
		if code != ExitProven || stderr != "" {
			t.Errorf("%q: exit code %d, %q", c.ID, code, stderr)
		}
		for _, want := range []string{c.Sentence, c.Source.URL(), string(c.Expect), c.Faults[0].Name} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q: %q is not explained", c.ID, want)
			}
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"run", "--help"}, {"cluster"}, {"version"}, {"completion", "bash"}} {
		code, stdout, stderr := try(t, args...)
		if code != ExitProven || stdout == "" || stderr != "" {
			t.Errorf("%v: exit code %d, %d bytes of output, %q", args, code, len(stdout), stderr)
		}
	}
}

func TestSuggest(t *testing.T) {
	values := []string{"apiserver-proxy/service", "kubectl-proxy/api-root", "kubectl-proxy/api-roots"}
	for typed, want := range map[string]string{
		"kubectl-proxy/api-rot": `did you mean "kubectl-proxy/api-root" or "kubectl-proxy/api-roots"? `,
		"service":               `did you mean "apiserver-proxy/service"? `,
		"nothing-of-the-sort":   "",
		"":                      "",
	} {
		if got := suggest(typed, values); got != want {
			t.Errorf("suggest(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestErrorIsOneLine(t *testing.T) {
	err := unable(errors.New("running \"docker\":\n exit status 1\n --token=abcdefghijklmnop"), "do\nthat")
	if got, want := err.Error(), `running "docker": exit status 1 --token=REDACTED; do that`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
