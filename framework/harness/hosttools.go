package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
)

// hostTools are the programs that the documented scripts call, with the Debian
// package that has each.
var hostTools = []struct{ program, pkg string }{
	{"bash", "bash"}, {"curl", "curl"}, {"grep", "grep"},
	{"cut", "coreutils"}, {"tr", "coreutils"}, {"base64", "coreutils"},
}

// missingHostTools returns the tools that are not in PATH, and their packages.
func missingHostTools() (programs, packages []string) {
	for _, t := range hostTools {
		if _, err := exec.LookPath(t.program); err != nil {
			programs, packages = append(programs, t.program), append(packages, t.pkg)
		}
	}
	return programs, packages
}

// ensureHostTools installs the tools that are missing where this process may.
// Where it may not, the claims that need them are not applicable, and the log
// says how to mend that.
func ensureHostTools(ctx context.Context, log io.Writer) error {
	_, packages := missingHostTools()
	if len(packages) == 0 {
		return nil
	}
	err := hostpackages.Ensure(ctx, log, packages...)
	if absent := (*hostpackages.MissingError)(nil); errors.As(err, &absent) {
		fmt.Fprintf(log, "tools: %v\n", absent)
		return nil
	}
	return err
}
