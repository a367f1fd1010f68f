package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/fault"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// matrixFixture is a matrix of one claim and one fault, with everything else made up.
type matrixFixture struct {
	matrixRun
	out bytes.Buffer
	// script is what is left by the claim under the fault, and leak what its
	// processes do besides.
	script string
	leak   func(o parallel.Options, artifacts string) error
}

// inPlace is whether the fault is, which is a file, for scripts to see.
func (f *matrixFixture) inPlace() string { return filepath.Join(f.options.Artifacts, "in-place") }

func newMatrixFixture(t *testing.T) *matrixFixture {
	t.Helper()
	t.Setenv(cache.EnvDir, t.TempDir())
	claim, err := catalog.Lookup("kubectl/first-access")
	if err != nil {
		t.Fatal(err)
	}
	named := claim.Faults[0]
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	content := `{"apiVersion":"v1","kind":"Config","current-context":"x","clusters":[{"name":"x","cluster":{"server":"https://127.0.0.1:1"}}],
"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"users":[{"name":"x","user":{}}]}`
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &matrixFixture{}
	f.matrixRun = matrixRun{
		streams: Streams{Out: &f.out, Err: &f.out},
		options: harness.Options{Artifacts: t.TempDir(), Claims: []catalog.ID{claim.ID}},
		faults: []fault.Fault{{Name: named.Name, Hop: named.Hop, Scope: fault.Client, Inject: func(_ context.Context, s *fault.Site) error {
			s.Defer(func() { _ = os.Remove(f.inPlace()) })
			return os.WriteFile(f.inPlace(), nil, 0o600)
		}}},
		procs: 1, repeat: true,
		provision: func(context.Context, harness.Options, io.Writer) ([]cluster.Ref, func(context.Context) error, error) {
			return []cluster.Ref{{Name: "made", Kubeconfig: kubeconfig, Context: "x"}}, func(context.Context) error { return nil }, nil
		},
		processes: func(_ context.Context, o parallel.Options) error {
			options, _, err := optionsIn(o)
			if err != nil {
				return err
			}
			if options.Discard {
				t.Error("the cluster of a matrix does not go with one run of its specs")
			}
			if f.leak != nil {
				if err := f.leak(o, options.Artifacts); err != nil {
					return err
				}
			}
			r := reports.Placeholder(options.Meta(options.Clusters))
			r.Result = reports.Complete
			c := &r.Claims[0]
			c.Verdict = catalog.Proven
			if _, err := os.Stat(f.inPlace()); err == nil {
				c.Verdict, c.Hop, c.Code, c.Script = catalog.Disproven, named.Hop, string(named.Code), reports.ScriptOf(string(c.ID))
				path := filepath.Join(options.Artifacts, c.Script)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(f.script), 0o700)); err != nil {
					return err
				}
			}
			return reports.Write(options.Artifacts, r)
		},
	}
	return f
}

func TestFaultsEndByWhatScriptsJudge(t *testing.T) {
	for _, row := range []struct {
		name, script string
		code         int
		says         string
	}{
		{"right", `[ ! -e "$FLAG" ]`, ExitProven, "scripts: 1 of 1 fail under the fault and not after it, 0 cannot tell"},
		{"not judged", "exit 3", ExitProven, "scripts: 0 of 1 fail under the fault and not after it, 1 cannot tell"},
		{"fails after healing too", "exit 1", ExitDisproven, "its script ends with exit code 1 under the fault and 1 after it, not 1 and 0"},
		{"does not fail", "exit 0", ExitDisproven, "its script ends with exit code 0 under the fault and 0 after it, not 1 and 0"},
		{"judged only after healing", `[ ! -e "$FLAG" ] || exit 3`, ExitDisproven, "its script ends with exit code 3 under the fault and 0 after it, not 1 and 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newMatrixFixture(t)
			f.script = "FLAG=" + f.inPlace() + "\n" + row.script
			err, exit := f.on(t.Context()), (*exitError)(nil)
			if code := ExitProven; errors.As(err, &exit) && exit.code != row.code || (err == nil) != (row.code == code) {
				t.Errorf("got %v, want exit code %d\n%s", err, row.code, &f.out)
			}
			if !strings.Contains(f.out.String(), row.says) {
				t.Errorf("it does not say %q:\n%s", row.says, &f.out)
			}
		})
	}
}

func TestALeakFailsTheFaults(t *testing.T) {
	for _, row := range []struct {
		name string
		leak func(f *matrixFixture, o parallel.Options, artifacts, token string) error
		want string
	}{
		{"in no file", func(*matrixFixture, parallel.Options, string, string) error { return nil }, ""},
		{"in Ginkgo's log of a run", func(_ *matrixFixture, o parallel.Options, _, token string) error {
			_, err := fmt.Fprintln(o.Log, token)
			return err
		}, "broken/" + logFile},
		{"in a file of a run", func(_ *matrixFixture, _ parallel.Options, artifacts, token string) error {
			return os.WriteFile(filepath.Join(artifacts, "some.txt"), []byte(base64.StdEncoding.EncodeToString([]byte("{"+token))), 0o600)
		}, "broken/some.txt"},
		{"in the matrix", func(f *matrixFixture, _ parallel.Options, _, token string) error {
			// Redaction goes by form, and this one has none.
			f.script = "echo " + base64.StdEncoding.EncodeToString([]byte(token)) + "; exit 3"
			return nil
		}, "in " + reports.MatrixJSONFile},
		{"on the terminal", func(f *matrixFixture, _ parallel.Options, _, token string) error {
			_, err := fmt.Fprintln(f.streams.Out, token)
			return err
		}, "in " + onTerminal},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, token := newMatrixFixture(t), leakingToken("faults, "+row.name)
			f.script = `[ ! -e "` + f.inPlace() + `" ]`
			f.leak = func(o parallel.Options, artifacts string) error {
				_, env, err := optionsIn(o)
				return errors.Join(err, reports.AppendSecret(env[reports.EnvEvents], token), row.leak(f, o, artifacts, token))
			}
			err, exit := f.on(t.Context()), (*exitError)(nil)
			raw, readErr := os.ReadFile(filepath.Join(f.options.Artifacts, reports.MatrixMarkdownFile))
			if readErr != nil {
				t.Fatal(readErr)
			}
			if row.want == "" {
				if err != nil || strings.Contains(string(raw), "leaked:") {
					t.Errorf("got %v\n%s", err, raw)
				}
				return
			}
			if !errors.As(err, &exit) || exit.code != ExitInconclusive || !strings.Contains(exit.cause, probe.KindServiceAccountToken) || !strings.Contains(exit.cause, row.want) {
				t.Errorf("got %v, want one about %q", err, row.want)
			}
			if !strings.Contains(string(raw), "leaked: "+probe.KindServiceAccountToken) {
				t.Errorf("the matrix does not tell of it:\n%s", raw)
			}
			left := probe.KnownSecrets().Search()
			_ = filepath.WalkDir(f.options.Artifacts, func(path string, _ os.DirEntry, _ error) error {
				if raw, err := os.ReadFile(path); err == nil && len(left.Find(string(raw))) > 0 {
					t.Errorf("%s still has it", path)
				}
				return nil
			})
		})
	}
}
