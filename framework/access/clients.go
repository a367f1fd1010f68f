package access

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs that run clients of the API.
const (
	PythonProgram = "python3"
	NodeProgram   = "node"
	GoProgram     = "go"
)

// EnvProgram is the variable in which a container of a pod has the program of
// fixtures/clients that it runs.
const EnvProgram = "INROADS_PROGRAM"

// What the programs of fixtures/clients print.
const (
	saysUser = "user "
	saysPod  = "pod "
)

// Listed is whom a program of fixtures/clients says that its user is, "" for no
// word of it, and which pods it lists.
func Listed(r Result) (user string, pods []string) {
	for line := range strings.Lines(r.Stdout) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, saysUser); ok {
			user = name
		}
		if name, ok := strings.CutPrefix(line, saysPod); ok {
			pods = append(pods, name)
		}
	}
	return user, pods
}

// Modules that a Python may have or not.
const (
	// PythonClient is the client of the API.
	PythonClient = "kubernetes"
	// PythonPip installs packages, and PythonEnsurePip gives each virtual
	// environment its pip.
	PythonPip       = "pip"
	PythonEnsurePip = "ensurepip"
)

// FindPython returns the first Python in PATH that has the module. A machine may
// have several, and a module is one's own.
func FindPython(ctx context.Context, module string) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, PythonProgram)
		if _, err := exec.LookPath(path); err != nil {
			continue
		}
		if exec.CommandContext(ctx, path, "-c", "import "+module).Run() == nil {
			return path, ctx.Err()
		}
	}
	return "", fmt.Errorf("no %s in PATH has the module %s", PythonProgram, module)
}
