package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"al.essio.dev/pkg/shellescape"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	kubectlProgram = "kubectl"
	curlProgram    = "curl"
	browserProgram = access.BrowserProgram
	// toolMode is the mode of a program that only its owner may run.
	toolMode = 0o700
)

// tool is a client program that is broken: the real one, called in another way.
type tool struct {
	name string
	hop  catalog.Hop
	// program is what it is called, "" for kubectl.
	program string
	// module is what the real Python must have, "" for the client of the API.
	module string
	// of are the words that a broken command begins with, flags aside. The
	// others are run as they are. None means every command.
	of     []string
	needs  []Need
	spares []catalog.ID
	// change changes what the real program is called with. With an error the
	// tool ends, and the real one is not run.
	change func(*toolCall) error
	// run runs the real program and returns its exit code. Nil means that the
	// real one takes this process's place.
	run func(context.Context, *toolCall) (int, error)
}

// tools is every broken tool.
var tools = slices.Concat(
	kubectlTools, viewTools, proxyTools, proxyLegTools, describeTools, curlTools, directTools, storedTools, browserTools, applyTools,
	clientTools, balancerTools, versionTools, goTools, venvTools,
)

// toolFaults are those that give the run another client program, or another
// thing that its client programs go by.
var toolFaults = append(faultsOf(tools), authorityInSystemStore)

func faultsOf(tools []tool) []Fault {
	var out []Fault
	for _, t := range tools {
		out = append(out, Fault{
			Name: t.name, Hop: t.hop, Scope: Client, Needs: t.needs, Spares: t.spares,
			Inject: func(ctx context.Context, s *Site) error { return t.inject(ctx, s) },
			Took:   t.runs,
		})
	}
	return out
}

func (t tool) is() string { return cmp.Or(t.program, kubectlProgram) }

// inject makes a program of the tool's name in the site's folder. It is this
// very program, which Tool then makes the broken tool.
func (t tool) inject(ctx context.Context, s *Site) error {
	program := t.is()
	healthy := program
	if program == kubectlProgram {
		healthy = cmp.Or(s.Ref.Kubectl, program)
	}
	found, err := t.find(ctx, healthy)
	if err != nil {
		return fmt.Errorf("looking for the real %s: %w", program, err)
	}
	if found, err = filepath.Abs(found); err != nil {
		return fmt.Errorf("looking for the real %s: %w", program, err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(toolFile{Fault: t.name, Real: found, Server: s.Config.Host})
	if err != nil {
		return fmt.Errorf("describing the broken %s: %w", program, err)
	}
	path := filepath.Join(s.Dir, program)
	if err := os.WriteFile(path+".json", raw, 0o600); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=%s exec %s \"$@\"\n", envTool, shellescape.Quote(path+".json"), shellescape.Quote(self))
	if err := os.WriteFile(path, []byte(script), toolMode); err != nil {
		return err
	}
	if program == kubectlProgram {
		s.Ref.Kubectl = path
	} else {
		s.Env = append(s.Env, "PATH="+s.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	return nil
}

// find returns the path of the healthy program.
func (t tool) find(ctx context.Context, program string) (string, error) {
	if program == access.PythonProgram {
		return access.FindPython(ctx, cmp.Or(t.module, access.PythonClient))
	}
	return exec.LookPath(program)
}

// runs returns nil if the broken tool still does what it is not broken in.
func (t tool) runs(ctx context.Context, s *Site) error {
	args := []string{"--version"}
	switch t.is() {
	case kubectlProgram:
		args = []string{"version", "--client"}
	case access.GoProgram:
		args = []string{"version"}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(s.Dir, t.is()), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("asking the broken %s for its version: %w: %s", t.is(), err, out)
	}
	return nil
}
