package access

import "github.com/inroads-k8s/inroads/framework/catalog"

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
		return catalog.HopAuthz
	case catalog.Failed:
		if r.Status == 0 {
			return catalog.HopTool
		}
	}
	return catalog.HopAPI
}
