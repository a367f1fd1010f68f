package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/reports"
)

func TestContextFolders(t *testing.T) {
	long := strings.Repeat("x", 300)
	names := []string{
		"staging", "kind-a_b.c", "a/b", "a-b", "a:b", "..", ".", "", ".hidden", "../../etc", "Prod", "prod", "a\x00b\n", "ünï", long, long + "y",
		"arn:aws:eks:eu-west-1:123456789012:cluster/prod",
	}
	folders := contextFolders(names)
	// Whoever knows how the hash is made must not come by the folder of another.
	folders = append(folders, contextFolders([]string{folders[2]})...)
	seen := map[string]int{}
	for i, folder := range folders {
		if folder == "" || folder[0] == '.' || len(folder) > 200 || unfit.MatchString(folder) || filepath.Base(folder) != folder {
			t.Errorf("the folder %q is none", folder)
		}
		if before, twice := seen[strings.ToLower(folder)]; twice {
			t.Errorf("names %d and %d have one folder %q", before, i, folder)
		}
		seen[strings.ToLower(folder)] = i
	}
	for i, want := range map[int]string{0: "staging", 1: "kind-a_b.c", 3: "a-b", 11: "prod"} {
		if folders[i] != want {
			t.Errorf("%q is in %q", names[i], folders[i])
		}
	}
	if want := "arn-aws-eks-eu-west-1-123456789012-cluster-prod-"; !strings.HasPrefix(folders[16], want) {
		t.Errorf("%q is in %q, want %s and a hash", names[16], folders[16], want)
	}
	if alone := contextFolders(names[2:3]); alone[0] != folders[2] {
		t.Errorf("%q is in %q or %q", names[2], alone[0], folders[2])
	}
}

func TestContextsUsage(t *testing.T) {
	dir := t.TempDir()
	config, empty, bad := filepath.Join(dir, "config"), filepath.Join(dir, "empty"), filepath.Join(dir, "bad")
	write(t, config, `{"apiVersion":"v1","kind":"Config","contexts":[{"name":"staging","context":{}},{"name":"prod","context":{}}]}`)
	write(t, empty, `{"apiVersion":"v1","kind":"Config"}`)
	write(t, bad, "root:x:0:0\n")
	t.Setenv("KUBECONFIG", config)
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown", []string{"--contexts", "staging,prdo"}, ExitUsage, `no context "prdo"; did you mean "prod"? kubeconfig ` + config + ` has prod, staging`},
		{"unknown of a file", []string{"--kubeconfig", config, "--contexts", "x"}, ExitUsage, `no context "x"; kubeconfig ` + config + ` has prod, staging`},
		{"with --context", []string{"--context", "prod", "--contexts", "staging"}, ExitUsage, `--context chooses one cluster, --contexts several; drop one of them`},
		{"all with --context", []string{"--context", "prod", "--all-contexts"}, ExitUsage, `--context chooses one cluster, --all-contexts several; drop one of them`},
		{"both", []string{"--contexts", "staging", "--all-contexts"}, ExitUsage, `--contexts and --all-contexts are two choices; drop one of them`},
		{"empty", []string{"--contexts", ""}, ExitUsage, `--contexts names no context; kubeconfig ` + config + ` has prod, staging`},
		{"empty element", []string{"--contexts", "prod,"}, ExitUsage, `no context ""; kubeconfig ` + config + ` has prod, staging`},
		{"twice", []string{"--contexts", "prod,staging,prod"}, ExitUsage, `--contexts has "prod" twice; drop one of them`},
		{"none there", []string{"--kubeconfig", empty, "--all-contexts"}, ExitInconclusive, `kubeconfig ` + empty + ` has no context; give another with --kubeconfig`},
		{"no file", []string{"--kubeconfig", dir + "/none", "--all-contexts"}, ExitInconclusive, `reading the contexts of kubeconfig ` + dir + `/none: `},
		{"no kubeconfig", []string{"--kubeconfig", bad, "--all-contexts"}, ExitInconclusive, `reading the contexts of kubeconfig ` + bad + `: `},
	} {
		for _, verb := range []string{"run", "doctor"} {
			t.Run(verb+" "+tt.name, func(t *testing.T) {
				code, stdout, stderr := try(t, append([]string{verb}, tt.args...)...)
				if code != tt.code || stdout != "" || !strings.HasPrefix(stderr, "inroads: "+tt.want) || strings.Count(stderr, "\n") != 1 {
					t.Errorf("exit code %d, output %q, %q; want %d, none, the one line %q", code, stdout, stderr, tt.code, tt.want)
				}
			})
		}
	}
	for want, args := range map[string][]string{
		"--parallel-contexts is 0; give 1 or more":                                                         {"--all-contexts", "--parallel-contexts", "0"},
		"--parallel-contexts is of several contexts; choose them with --contexts or --all-contexts":        {"--context", "prod", "--parallel-contexts", "2"},
		"--keep is of a cluster that inroads makes, --kubeconfig and --context are of one that is there; ": {"--all-contexts", "--keep"},
	} {
		if code, _, stderr := try(t, append([]string{"run"}, args...)...); code != ExitUsage || !strings.HasPrefix(stderr, "inroads: "+want) {
			t.Errorf("%q: exit code %d, %q", args, code, stderr)
		}
	}
}

