package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
)

// TestLimitsOfParts proves that the parts of a run share their limits, and that
// those which are not begun any more say so.
func TestLimitsOfParts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits *limits
		want   string
	}{
		{"budget", &limits{budget: time.Second}, "not reached: the budget of 1s was over"},
		{"fail-fast", &limits{failFast: true}, "not reached: the run stops at the first claim that is disproven, which was a/b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.limits = tt.limits
			f.kubectls = []kubectl{{"/old", "v1.36.3"}, {"/new", "v1.37.2"}}
			ran := 0
			f.specs = func(_ context.Context, o parallel.Options) error {
				ran++
				options, _, err := optionsIn(o)
				if err != nil {
					return err
				}
				if l := options.Limits; !l.Telling() || l.Budget != tt.limits.budget || (l.Budget > 0) == l.Deadline.IsZero() {
					t.Errorf("the specs are given %+v", l)
				} else if l.Halt != "" {
					if err := os.WriteFile(l.Halt, []byte("a/b"), 0o600); err != nil {
						return err
					}
				}
				return f.report(o, catalog.Proven, catalog.Proven)
			}
			// Skipped claims are none that was disproven: the run says that it is partial.
			if err := f.run(t.Context()); err != nil {
				t.Errorf("ended with %v", err)
			}
			report, err := reports.Load(f.options.Artifacts)
			if err != nil {
				t.Fatal(err)
			}
			if ran != 1 || report.Summary.Proven != 2 || report.Summary.Skipped != 2 || report.Result != reports.Partial {
				t.Errorf("ran %d parts: %s, %+v", ran, report.Result, report.Summary)
			}
			for _, c := range report.Claims {
				if c.Verdict == catalog.Skipped && c.Reason != tt.want {
					t.Errorf("%s is skipped: %s", c.Name(), c.Reason)
				}
			}
			if !strings.Contains(f.out.String(), ", the most telling first, ") {
				t.Errorf("does not say the order:\n%s", &f.out)
			}
		})
	}
}

// TestLimitReachedBeforeACluster proves that no cluster is made for claims that
// would not be begun.
func TestLimitReachedBeforeACluster(t *testing.T) {
	f := newFixture(t)
	f.limits = &limits{budget: time.Second, deadline: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	f.provision = func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
		t.Error("a cluster is made")
		return nil, f.release, context.Canceled
	}
	_ = f.run(t.Context())
}

// TestReportAsData proves that a report that is asked for as data is alone on
// standard output, whatever came of the run.
func TestReportAsData(t *testing.T) {
	for _, format := range runFormats {
		for _, broken := range []bool{false, true} {
			f := newFixture(t)
			if broken {
				f.options.Kubeconfig, f.look = "somewhere", brokenAtDial
			}
			f.format = format
			f.present(false)
			_ = f.run(t.Context())
			out, err := f.out.String(), error(nil)
			switch format {
			case formatTable:
				if broken != (f.out.Len() == 0) || f.err.Len() > 0 {
					t.Errorf("printed %q, and %q as errors", out, &f.err)
				}
				continue
			case formatJSON:
				err = json.Unmarshal(f.out.Bytes(), &reports.Report{})
			case formatYAML:
				if !strings.HasPrefix(out, "apiVersion: inroads.dev/") {
					t.Errorf("no YAML: %s", out)
				}
			case formatJUnit:
				err = xml.NewDecoder(bytes.NewReader(f.out.Bytes())).Decode(&struct{ XMLName xml.Name }{})
			case formatMarkdown:
				if want, err := os.ReadFile(filepath.Join(f.options.Artifacts, reports.MarkdownFile)); err != nil || out != string(want) {
					t.Errorf("not what is in %s: %v\n%s", reports.MarkdownFile, err, out)
				}
			}
			if err != nil {
				t.Errorf("not %s: %v\n%s", format, err, out)
			}
			if !broken && (strings.Contains(out, "specs: proving") || !strings.Contains(f.err.String(), "2 passed")) {
				t.Errorf("%s: progress is on standard output:\n%s", format, out)
			}
		}
	}
}

func TestQuiet(t *testing.T) {
	f := newFixture(t)
	f.specs = func(_ context.Context, o parallel.Options) error {
		return f.report(o, catalog.Proven, catalog.Disproven)
	}
	f.present(true)
	_ = f.run(t.Context())
	if out := f.out.String(); strings.Contains(out, "specs:") || strings.Contains(out, "[1/2]") || !strings.Contains(out, "it is not so") || !strings.Contains(out, "1 passed, 1 failed") {
		t.Errorf("printed\n%s", out)
	}
}

func TestDryRun(t *testing.T) {
	code, out, stderr := try(t, "run", "--dry-run", "--profile", "page", "--claim", "aap/dns-name,lb/existence-varies", "--budget", "1m")
	if code != ExitProven || stderr != "" {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	for _, want := range []string{
		"cluster: inroads, made with kind, topology multi-node, 2 nodes: 2 claims\n", "cluster: inroads-ha, made with kind, topology ha, 4 nodes: 1 claims\n",
		"order: the most telling first, for at most 1m0s\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	_, out, _ = try(t, "run", "--dry-run", "-o", "json", "--claim", "aap/dns-name", "--kubeconfig", "k", "--context", "c")
	var p plan
	if err := json.Unmarshal([]byte(out), &p); err != nil || len(p.Clusters) != 1 || p.Clusters[0].Made || p.Clusters[0].Name != "c" || len(p.Clusters[0].Claims[0].Needs) == 0 {
		t.Errorf("error %v, %+v", err, p)
	}
}
