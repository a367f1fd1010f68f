package access

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// Shell runs a documented script literally, with bash and this machine's own
// grep, cut, tr, base64 and curl, stopping at the first command that fails as a
// reader at the keyboard would. What the script prints last is Stdout.
//
// The documented curl commands put a token into their argument list. That is
// the page's doing and part of what is proven; the tokens of a run are of a
// namespace that lives as long as the spec.
func (h Host) Shell(ctx context.Context, script string) Result {
	r := h.Exec(ctx, nil, "bash", "--noprofile", "--norc", "-e", "-c", script)
	return r
}

// LinkKubectl makes a folder in which the kubectl under test is called kubectl,
// so that scripts find it by that name, and returns the path of the link.
func LinkKubectl(dir, kubectl string) (string, error) {
	abs, err := filepath.Abs(kubectl)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	link := filepath.Join(dir, "kubectl")
	if err := os.Symlink(abs, link); err != nil && !os.IsExist(err) {
		return "", err
	}
	return link, nil
}

// special is what means something to a shell between double quotes, at the keyboard
// too.
var special = regexp.MustCompile("[\"$`!]|\\\\(?:[\\\\\n]|\\z)")

// commandLine returns a command as it is told: as a shell reads it, without a secret. A
// word with single quotes of its own, as a script for a container is, reads better
// between double ones.
func commandLine(args ...string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = shellescape.Quote(a)
		if strings.Contains(a, "'") && !special.MatchString(a) {
			words[i] = `"` + a + `"`
		}
	}
	return probe.Redact(strings.Join(words, " "))
}
