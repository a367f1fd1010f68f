package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// A run of two claims of the catalogue, with everything else made up.
type fixture struct {
	runner
	out, err bytes.Buffer
	// released counts how often the clusters were removed.
	released int
	claims   []catalog.Claim
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	t.Setenv(cache.EnvDir, t.TempDir())
	f := &fixture{claims: catalog.Claims()[:2]}
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.runner = runner{
		streams: Streams{Out: &f.out, Err: &f.err},
		procs:   2,
		now: func() time.Time {
			clock = clock.Add(time.Minute)
			return clock
		},
		look: func(_ context.Context, o harness.Options) harness.Findings {
			if !o.Existing() && len(o.Clusters) == 0 {
				t.Error("looked at a cluster that is not there yet")
			}
			return harness.Findings{}
		},
		provision: func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
			return []cluster.Ref{{Name: "made", Provider: "kind", KubernetesVersion: "v1.37.2", Nodes: make([]cluster.Node, 2)}}, f.release, nil
		},
		specs: func(_ context.Context, o parallel.Options) error {
			return f.report(o, catalog.Proven, catalog.Proven)
		},
	}
	f.options = harness.Options{Artifacts: t.TempDir(), Claims: []catalog.ID{f.claims[0].ID, f.claims[1].ID}}
	return f
}

func (f *fixture) release(ctx context.Context) error {
	f.released++
	return ctx.Err()
}

func brokenAtDial(context.Context, harness.Options) harness.Findings {
	return harness.Findings{Trace: probe.Trace{Steps: []probe.Step{{Hop: catalog.HopDial, State: probe.Broken, Target: "127.0.0.1:1", Code: probe.DialRefused}}}}
}

