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
