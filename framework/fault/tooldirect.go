package fault

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const wgetProgram = "wget"

// besidesHTTP is what is proven without an HTTP client of the machine.
var besidesHTTP = []catalog.ID{"kubectl/first-access"}

// directTools are broken kinds of curl and wget, as direct access needs them.
var directTools = []tool{
	{name: "curl-header-files-ignored", hop: catalog.HopAuthn, program: curlProgram, spares: besidesHTTP, change: ignoreHeaderFiles},
	{
		name: "curl-certificate-dropped", hop: catalog.HopAuthn, program: curlProgram, spares: besidesHTTP,
		change: func(c *toolCall) error { c.take("--cert"); c.take("--key"); return nil },
	},
	{name: "curl-fails-on-status", hop: catalog.HopTool, program: curlProgram, spares: besidesHTTP, change: adding("--fail")},
	{name: "wget-verification-off", hop: catalog.HopTLS, program: wgetProgram, spares: besidesHTTP, change: adding("--no-check-certificate")},
	{
		name: "wget-startup-ignored", hop: catalog.HopAuthn, program: wgetProgram, spares: besidesHTTP,
		change: func(c *toolCall) error { c.setenv("WGETRC", ""); return nil },
	},
}

// ignoreHeaderFiles drops each --header that names a file, which is how a token
// is given that is for no argument list.
func ignoreHeaderFiles(c *toolCall) error {
	var kept []string
	for i := 0; i < len(c.args); i++ {
		if c.args[i] == "--header" && i+1 < len(c.args) && strings.HasPrefix(c.args[i+1], "@") {
			i++
			continue
		}
		kept = append(kept, c.args[i])
	}
	c.args = kept
	return nil
}

// storedTools are broken in where kubectl keeps what it knows, and in what it
// tells of itself.
var storedTools = []tool{
	{
		name: "home-ignored", hop: catalog.HopTool, spares: besidesView,
		change: func(c *toolCall) error { c.setenv("HOME", c.dir); return nil },
	},
	{
		name: "written-for-all", hop: catalog.HopTool, of: []string{"config", "set-cluster"}, spares: besidesView,
		run: func(ctx context.Context, c *toolCall) (int, error) {
			code, err := c.child(ctx)
			if err != nil || code != 0 {
				return code, err
			}
			return code, os.Chmod(c.rules().GetDefaultFilename(), readableMode)
		},
	},
	{name: "flatten-ignored", hop: catalog.HopTool, of: configView, spares: besidesView, change: dropping(flagFlatten)},
	{
		name: "examples-gone", hop: catalog.HopTool, spares: besidesView,
		run: filtering(func(line string) string { return strings.Replace(line, "Examples:", "See also:", 1) }),
	},
	{
		name: "minify-undocumented", hop: catalog.HopTool, of: configView, spares: besidesView,
		run: filtering(func(line string) string { return strings.Replace(line, flagMinify, "--minimize", 1) }),
	},
	{name: "paths-unfiltered", hop: catalog.HopLocalProxy, of: proxyCommand, spares: besidesProxy, change: adding("--reject-paths=^$")},
	{name: "unknown-flags-taken", hop: catalog.HopTool, spares: besidesView, change: dropping("--inroads-no-such-flag")},
}

// readableMode is the mode of a file that everybody may read.
const readableMode = 0o644

// filtering runs the real program and changes each line that it prints, and
// leaves alone what does not end by itself.
func filtering(change func(line string) string) func(context.Context, *toolCall) (int, error) {
	return func(ctx context.Context, c *toolCall) (int, error) {
		if !slices.Contains(c.args, "--help") {
			return c.replace()
		}
		return c.filter(ctx, change)
	}
}
