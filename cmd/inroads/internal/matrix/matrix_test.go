package matrix

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/fault"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// world is a cluster of which the test knows what is broken.
type world struct {
	broken   string
	injected []string
	healed   []string
	// says is what a claim says while a fault is in place.
	says func(fault string, id catalog.ID) reports.Claim
}

const kubeconfig = `{"apiVersion":"v1","kind":"Config","current-context":"x",
"clusters":[{"name":"x","cluster":{"server":"https://127.0.0.1:1"}}],
"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"users":[{"name":"x","user":{"token":"t"}}]}`

func (w *world) fault(name string, hop catalog.Hop) fault.Fault {
	return fault.Fault{
		Name: name, Hop: hop, Scope: fault.Client,
		Inject: func(_ context.Context, s *fault.Site) error {
			w.broken = name
			w.injected = append(w.injected, name)
			s.Defer(func() { w.broken = ""; w.healed = append(w.healed, name) })
			return nil
		},
	}
}

func (w *world) options(t *testing.T, faults ...fault.Fault) Options {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(path, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	claim, err := catalog.Lookup("kubectl/first-access")
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Cluster: cluster.Ref{Name: "x", Kubeconfig: path, Context: "x"},
		Claims:  []catalog.Claim{claim}, Faults: faults, Ledger: l,
		Dir: filepath.Join(dir, "faults"), Artifacts: filepath.Join(dir, "artifacts"), Log: &bytes.Buffer{},
		Preflight: func(context.Context, cluster.Ref) (probe.Trace, time.Duration) {
			return probe.Trace{}, time.Millisecond
		},
		Specs: func(_ context.Context, _ cluster.Ref, _ []string, claims []catalog.ID, _ string) (reports.Report, time.Duration, error) {
			var r reports.Report
			for _, id := range claims {
				c := reports.Claim{ID: id, Verdict: catalog.Proven}
				if w.broken != "" {
					c = w.says(w.broken, id)
				}
				r.Claims = append(r.Claims, c)
			}
			return r, time.Second, nil
		},
	}
}

// asTheCatalogueSays is a run that blames what the catalogue names.
func asTheCatalogueSays(name string, id catalog.ID) reports.Claim {
	w := wanted(id, name)
	if w.Name == "" {
		return reports.Claim{ID: id, Verdict: catalog.Proven}
	}
	return reports.Claim{ID: id, Verdict: catalog.Disproven, Hop: w.Hop, Code: string(w.Code), Duration: reports.Duration(time.Second)}
}

func TestRun(t *testing.T) {
	w := &world{says: asTheCatalogueSays}
	f := w.fault("kubeconfig-ignored", catalog.HopTool)
	f.Spares = []catalog.ID{"config-view/minify", "kubectl/first-access", "no/such-claim"}
	o := w.options(t, f, w.fault("named-by-nobody", catalog.HopTool))
	o.Healthy = 2
	m, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Summary
	want := reports.MatrixSummary{Faults: 1, Pairs: 1, Detected: 1, Blamed: 1, Healed: 1, Spared: 1, SparedGreen: 1, HealthyRuns: 2, MedianOther: reports.Duration(2 * time.Second)}
	if s != want || !s.Right() {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if !slices.Equal(w.injected, []string{"kubeconfig-ignored"}) || !slices.Equal(w.healed, w.injected) {
		t.Errorf("injected %v, healed %v", w.injected, w.healed)
	}
}

func TestRunTellsWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		name string
		says func(string, catalog.ID) reports.Claim
		want string
	}{
		{"not noticed", func(_ string, id catalog.ID) reports.Claim {
			return reports.Claim{ID: id, Verdict: catalog.Proven}
		}, "unproven: no fault turned kubectl/first-access red"},
		{"inconclusive", func(_ string, id catalog.ID) reports.Claim {
			return reports.Claim{ID: id, Verdict: catalog.Inconclusive}
		}, "inconclusive, not disproven"},
		{"only the fault makes it not applicable", func(_ string, id catalog.ID) reports.Claim {
			return reports.Claim{ID: id, Verdict: catalog.NotApplicable}
		}, "not applicable, not disproven"},
		{"another hop", func(_ string, id catalog.ID) reports.Claim {
			return reports.Claim{ID: id, Verdict: catalog.Disproven, Hop: catalog.HopTLS, Code: "A-TLS-02"}
		}, "blames tls A-TLS-02, not tool"},
		{"a spared claim", func(name string, id catalog.ID) reports.Claim {
			c := asTheCatalogueSays(name, id)
			if c.Verdict == catalog.Proven {
				c.Verdict = catalog.Disproven
			}
			return c
		}, "false alarm: fault kubeconfig-ignored, claim config-view/minify"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &world{says: tc.says}
			f := w.fault("kubeconfig-ignored", catalog.HopTool)
			f.Spares = []catalog.ID{"config-view/minify"}
			m, err := Run(t.Context(), w.options(t, f))
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Join(m.Lines(), "\n"); m.Summary.Right() || !strings.Contains(lines, tc.want) {
				t.Errorf("no %q in:\n%s", tc.want, lines)
			}
		})
	}
}

func TestRunHealsWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &world{says: func(name string, id catalog.ID) reports.Claim {
		cancel()
		return asTheCatalogueSays(name, id)
	}}
	m, err := Run(ctx, w.options(t, w.fault("kubeconfig-ignored", catalog.HopTool), w.fault("server-ignored", catalog.HopTool)))
	if err != nil {
		t.Fatal(err)
	}
	if !m.Interrupted || m.Summary.Right() || w.broken != "" || len(w.injected) != 1 {
		t.Errorf("interrupted %t, injected %v, still broken %q", m.Interrupted, w.injected, w.broken)
	}
}

func TestRunGoesOnAfterAFaultThatCannotBeInjected(t *testing.T) {
	w := &world{says: asTheCatalogueSays}
	bad := w.fault("kubeconfig-ignored", catalog.HopTool)
	bad.Inject = func(context.Context, *fault.Site) error { return errors.New("no") }
	m, err := Run(t.Context(), w.options(t, bad, w.fault("server-ignored", catalog.HopTool)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Summary.Failures != 1 || m.Summary.Detected != 1 || m.Summary.Right() {
		t.Errorf("got %+v", m.Summary)
	}
}
