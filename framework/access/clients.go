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

// FindPython returns the first Python in PATH that has the package kubernetes. A
// machine may have several, and a package is one's own.
func FindPython(ctx context.Context) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, PythonProgram)
		if _, err := exec.LookPath(path); err != nil {
			continue
		}
		if exec.CommandContext(ctx, path, "-c", "import kubernetes").Run() == nil {
			return path, ctx.Err()
		}
	}
	return "", fmt.Errorf("no %s in PATH has the package kubernetes", PythonProgram)
}
