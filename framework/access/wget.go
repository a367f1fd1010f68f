package access

import "github.com/inroads-k8s/inroads/framework/catalog"

// Exit codes of GNU Wget, from its manual. What it says beside them depends on
// the TLS library that it was built with.
const (
	wgetUntrusted    = 5
	wgetUnauthorized = 6
)

// WgetOutcome sets the outcome from the exit code of GNU Wget where that tells
// more than what it said.
func WgetOutcome(r Result) Result {
	switch r.Exit {
	case wgetUntrusted:
		r.Outcome = catalog.Untrusted
	case wgetUnauthorized:
		r.Outcome = catalog.Unauthorized
	}
	return r
}
