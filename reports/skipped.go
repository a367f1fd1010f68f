package reports

import "github.com/inroads-k8s/inroads/framework/catalog"

// NotReached returns the report of a run, or a part of one, that was ended by a
// limit of its own before its claims had their turn: all are skipped for the
// reason.
func NotReached(m Meta, reason string) Report {
	return assemble(m, func(c catalog.Claim) Claim {
		one := describe(c)
		one.Verdict, one.Reason = catalog.Skipped, clip(clean(reason), maxReason)
		return one
	})
}
