package access

import (
	"context"
	"fmt"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Exit codes of GNU Wget, from its manual. What it says beside them depends on
// the TLS library that it was built with.
const (
	wgetUntrusted    = 5
	wgetUnauthorized = 6
)

// wgetName is how GNU Wget begins to tell its version.
const wgetName = "GNU Wget"

// CheckWget returns an error where there is no GNU Wget.
func (h Host) CheckWget(ctx context.Context) error {
	v := h.Exec(ctx, nil, "wget", "--version")
	switch {
	case v.Err != nil:
		return v.Err
	case !strings.HasPrefix(v.Stdout, wgetName):
		return fmt.Errorf("it is not %s: %s", wgetName, v.Summary())
	}
	return nil
}

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
