package fault

import (
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
