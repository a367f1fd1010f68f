package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

const (
	// scriptTime bounds one script, which makes pods where its claim had some.
	scriptTime = 5 * time.Minute
	// leaveTime is how long a script that is ended has to remove them, and the
	// credentials that it has written.
	leaveTime = 30 * time.Second
)

// saysCame begins the line in which a script tells what came.
const saysCame = "came:"

// repeat runs the scripts of the claims that the row has red.
func (r *run) repeat(ctx context.Context, row *reports.FaultRow, ref cluster.Ref, env []string, healed bool) {
	if !r.Repeat {
		return
	}
	for i := range row.Pairs {
		p := &row.Pairs[i]
		if p.Script == "" || ctx.Err() != nil {
			continue
		}
		got := r.runScript(ctx, filepath.Join(r.Artifacts, faultsDir, row.Name, "broken", p.Script), ref, env)
		if p.Repeated == nil {
			p.Repeated = &reports.Repeated{}
		}
		if healed {
			p.Repeated.Healed = got
		} else {
			p.Repeated.Broken = got
		}
	}
}

// runScript runs a script with the kubeconfig and the kubectl of the cluster.
func (r *run) runScript(ctx context.Context, path string, ref cluster.Ref, env []string) reports.ScriptRun {
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", path, ref.Kubeconfig, ref.Context)
	cmd.Env = append(append(os.Environ(), env...), "KUBECTL="+ref.Kubectl)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// A group of its own, for Ctrl-C is for whoever runs the script.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = leaveTime
	err := cmd.Run()
	// It asks with credentials that it has asked for itself.
	probe.KnownSecrets().Learn(out.String())
	got := reports.ScriptRun{Exit: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		got.Exit, got.Said = harness.ScriptUnable, err.Error()
		return got
	}
	var said []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if came, ok := strings.CutPrefix(line, saysCame); ok {
			came, _, _ = strings.Cut(strings.TrimSpace(came), ",")
			got.Came = came
		}
		if line != "" {
			said = append(said, line)
		}
	}
	const last = 6
	got.Said = probe.Redact(strings.Join(said[max(0, len(said)-last):], "\n"))
	return got
}

// tellRepeated prints what the scripts of the row did.
func (r *run) tellRepeated(row reports.FaultRow) {
	for _, p := range row.Pairs {
		if p.Repeated == nil {
			continue
		}
		word := "right"
		switch {
		case p.Repeated.Unable():
			word = "not judged"
		case !p.Repeated.Right():
			word = "WRONG"
		}
		r.logf("  script of %s: %s: broken %s, healed %s", p.Claim, word, oneRun(p.Repeated.Broken), oneRun(p.Repeated.Healed))
	}
}

func oneRun(s reports.ScriptRun) string {
	out := fmt.Sprintf("exit %d", s.Exit)
	if s.Came != "" {
		out += " " + s.Came
	}
	if lines := strings.Split(s.Said, "\n"); s.Exit == harness.ScriptUnable {
		out += " (" + lines[len(lines)-1] + ")"
	}
	return out
}