func TestPlanOfContexts(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	write(t, config, `{"apiVersion":"v1","kind":"Config","contexts":[{"name":"staging","context":{}},{"name":"prod","context":{}}]}`)
	code, stdout, stderr := try(t, "run", "--kubeconfig", config, "--all-contexts", "--dry-run", "--claim", "kubectl/first-access")
	if code != ExitProven || stderr != "" || strings.Count(stdout, "kubectl/first-access") != 1 ||
		!strings.Contains(stdout, "cluster: prod, which is there: 1 claims") || !strings.Contains(stdout, "cluster: staging, which is there: 1 claims") {
		t.Errorf("exit code %d, %q:\n%s", code, stderr, stdout)
	}
}

// ofContexts makes the fixture's run one of several contexts.
func (f *fixture) ofContexts(names ...string) {
	f.contexts, f.abreast = names, len(names)
	f.options.Context = names[0]
	f.provision = func(_ context.Context, o harness.Options, _ io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
		return []cluster.Ref{{Name: o.Context, Provider: "existing", KubernetesVersion: "v1.37.2", Context: o.Context}}, func(context.Context) error { return nil }, nil
	}
}

// TestRunOfContexts proves that a run over several contexts has one report of all of
// them, of which one that leads nowhere takes nothing, and tells of each at its end.
func TestRunOfContexts(t *testing.T) {
	f := newFixture(t)
	f.ofContexts("good", "a/b:c", "dead", "..")
	f.procs = 2
	looked := make(chan string, 4)
	f.look = func(ctx context.Context, o harness.Options) harness.Findings {
		looked <- o.Context
		if o.Context == "dead" {
			return brokenAtDial(ctx, o)
		}
		return harness.Findings{}
	}
	var mu sync.Mutex
	folders := map[string]string{}
	f.specs = func(_ context.Context, o parallel.Options) error {
		options, _, err := optionsIn(o)
		if err != nil {
			return err
		}
		mu.Lock()
		folders[options.Context] = options.Artifacts
		mu.Unlock()
		if !o.Apart || o.Procs != 1 || options.Clusters[0].Context != options.Context {
			t.Errorf("%s: %d processes, apart: %v, on %q", options.Context, o.Procs, o.Apart, options.Clusters[0].Context)
		}
		if options.Context == ".." {
			return f.report(o, catalog.Proven, catalog.Disproven)
		}
		return f.report(o, catalog.Proven, catalog.Proven)
	}
	var exit *exitError
	if err := f.run(t.Context()); !errors.As(err, &exit) || exit.code != ExitDisproven {
		t.Errorf("ended with %v", err)
	}
	if len(looked) != 4 {
		t.Errorf("looked at %d contexts, want 4", len(looked))
	}
	report, err := reports.Load(f.options.Artifacts)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range report.Contexts() {
		got = append(got, fmt.Sprintf("%s %s %d", c.Name, c.Verdict, c.Summary.Proven))
	}
	if want := []string{"good proven 2", "a/b:c proven 2", "dead inconclusive 0", ".. disproven 1"}; !slices.Equal(got, want) {
		t.Errorf("the contexts are %q, want %q", got, want)
	}
	for _, c := range report.Claims {
		if c.Context == "dead" && (c.Code != "A-DIAL-01" || c.Script == "") {
			t.Errorf("%s: code %q, script %q", c.Name(), c.Code, c.Script)
		}
		if c.Script != "" {
			if _, err := os.Stat(filepath.Join(f.options.Artifacts, c.Script)); err != nil {
				t.Error(err)
			}
		}
	}
	for i, name := range f.contexts {
		want := filepath.Join(f.options.Artifacts, contextsDir, contextFolders(f.contexts)[i])
		if name != "dead" && folders[name] != want {
			t.Errorf("%s is in %q, want %q", name, folders[name], want)
		}
		if _, err := reports.Load(want); err != nil {
			t.Error(err)
		}
	}
	out := f.out.String()
	for _, want := range []string{
		"2 claims on dead: preflight: dial refused at 127.0.0.1:1", "good: specs: proving 2 claims, 1 at a time", "good: proven: 2 of 2 proven in ",
		"CONTEXT ", "\n5 passed, 3 failed, 0 skipped\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("did not print %q:\n%s", want, out)
		}
	}
	if _, end, _ := strings.Cut(out, "CONTEXT "); !strings.Contains(end, "dead ") || !strings.Contains(end, "a/b:c ") || strings.Count(end, "\n") != 6 {
		t.Errorf("the last lines are %q", end)
	}
}

