package access

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Programs that run clients of the API.
const (
	PythonProgram = "python3"
	NodeProgram   = "node"
	GoProgram     = "go"
)

// Modules that a Python may have or not.
const (
	// PythonClient is the client of the API.
	PythonClient = "kubernetes"
	// PythonPip gives each virtual environment its pip.
	PythonPip = "ensurepip"
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
