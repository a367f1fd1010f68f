package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

func TestCalledAs(t *testing.T) {
	for program, want := range map[string]string{
		"": "inroads", "/usr/bin/inroads": "inroads", "bin/kubectl-inroads": "kubectl inroads", "kubectl-inroads.exe": "kubectl inroads",
		"kubectl-in_roads": "kubectl in-roads", "kubectl-": "inroads",
	} {
		if got := calledAs(program); got != want {
			t.Errorf("%q is called as %q, want %q", program, got, want)
		}
	}
}

// TestPlugin proves that a plugin of kubectl tells its user what to type.
func TestPlugin(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--help"}, "Usage:\n  kubectl inroads [flags]\n"},
		{[]string{"run", "--help"}, "Usage:\n  kubectl inroads run [flags]\n"},
		{[]string{"probe", "--help"}, "\n  kubectl create token default | kubectl inroads probe token --token-file -\n"},
		{[]string{"rn"}, `inroads: unknown command "rn"; did you mean "run"? 'kubectl inroads --help' lists the commands`},
		{[]string{"list", "--claim", "no-such/claim-at-all"}, `'kubectl inroads list' prints them`},
		{[]string{"cluster", "--bogus"}, `'kubectl inroads cluster --help' lists the flags`},
	} {
		var out bytes.Buffer
		Run(t.Context(), Streams{Out: &out, Err: &out, Program: "/opt/kubectl-inroads"}, tt.args)
		if got := out.String(); !strings.Contains(got, tt.want) || strings.Contains(strings.ReplaceAll(got, "kubectl inroads ", ""), "  inroads ") {
			t.Errorf("%q prints\n%s\nwant %q", tt.args, got, tt.want)
		}
	}
	if got := (Streams{Program: "kubectl-inroads"}).own("what inroads makes; inroads sweep"); got != "what inroads makes; kubectl inroads sweep" {
		t.Errorf("got %q", got)
	}
}

// TestPluginCompletion proves that the script has the name that kubectl looks for, and
// calls the plugin as its user does.
func TestPluginCompletion(t *testing.T) {
	for program, want := range map[string][2]string{
		"inroads":             {"kubectl_complete-inroads", "\nexec kubectl inroads __complete \"$@\"\n"},
		"/bin/kubectl-in_out": {"kubectl_complete-in_out", "\nexec kubectl in-out __complete \"$@\"\n"},
	} {
		dir := t.TempDir()
		var printed, out bytes.Buffer
		if code := Run(t.Context(), Streams{Out: &printed, Err: &printed, Program: program}, []string{"completion", "kubectl"}); code != ExitProven || !strings.Contains(printed.String(), want[1]) {
			t.Errorf("%s: exit code %d, prints %q", program, code, &printed)
		}
		code := Run(t.Context(), Streams{Out: &out, Err: &out, Program: program}, []string{"completion", "kubectl", "--install", dir})
		path := filepath.Join(dir, want[0])
		script, err := os.ReadFile(path)
		if info, _ := os.Stat(path); code != ExitProven || err != nil || info.Mode().Perm()&0o111 != 0o111 || string(script) != printed.String() || !strings.Contains(out.String(), path) {
			t.Errorf("%s: exit code %d, %q, wrote %q, error %v", program, code, &out, script, err)
		}
	}
	var out bytes.Buffer
	if code := Run(t.Context(), Streams{Out: &out, Err: &out}, []string{"completion", "kubectl", "--install", "/no/such/folder"}); code != ExitInconclusive || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("exit code %d, %q", code, &out)
	}
}

// TestAbandon proves that who leaves at once is told what stays, of this run alone.
func TestAbandon(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(cache.EnvDir, dir)
	l, err := ledger.Open(filepath.Join(dir, ledger.DirName))
	if err != nil {
		t.Fatal(err)
	}
	worker := exec.Command("sleep", "60")
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = worker.Process.Kill()
		_ = worker.Wait()
	}()
	for _, e := range []ledger.Entry{
		{Kind: ledger.Cluster, Name: "mine"},
		{Kind: ledger.File, Name: "/one"},
		{Kind: cluster.Namespaces, Name: "abc", Owner: ledger.Owner{PID: worker.Process.Pid}},
		{Kind: ledger.Cluster, Name: "foreign", Owner: ledger.Owner{PID: os.Getppid()}},
	} {
		if _, err := l.Note(e); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	code := Abandon(Streams{Err: &out})
	want := "inroads: left without cleaning up: cluster \"mine\", namespaces of run \"abc\", 1 folders with files of the run; 'inroads sweep' mends it\n"
	if code != ExitAbandoned || out.String() != want {
		t.Errorf("exit code %d, printed %q, want %q", code, out.String(), want)
	}
	t.Setenv(cache.EnvDir, t.TempDir())
	out.Reset()
	if Abandon(Streams{Err: &out}); !strings.Contains(out.String(), "what it made, if anything, stays") {
		t.Errorf("of nothing it prints %q", fmt.Sprint(&out))
	}
}
