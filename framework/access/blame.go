package access

import (
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// anonymousUser is whom the API server takes for the caller of a request in which
// it finds no credential.
const anonymousUser = "system:anonymous"

// Blame returns the hop that an unexpected result speaks of: the one that
// refused or, where a refusal was wanted, the one that let the caller through.
func Blame(r Result, want catalog.Outcome) catalog.Hop {
	got := r.Outcome
	if got == catalog.Reached {
		got = want
	}
	switch got {
	case catalog.Unresolved:
		return catalog.HopResolve
	case catalog.Refused, catalog.TimedOut:
		return catalog.HopDial
	case catalog.Untrusted, catalog.NotTLS:
		return catalog.HopTLS
	case catalog.Unauthorized:
		return catalog.HopAuthn
	case catalog.Forbidden:
		// Who was to get in lacks no right but a credential.
		if want == catalog.Reached && strings.Contains(r.Stdout+r.Stderr, anonymousUser) {
			return catalog.HopAuthn
		}
		return catalog.HopAuthz
	case catalog.Failed:
		if r.Status == 0 {
			return catalog.HopTool
		}
	}
	return catalog.HopAPI
}
