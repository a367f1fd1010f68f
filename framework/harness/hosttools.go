package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
)

// tool is a program of this machine, with the Debian package that has it.
type tool struct{ program, pkg string }

// machineTools are the programs that features need of this machine: those that
// the documented scripts call, wget, and a browser with what imports an authority
// into it.
var machineTools = map[catalog.Feature][]tool{
	catalog.HostTools: {
		{"bash", "bash"}, {"curl", "curl"}, {"grep", "grep"},
		{"cut", "coreutils"}, {"tr", "coreutils"}, {"base64", "coreutils"},
	},
	catalog.Wget:       {{"wget", "wget"}},
	catalog.NodeClient: {{access.NodeProgram, "nodejs"}, {"npm", "npm"}},
	catalog.Browser:    {{access.BrowserProgram, "chromium"}, {access.CertutilProgram, "libnss3-tools"}},
}

// pythonPackage is the Debian package of Python's client of the API.
const pythonPackage = "python3-kubernetes"

// missingTools returns the tools of the feature that are not in PATH, and their
// packages.
func missingTools(f catalog.Feature) (programs, packages []string) {
	for _, t := range machineTools[f] {
		if _, err := exec.LookPath(t.program); err != nil {
			programs, packages = append(programs, t.program), append(packages, t.pkg)
		}
	}
	return programs, packages
}

// ensureTools installs the tools that the claims need and that are missing, where
// this process may. Where it may not, the claims that need them are not
// applicable, and the log says how to mend that.
func ensureTools(ctx context.Context, log io.Writer, claims []catalog.Claim) error {
	for _, f := range []catalog.Feature{catalog.HostTools, catalog.Wget, catalog.Browser, catalog.PythonClient, catalog.NodeClient} {
		if !slices.ContainsFunc(claims, func(c catalog.Claim) bool { return slices.Contains(c.Needs, f) }) {
			continue
		}
		if err := ensureFeature(ctx, log, f); err != nil {
			return err
		}
	}
	return nil
}

func ensureFeature(ctx context.Context, log io.Writer, f catalog.Feature) error {
	_, packages := missingTools(f)
	if f == catalog.PythonClient {
		if _, err := access.FindPython(ctx, access.PythonClient); err != nil {
			packages = []string{pythonPackage}
		}
	}
	if len(packages) > 0 {
		err := hostpackages.Ensure(ctx, log, packages...)
		if absent := (*hostpackages.MissingError)(nil); errors.As(err, &absent) {
			fmt.Fprintf(log, "tools: %v\n", absent)
			return nil
		}
		if err != nil {
			return err
		}
	}
	if f != catalog.NodeClient {
		return nil
	}
	// Without the package the claims about it are not applicable.
	if err := installNodeClient(ctx, log); err != nil {
		fmt.Fprintf(log, "tools: %v\n", err)
	}
	return ctx.Err()
}
