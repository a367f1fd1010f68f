package access

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestBlame(t *testing.T) {
	for _, row := range []struct {
		got, want catalog.Outcome
		status    int
		hop       catalog.Hop
	}{
		{catalog.Unresolved, catalog.Reached, 0, catalog.HopResolve},
		{catalog.Refused, catalog.Reached, 0, catalog.HopDial},
		{catalog.TimedOut, catalog.Reached, 0, catalog.HopDial},
		{catalog.Untrusted, catalog.Reached, 0, catalog.HopTLS},
		{catalog.Unauthorized, catalog.Reached, 401, catalog.HopAuthn},
		{catalog.Forbidden, catalog.Reached, 403, catalog.HopAuthz},
		{catalog.Failed, catalog.Reached, 0, catalog.HopTool},
		{catalog.Unavailable, catalog.Reached, 503, catalog.HopAPI},
		{catalog.Reached, catalog.Untrusted, 200, catalog.HopTLS},
		{catalog.Reached, catalog.Unauthorized, 200, catalog.HopAuthn},
		{catalog.Reached, catalog.Forbidden, 200, catalog.HopAuthz},
	} {
		if hop := Blame(Result{Outcome: row.got, Status: row.status}, row.want); hop != row.hop {
			t.Errorf("%s instead of %s: blamed %s, want %s", row.got, row.want, hop, row.hop)
		}
	}
	nobody := Result{Outcome: catalog.Forbidden, Status: 403, Stdout: status("403", `User \"system:anonymous\" cannot`)}
	if hop := Blame(nobody, catalog.Reached); hop != catalog.HopAuthn {
		t.Errorf("a caller who should have been known: blamed %s, want %s", hop, catalog.HopAuthn)
	}
}
