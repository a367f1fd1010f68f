package fault

import (
	"context"
	"os"
	"path/filepath"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

// withoutDependencies is the configuration of a pip that installs packages alone.
const withoutDependencies = "[install]\nno-deps = true\n"

// venvTools are broken in the virtual environments that they make.
var venvTools = []tool{{
	name: "venv-without-dependencies", hop: catalog.HopTool, program: access.PythonProgram, module: access.PythonEnsurePip,
	of: []string{"venv"}, needs: []Need{Venv}, spares: besidesHTTP,
	run: func(ctx context.Context, c *toolCall) (int, error) {
		code, err := c.child(ctx)
		if err != nil || code != 0 {
			return code, err
		}
		return 0, os.WriteFile(filepath.Join(c.args[len(c.args)-1], "pip.conf"), []byte(withoutDependencies), 0o600)
	},
}}