// optionsIn returns the options that the specs are given, with their environment.
func optionsIn(o parallel.Options) (options harness.Options, env map[string]string, err error) {
	env = map[string]string{}
	for _, kv := range o.Env {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	return options, env, json.Unmarshal([]byte(env[harness.EnvOptions]), &options)
}

// report does what the specs do: it tells each verdict and writes the report.
func (f *fixture) report(o parallel.Options, verdicts ...catalog.Verdict) error {
	options, env, err := optionsIn(o)
	if err != nil {
		return err
	}
	r := reports.Placeholder(options.Meta(options.Clusters))
	r.Result, r.Summary = reports.Complete, reports.Summary{}
	for i, v := range verdicts {
		reason := ""
		switch v {
		case catalog.Proven:
			r.Summary.Proven++
		case catalog.Disproven:
			r.Summary.Disproven++
			reason = "it is not so"
		default:
			r.Summary.Inconclusive++
			reason = "who knows"
		}
		r.Claims[i].Verdict, r.Claims[i].Reason = v, reason
		if err := reports.AppendEvent(env[reports.EnvEvents], reports.Event{Claim: r.Claims[i].ID, Verdict: v, Reason: reason}); err != nil {
			return err
		}
	}
	return reports.Write(options.Artifacts, r)
}

func TestRun(t *testing.T) {
	tests := []struct {
		name string
		// change makes the run of two proven claims another one; stop
		// interrupts it.
		change     func(f *fixture, stop func())
		wantCode   int
		wantErr    string
		wantOut    []string
		wantReport func(r reports.Report) bool
		// released is how often there was something to remove.
		released int
	}{
		{
			name: "proven", wantCode: ExitProven, released: 1,
			wantOut:    []string{"[1/2] proven ", "[2/2] proven ", "cluster: made (kind), Kubernetes v1.37.2, 2 nodes", "2 of 2 proven", "\n2 passed, 0 failed, 0 skipped\n"},
			wantReport: func(r reports.Report) bool { return r.Result == reports.Complete && r.Finished.After(r.Started) },
		},
		{
			name: "disproven", wantCode: ExitDisproven, released: 1,
			change: func(f *fixture, _ func()) {
				f.specs = func(_ context.Context, o parallel.Options) error {
					return f.report(o, catalog.Disproven, catalog.Inconclusive)
				}
			},
			wantOut:    []string{": it is not so\n", "next: inroads explain ", "\n0 passed, 2 failed, 0 skipped\n"},
			wantReport: func(r reports.Report) bool { return r.Summary.Disproven == 1 },
		},
		{
			name: "inconclusive", wantCode: ExitInconclusive, released: 1,
			change: func(f *fixture, _ func()) {
				f.specs = func(_ context.Context, o parallel.Options) error {
					return f.report(o, catalog.Proven, catalog.Inconclusive)
				}
			},
			wantOut:    []string{": who knows\n", "\n1 passed, 1 failed, 0 skipped\n"},
			wantReport: func(r reports.Report) bool { return r.Summary.Inconclusive == 1 },
		},
		{
			name: "no cluster", wantCode: ExitInconclusive, wantErr: "inroads: making the cluster: no engine; install one\n", released: 1,
			change: func(f *fixture, _ func()) {
				f.provision = func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
					return nil, f.release, &cluster.MissingError{Missing: "no engine", Remedy: "install one"}
				}
			},
			wantReport: func(r reports.Report) bool {
				return r.Setup != nil && r.Setup.Stage == stageCluster && r.Summary.Inconclusive == 2
			},
		},
		{
			name: "the specs die", wantCode: ExitInconclusive, wantErr: "inroads: running the specs: signal: killed; see ", released: 1,
			change: func(f *fixture, _ func()) {
				f.specs = func(context.Context, parallel.Options) error { return errors.New("signal: killed") }
			},
			wantReport: func(r reports.Report) bool { return r.Setup != nil && r.Setup.Stage == stageSpecs },
		},
		{
			name: "the specs end without a word", wantCode: ExitInconclusive, wantErr: "inroads: running the specs: they ended without a report; see ", released: 1,
			change: func(f *fixture, _ func()) {
				f.specs = func(context.Context, parallel.Options) error { return nil }
			},
			wantReport: func(r reports.Report) bool { return r.Setup != nil && r.Result == reports.Partial },
		},
		{
			name: "interrupted while the cluster is made", wantCode: ExitInterrupted, released: 1,
			change: func(f *fixture, stop func()) {
				f.provision = func(ctx context.Context, _ harness.Options, _ io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
					stop()
					return nil, f.release, ctx.Err()
				}
			},
			wantReport: func(r reports.Report) bool { return r.Interrupted && r.Setup == nil && r.Summary.Inconclusive == 2 },
		},
		{
			name: "interrupted specs", wantCode: ExitInterrupted, released: 1,
			change: func(f *fixture, stop func()) {
				f.specs = func(_ context.Context, o parallel.Options) error {
					stop()
					return f.report(o, catalog.Proven, catalog.Inconclusive)
				}
			},
			wantReport: func(r reports.Report) bool { return r.Interrupted && r.Summary.Proven == 1 },
		},
		{
			name: "the cluster stays", wantCode: ExitInconclusive, wantErr: "inroads: removing what the run made: docker hangs; 'inroads sweep' removes what is left\n",
			change: func(f *fixture, _ func()) {
				f.provision = func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
					return []cluster.Ref{{Name: "made"}}, func(context.Context) error { return errors.New("docker hangs") }, nil
				}
			},
			wantReport: func(r reports.Report) bool { return r.Summary.Proven == 2 && r.CleanUp == "docker hangs" },
		},
		{
			name: "the way is broken", wantCode: ExitInconclusive, wantErr: "inroads: dial refused at 127.0.0.1:1: ",
			change: func(f *fixture, _ func()) {
				f.options.Kubeconfig = "somewhere"
				f.look = brokenAtDial
			},
			wantReport: func(r reports.Report) bool {
				return r.Setup != nil && r.Setup.Hop == catalog.HopDial && r.Claims[0].Code == string(probe.DialRefused)
			},
		},
		{
			name: "the way to the cluster that the run made is broken", wantCode: ExitInconclusive, wantErr: "inroads: dial refused at 127.0.0.1:1: ", released: 1,
			change: func(f *fixture, _ func()) { f.look = brokenAtDial },
			wantReport: func(r reports.Report) bool {
				return r.Setup != nil && r.Setup.Stage == stagePreflight && r.Setup.Hop == catalog.HopDial
			},
		},
		{
			name: "a right is missing", wantCode: ExitProven, released: 1,
			change: func(f *fixture, _ func()) {
				f.look = func(context.Context, harness.Options) harness.Findings {
					return harness.Findings{
						List:      []harness.Finding{{Check: "images", Severity: harness.Warning, Saw: "not there", Next: "load it"}, {Check: "clock", Severity: harness.Fine, Saw: "the same"}},
						Forbidden: map[catalog.ID]string{f.claims[1].ID: "get pods in namespaces"},
					}
				}
				f.specs = func(_ context.Context, o parallel.Options) error {
					if options, _, err := optionsIn(o); err != nil || options.Forbidden[f.claims[1].ID] == "" {
						t.Error("the specs do not know which claims to skip")
					}
					return f.report(o, catalog.Proven, catalog.Proven)
				}
			},
			wantOut:    []string{"warning: images: not there; load it\n", "warning: rights: the user's are not enough for 1 of 2 claims"},
			wantReport: func(r reports.Report) bool { return r.Setup == nil },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			f := newFixture(t)
			if tt.change != nil {
				tt.change(f, stop)
			}
			err := f.run(ctx)
			code, stderr := ExitProven, ""
			var exit *exitError
			if errors.As(err, &exit) {
				code = exit.code
				if exit.cause != "" {
					stderr = "inroads: " + exit.Error() + "\n"
				}
			} else if err != nil {
				t.Fatalf("an error that says no exit code: %v", err)
			}
			if code != tt.wantCode || !strings.HasPrefix(stderr, tt.wantErr) || (tt.wantErr == "") != (stderr == "") {
				t.Errorf("exit code %d, %q; want %d, %q", code, stderr, tt.wantCode, tt.wantErr)
			}
			for _, want := range tt.wantOut {
				if !strings.Contains(f.out.String(), want) {
					t.Errorf("did not print %q:\n%s", want, f.out.String())
				}
			}
			if f.released != tt.released {
				t.Errorf("removed clusters %d times, want %d", f.released, tt.released)
			}
			report, err := reports.Load(f.options.Artifacts)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.wantReport(report) {
				t.Errorf("the report says %+v, set-up %+v, summary %+v", report.Result, report.Setup, report.Summary)
			}
		})
	}
}

