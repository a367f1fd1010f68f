package access

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// RunKubectl runs the kubectl under test.
func (h Host) RunKubectl(ctx context.Context, args ...string) Result {
	return h.Exec(ctx, nil, h.Kubectl, args...)
}

// RunKubectlWith runs the kubectl under test with stdin on its standard input.
func (h Host) RunKubectlWith(ctx context.Context, stdin string, args ...string) Result {
	return h.Exec(ctx, strings.NewReader(stdin), h.Kubectl, args...)
}

// path returns PATH for commands that find kubectl by name, as the documented
// ones do: the folder of the kubectl under test comes first.
func (h Host) path() string {
	if h.Kubectl == "" {
		return os.Getenv("PATH")
	}
	return filepath.Dir(h.Kubectl) + string(os.PathListSeparator) + os.Getenv("PATH")
}

// requestLine is a line of kubectl's log about one request, from --v=6 on. A URL
// is of printable ASCII.
var requestLine = regexp.MustCompile(`(?m)^.* round_trippers\.go:\d+\] .*?(https?://[!#-~]+)`)

// RequestURLs returns the URLs that a kubectl with --v=6 or more says it asked
// for, in that order.
func RequestURLs(r Result) []string {
	var urls []string
	for _, m := range requestLine.FindAllStringSubmatch(r.Stderr, -1) {
		urls = append(urls, m[1])
	}
	return urls
}