// TestContextsExitCode is what several contexts amount to.
func TestContextsExitCode(t *testing.T) {
	for _, tt := range []struct {
		name string
		look func(context.Context, harness.Options) harness.Findings
		x, y catalog.Verdict
		want int
	}{
		{name: "all proven", x: catalog.Proven, y: catalog.Proven, want: ExitProven},
		{name: "one disproven", x: catalog.Proven, y: catalog.Disproven, want: ExitDisproven},
		{name: "all dead", look: brokenAtDial, want: ExitInconclusive},
		{name: "one dead", look: func(ctx context.Context, o harness.Options) harness.Findings {
			if o.Context == "x" {
				return brokenAtDial(ctx, o)
			}
			return harness.Findings{}
		}, y: catalog.Proven, want: ExitInconclusive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.ofContexts("x", "y")
			if tt.look != nil {
				f.look = tt.look
			}
			f.specs = func(_ context.Context, o parallel.Options) error {
				options, _, err := optionsIn(o)
				if err != nil {
					return err
				}
				v := map[string]catalog.Verdict{"x": tt.x, "y": tt.y}[options.Context]
				return f.report(o, catalog.Proven, v)
			}
			err := f.run(t.Context())
			code := ExitProven
			var exit *exitError
			if errors.As(err, &exit) {
				code = exit.code
			}
			if code != tt.want || !strings.Contains(f.out.String(), "\nCONTEXT ") {
				t.Errorf("exit code %d, want %d:\n%s", code, tt.want, &f.out)
			}
		})
	}
}

// TestContextsAbreast proves that no more clusters are proven at a time than the run
// was told, and that those which lead nowhere take no place among them.
func TestContextsAbreast(t *testing.T) {
	f := newFixture(t)
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprint("context-", i))
	}
	f.ofContexts(names...)
	f.abreast, f.procs = 3, 8
	f.look = func(ctx context.Context, o harness.Options) harness.Findings {
		if strings.HasSuffix(o.Context, "1") {
			return brokenAtDial(ctx, o)
		}
		return harness.Findings{}
	}
	var mu sync.Mutex
	now, most, ran := 0, 0, 0
	full := make(chan struct{})
	f.specs = func(_ context.Context, o parallel.Options) error {
		if o.Procs != 2 {
			t.Errorf("%d processes, want 8 for 3 contexts at a time", o.Procs)
		}
		mu.Lock()
		now, ran = now+1, ran+1
		most = max(most, now)
		if ran == 3 {
			close(full)
		}
		mu.Unlock()
		<-full
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			now--
		}()
		return f.report(o, catalog.Proven, catalog.Proven)
	}
	_ = f.run(t.Context())
	if most != 3 || ran != 10 {
		t.Errorf("proved %d at a time and %d in all, want 3 and 10", most, ran)
	}
}

// TestInterruptedContexts proves that an interrupt stops those that run and begins no
// other, and that what was proven by then stays.
func TestInterruptedContexts(t *testing.T) {
	f := newFixture(t)
	f.ofContexts("first", "second", "third")
	f.abreast = 1
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ran := 0
	f.specs = func(_ context.Context, o parallel.Options) error {
		if ran++; ran == 2 {
			stop()
			return f.report(o, catalog.Proven, catalog.Inconclusive)
		}
		return f.report(o, catalog.Proven, catalog.Proven)
	}
	var exit *exitError
	if err := f.run(ctx); !errors.As(err, &exit) || exit.code != ExitInterrupted {
		t.Errorf("ended with %v", err)
	}
	report, err := reports.Load(f.options.Artifacts)
	if err != nil {
		t.Fatal(err)
	}
	if ran != 2 || !report.Interrupted || report.Summary.Proven != 3 || report.Summary.Inconclusive != 3 {
		t.Errorf("ran %d parts, interrupted: %v, %+v", ran, report.Interrupted, report.Summary)
	}
}
