package matrix

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/poll"
	"github.com/inroads-k8s/inroads/reports"
)

func TestScriptsAreRunUnderTheFaultAndAfterIt(t *testing.T) {
	for _, row := range []struct{ name, script, want string }{
		{"repeats the failure", `if [ "$1" = broken ]; then echo "came:     Refused, exit code 7"; exit 1; fi; echo "came:     Reached"`, "right: broken exit 1 Refused, healed exit 0 Reached"},
		{"fails whatever is broken", "exit 1", "WRONG: broken exit 1, healed exit 1"},
		{"does not fail", "exit 0", "WRONG: broken exit 0, healed exit 0"},
		{"cannot tell", "echo 'only a reader can'; exit 3", "not judged: broken exit 3 (only a reader can), healed exit 3 (only a reader can)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &world{says: asTheCatalogueSays}
			f := w.fault("kubeconfig-ignored", catalog.HopTool)
			o := w.options(t, f)
			o.Repeat = true
			proves := o.Specs
			o.Specs = func(ctx context.Context, ref cluster.Ref, env []string, claims []catalog.ID, artifacts string) (reports.Report, time.Duration, error) {
				r, d, err := proves(ctx, ref, env, claims, artifacts)
				for i := range r.Claims {
					if c := &r.Claims[i]; c.Verdict == catalog.Disproven {
						c.Script = reports.ScriptOf(string(c.ID))
						path := filepath.Join(artifacts, c.Script)
						// Whether the fault is in place is in a file: the way to it is healthy.
						flag := `set -- "$( [ -e "` + filepath.Join(o.Artifacts, "broken") + `" ] && echo broken)"` + "\n"
						err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(flag+row.script+"\n"), 0o700),
							os.WriteFile(filepath.Join(o.Artifacts, "broken"), nil, 0o600))
					} else {
						_ = os.Remove(filepath.Join(o.Artifacts, "broken"))
					}
				}
				return r, d, err
			}
			if _, err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if out := o.Log.(*bytes.Buffer).String(); !strings.Contains(out, row.want) {
				t.Errorf("%q is not in:\n%s", row.want, out)
			}
		})
	}
}

// TestAScriptThatIsEndedRemovesWhatItMade ends one while it waits for a command, as
// scripts do, in a process group of that command's own.
func TestAScriptThatIsEndedRemovesWhatItMade(t *testing.T) {
	dir := t.TempDir()
	path, made := filepath.Join(dir, "script.sh"), filepath.Join(dir, "made")
	script := "mkdir " + made + "\ntrap 'sleep 0.1; rm -r " + made + "' EXIT\ntimeout 5 sleep 5 >/dev/null 2>&1\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		_ = poll.Until(ctx, "the script to be at work", 10*time.Millisecond, func(context.Context) error {
			_, err := os.Stat(made)
			return err
		})
		stop()
	}()
	(&run{}).runScript(ctx, path, cluster.Ref{}, nil)
	if ctx.Err() == nil {
		t.Error("the script ended by itself")
	}
	if _, err := os.Stat(made); !os.IsNotExist(err) {
		t.Errorf("what it made is still there: %v", err)
	}
}
