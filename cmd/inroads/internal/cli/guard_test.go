package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// leakingToken is a token of a ServiceAccount that only the named test knows.
func leakingToken(of string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(`{"sub":"system:serviceaccount:a:b"}`)) + "." + encode([]byte("the signature of the token of "+of))
}

func TestALeakFailsTheRun(t *testing.T) {
	for _, row := range []struct {
		name string
		leak func(t *testing.T, f *fixture, o parallel.Options, token string) error
		want string
	}{
		{"in no file", func(*testing.T, *fixture, parallel.Options, string) error { return nil }, ""},
		{"redacted", func(_ *testing.T, _ *fixture, o parallel.Options, token string) error {
			_, err := fmt.Fprintln(o.Log, probe.Redact(token))
			return err
		}, ""},
		{"in Ginkgo's log", func(_ *testing.T, _ *fixture, o parallel.Options, token string) error {
			_, err := fmt.Fprintln(o.Log, token)
			return err
		}, probe.KindServiceAccountToken + " in " + logFile},
		{"in base64 in a script", func(_ *testing.T, f *fixture, _ parallel.Options, token string) error {
			path := filepath.Join(f.options.Artifacts, reports.ScriptsDir, "x.sh")
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString([]byte("{"+token))), 0o700))
		}, probe.KindServiceAccountToken + " in " + reports.ScriptsDir + "/x.sh"},
		{"on the terminal", func(_ *testing.T, f *fixture, _ parallel.Options, token string) error {
			_, err := fmt.Fprintln(f.streams.Out, token)
			return err
		}, probe.KindServiceAccountToken + " in " + onTerminal},
		{"in an argument list", func(t *testing.T, f *fixture, _ parallel.Options, token string) error {
			return f.sampled(exec.CommandContext(t.Context(), "sh", "-c", "read x", token))
		}, probe.KindServiceAccountToken + " in " + inArguments + "sh"},
		{"in the page's own command", func(t *testing.T, f *fixture, _ parallel.Options, token string) error {
			return f.sampled(exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-e", "-c", "sh -c 'read x' "+token+"; true"))
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, token := newFixture(t), leakingToken(row.name)
			f.specs = func(_ context.Context, o parallel.Options) error {
				var path string
				for _, kv := range o.Env {
					if name, value, _ := strings.Cut(kv, "="); name == reports.EnvEvents {
						path = value
					}
				}
				if err := errors.Join(reports.AppendSecret(path, token), row.leak(t, f, o, token)); err != nil {
					return err
				}
				return f.report(o, catalog.Proven, catalog.Proven)
			}
			err := f.run(t.Context())
			report, loadErr := reports.Load(f.options.Artifacts)
			if loadErr != nil {
				t.Fatal(loadErr)
			}
			var exit *exitError
			if row.want == "" {
				if err != nil || len(report.Leaks) > 0 {
					t.Errorf("got %v, leaks %q", err, report.Leaks)
				}
				return
			}
			if !errors.As(err, &exit) || exit.code != ExitInconclusive || !strings.Contains(exit.cause, row.want) {
				t.Errorf("got %v, want one about %q", err, row.want)
			}
			if !slices.Equal(report.Leaks, []string{row.want}) {
				t.Errorf("leaks %q, want %q", report.Leaks, row.want)
			}
			left := f.guard.secrets.Search()
			_ = filepath.WalkDir(f.options.Artifacts, func(path string, entry os.DirEntry, _ error) error {
				if raw, err := os.ReadFile(path); err == nil && len(left.Find(string(raw))) > 0 {
					t.Errorf("%s still has it", entry.Name())
				}
				return nil
			})
			if junit, _ := os.ReadFile(filepath.Join(f.options.Artifacts, reports.JUnitFile)); !strings.Contains(string(junit), row.want) {
				t.Errorf("the JUnit report does not tell of it")
			}
		})
	}
}

func TestALeakInTheReportIsNotWrittenAgain(t *testing.T) {
	f, token := newFixture(t), leakingToken("a reason")
	encoded := base64.StdEncoding.EncodeToString([]byte(token))
	f.specs = func(_ context.Context, o parallel.Options) error {
		f.guard.add(token)
		if err := f.report(o, catalog.Proven, catalog.Disproven); err != nil {
			return err
		}
		report, err := reports.Load(f.options.Artifacts)
		for i := range report.Claims {
			report.Claims[i].Reason = "it says " + encoded
		}
		return errors.Join(err, reports.Write(f.options.Artifacts, report))
	}
	f.format = formatJSON
	_ = f.run(t.Context())
	report, err := reports.Load(f.options.Artifacts)
	if err != nil || len(report.Leaks) == 0 || len(report.Claims) == 0 {
		t.Fatalf("leaks %q in %d claims (%v)", report.Leaks, len(report.Claims), err)
	}
	for _, c := range report.Claims {
		if c.Sentence == "" || !strings.HasPrefix(c.Reason, "it says ") {
			t.Errorf("%s lost more than the credential: %+v", c.ID, c)
		}
	}
	if f.out.Len() == 0 || strings.Contains(f.out.String(), encoded[:40]) {
		t.Errorf("printed:\n%s", f.out.String())
	}
	files, err := filepath.Glob(filepath.Join(f.options.Artifacts, "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%q (%v)", files, err)
	}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil && !strings.HasSuffix(path, reports.ScriptsDir) || strings.Contains(string(raw), encoded[:40]) {
			t.Errorf("%s has it (%v)", path, err)
		}
	}
}

// sampled has the guard look while the command waits for its input.
func (f *fixture) sampled(cmd *exec.Cmd) error {
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	f.guard.sample()
	return errors.Join(in.Close(), ignoreExit(cmd.Wait()))
}

// ignoreExit is nil for a program that ended in its own way.
func ignoreExit(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}
