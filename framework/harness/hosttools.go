package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"

	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
)

// hostTool is a program of this machine, with the Debian package that has it.
type hostTool struct{ program, pkg string }

// hostTools are the programs that the documented scripts call, and httpTools the
// others that specs call.
var (
	hostTools = []hostTool{
		{"bash", "bash"}, {"curl", "curl"}, {"grep", "grep"},
		{"cut", "coreutils"}, {"tr", "coreutils"}, {"base64", "coreutils"},
	}
	httpTools = []hostTool{{"wget", "wget"}}
)

// missingTools returns the tools that are not in PATH, and their packages.
func missingTools(tools []hostTool) (programs, packages []string) {
	for _, t := range tools {
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
	_, packages := missingTools(slices.Concat(hostTools, httpTools))
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