// TestDiscard proves that specs leave things to a cluster only where it goes with
// their run.
func TestDiscard(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*harness.Options)
		want   bool
	}{
		{"made for the run", func(*harness.Options) {}, true},
		{"kept", func(o *harness.Options) { o.Keep = true }, false},
		{"there before", func(o *harness.Options) { o.Kubeconfig = "kubeconfig" }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t)
			row.change(&f.options)
			specs, ran := f.specs, false
			f.specs = func(ctx context.Context, o parallel.Options) error {
				options, _, err := optionsIn(o)
				if ran = true; options.Discard != row.want {
					t.Errorf("discard is %v", options.Discard)
				}
				return errors.Join(err, specs(ctx, o))
			}
			if err := f.run(t.Context()); err != nil || !ran {
				t.Errorf("%v, ran: %v", err, ran)
			}
		})
	}
}

// TestRunOfParts proves that a run over several topologies and kubectls has one
// report of all of them, of which one that does not come up takes nothing.
func TestRunOfParts(t *testing.T) {
	f := newFixture(t)
	f.options.Page = true
	var mu sync.Mutex
	var names []string
	f.provision = func(_ context.Context, o harness.Options, _ io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, o.ClusterName)
		if o.Topology != catalog.TopologyMultiNode {
			return nil, nil, errors.New("no such luck")
		}
		return []cluster.Ref{{Name: "made", Topology: o.Topology}}, f.release, nil
	}
	f.kubectls = []kubectl{{"/old", "v1.36.3"}, {"/new", "v1.37.2"}}
	f.options.ClusterName = "x"
	f.options.Claims = nil
	f.specs = func(_ context.Context, o parallel.Options) error {
		options, _, err := optionsIn(o)
		if err != nil {
			return err
		}
		verdict := catalog.Proven
		if options.Kubectl == "/old" {
			verdict = catalog.Disproven
		}
		return f.report(o, slices.Repeat([]catalog.Verdict{verdict}, len(options.Selected()))...)
	}
	var exit *exitError
	if err := f.run(t.Context()); !errors.As(err, &exit) || exit.code != ExitDisproven {
		t.Errorf("ended with %v", err)
	}
	report, err := reports.Load(f.options.Artifacts)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, topology := range f.options.Topologies() {
		o := f.options
		o.Topology = topology
		for _, k := range f.kubectls {
			for _, c := range o.Selected() {
				want++
				i := slices.IndexFunc(report.Claims, func(got reports.Claim) bool {
					return got.ID == c.ID && got.Topology == topology && got.Kubectl == k.version
				})
				switch {
				case i < 0:
					t.Fatalf("nothing of %s on %s with %s", c.ID, topology, k.version)
				case topology != catalog.TopologyMultiNode:
					if got := report.Claims[i]; got.Verdict != catalog.Inconclusive || !strings.Contains(got.Reason, "no such luck") {
						t.Errorf("%s: %s, %s", got.Name(), got.Verdict, got.Reason)
					}
				case (report.Claims[i].Verdict == catalog.Proven) != (k.path == "/new"):
					t.Errorf("%s: %s", report.Claims[i].Name(), report.Claims[i].Verdict)
				}
			}
		}
	}
	if len(report.Claims) != want || report.Setup != nil || f.released != 1 {
		t.Errorf("%d claims, want %d; set-up %+v; removed %d times", len(report.Claims), want, report.Setup, f.released)
	}
	if slices.Sort(names); !slices.Contains(names, "x") || len(names) != len(f.options.Topologies()) {
		t.Errorf("clusters %q", names)
	}
}

