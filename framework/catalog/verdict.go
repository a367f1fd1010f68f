package catalog

// Verdict is what a run says of a claim.
type Verdict string

const (
	// Proven: the claim held, its control got in, and its negative was refused.
	Proven Verdict = "proven"
	// Disproven: the cluster or the tool does not do what the claim says.
	Disproven Verdict = "disproven"
	// NotApplicable: the cluster or the machine lacks a feature that the claim
	// needs; the reason names it.
	NotApplicable Verdict = "not applicable"
	// Skipped: the claim was selected and not run, for the reason given.
	Skipped Verdict = "skipped"
	// Inconclusive: the harness itself could not tell. Never green, and never
	// blamed on the cluster.
	Inconclusive Verdict = "inconclusive"
)

// Verdicts returns every verdict, best first.
func Verdicts() []Verdict {
	return []Verdict{Proven, NotApplicable, Skipped, Inconclusive, Disproven}
}
