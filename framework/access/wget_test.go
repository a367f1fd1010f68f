package access

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestWgetOutcome(t *testing.T) {
	for _, row := range []struct {
		name    string
		exit    int
		outcome catalog.Outcome
		want    catalog.Outcome
	}{
		{"success", 0, catalog.Reached, catalog.Reached},
		{"a certificate that it does not trust", wgetUntrusted, catalog.Failed, catalog.Untrusted},
		{"401", wgetUnauthorized, catalog.Failed, catalog.Unauthorized},
		{"403, which it says", 8, catalog.Forbidden, catalog.Forbidden},
		{"killed", -1, catalog.TimedOut, catalog.TimedOut},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := WgetOutcome(Result{Exit: row.exit, Outcome: row.outcome}).Outcome; got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