// TestPlaceholder proves that a run that is killed leaves reports.
func TestPlaceholder(t *testing.T) {
	f := newFixture(t)
	f.provision = func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
		report, err := reports.Load(f.options.Artifacts)
		if err != nil || report.Result != reports.Unfinished || len(report.Claims) != 2 {
			t.Errorf("before anything else there is a report %q of %d claims (%v)", report.Result, len(report.Claims), err)
		}
		if _, err := os.Stat(filepath.Join(f.options.Artifacts, reports.JUnitFile)); err != nil {
			t.Error(err)
		}
		return nil, f.release, errors.New("enough")
	}
	_ = f.run(t.Context())
}

func TestRemarksAreBrief(t *testing.T) {
	var claims []reports.Claim
	for _, id := range []catalog.ID{"a/a", "a/b", "a/c"} {
		claims = append(claims, reports.Claim{ID: id, Verdict: catalog.Inconclusive, Reason: "interrupted"})
	}
	claims = append(claims,
		reports.Claim{ID: "b/a", Verdict: catalog.Disproven, Reason: "no", Hop: catalog.HopTLS, Code: "A-TLS-02", Script: "repro/b-a.sh"},
		reports.Claim{ID: "b/b", Verdict: catalog.Proven},
		reports.Claim{ID: "b/c", Verdict: catalog.Proven, Deviates: true, Deviation: "it says yes"})
	want := []string{
		"inconclusive   3 claims: interrupted",
		"disproven      b/a [tls A-TLS-02]: no\n    repeat it: bash 'my artifacts/repro/b-a.sh'",
		"proven         b/c: documentation deviates: it says yes",
	}
	got := remarks(claims, "my artifacts")
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
}
