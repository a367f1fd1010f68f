package probe_test

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

type unmetRow struct {
	hop       catalog.Hop
	got, meet catalog.Outcome
	want      probe.Code
}

var unmetRows = []unmetRow{
	{catalog.HopTool, catalog.Unknown, catalog.Reached, probe.ToolDeviates},
	{catalog.HopTool, catalog.Failed, catalog.Reached, probe.ToolFailed},
	{catalog.HopConfig, catalog.Unknown, "", probe.ConfigElsewhere},
	{catalog.HopLocalProxy, catalog.Refused, catalog.Reached, probe.ProxyDown},
	{catalog.HopLocalProxy, catalog.Forbidden, catalog.Reached, probe.ProxyFiltered},
	{catalog.HopLocalProxy, catalog.ServerError, catalog.Reached, probe.ProxyUpstream},
	{catalog.HopLocalProxy, catalog.Reached, catalog.Refused, probe.ProxyOpen},
	{catalog.HopLocalProxy, catalog.Forbidden, catalog.Refused, probe.ProxyOpen},
	{catalog.HopLocalProxy, catalog.NotFound, catalog.Reached, probe.ProxyDeviates},
	{catalog.HopController, catalog.Unknown, "", probe.ControllerIdle},
	{catalog.HopMount, catalog.Failed, catalog.Reached, probe.MountMissing},
	{catalog.HopMount, catalog.Unknown, "", probe.MountWrong},
	{catalog.HopResolve, catalog.Unresolved, catalog.Reached, probe.ResolveNoHost},
	{catalog.HopResolve, catalog.Unknown, "", probe.ResolveElsewhere},
	{catalog.HopDial, catalog.BadRequest, catalog.Refused, probe.DialOpen},
	{catalog.HopDial, catalog.Refused, catalog.Reached, probe.DialRefused},
	{catalog.HopTLS, catalog.Untrusted, catalog.Reached, probe.TLSAuthority},
	{catalog.HopTLS, catalog.Reached, catalog.Untrusted, probe.TLSTrusting},
	{catalog.HopAuthn, catalog.Unauthorized, catalog.Reached, probe.AuthnRefused},
	{catalog.HopAuthn, catalog.Reached, catalog.Unauthorized, probe.AuthnLetIn},
	{catalog.HopAuthn, catalog.Unknown, "", probe.AuthnSomebodyElse},
	{catalog.HopAuthz, catalog.Forbidden, catalog.Reached, probe.AuthzDenied},
	{catalog.HopAuthz, catalog.Reached, catalog.Forbidden, probe.AuthzLetIn},
	{catalog.HopAPI, catalog.Unknown, "", probe.APIDeviates},
	{catalog.HopService, catalog.NotFound, catalog.Reached, probe.ServiceMissing},
	{catalog.HopService, catalog.Unavailable, catalog.Reached, probe.ServiceNoPort},
	{catalog.HopService, catalog.Refused, catalog.Reached, probe.ServiceRefused},
	{catalog.HopService, catalog.TimedOut, catalog.Reached, probe.ServiceSilent},
	{catalog.HopService, catalog.Reached, catalog.Reached, probe.ServiceDeviates},
	{catalog.HopService, catalog.Reached, catalog.Refused, probe.ServiceDeviates},
	{catalog.HopEndpoint, catalog.Unavailable, catalog.Reached, probe.EndpointNone},
	{catalog.HopNode, catalog.Unavailable, catalog.Reached, probe.NodeUnreachable},
	{catalog.HopNode, catalog.NotFound, catalog.Reached, probe.NodeMissing},
	{catalog.HopNode, catalog.Forbidden, catalog.Reached, probe.NodeRefuses},
	{catalog.HopBackend, catalog.Unavailable, catalog.Reached, probe.BackendDown},
	{catalog.HopBackend, catalog.ServerError, catalog.Reached, probe.BackendStatus},
	{catalog.HopBackend, catalog.NotTLS, catalog.Reached, probe.BackendNotTLS},
	{catalog.HopBackend, catalog.Refused, catalog.Reached, probe.BackendBroken},
	{catalog.HopBackend, catalog.TimedOut, catalog.Reached, probe.BackendTimeout},
	{catalog.HopBackend, catalog.Unknown, "", probe.BackendDeviates},
}

func TestUnmet(t *testing.T) {
	for _, r := range unmetRows {
		if got := probe.Unmet(r.hop, r.got, r.meet); got != r.want {
			t.Errorf("at %s, %q for %q: %s, want %s", r.hop, r.got, r.meet, got, r.want)
		}
	}
}

// TestUnmetNamesItsOwnHop holds every hop's diagnoses to that hop.
func TestUnmetNamesItsOwnHop(t *testing.T) {
	for _, p := range catalog.Paths() {
		for _, hop := range p.Hops {
			for _, got := range []catalog.Outcome{catalog.Unknown, catalog.Reached, catalog.Forbidden, catalog.Failed, catalog.TimedOut} {
				code := probe.Unmet(hop, got, catalog.Unauthorized)
				if d, ok := probe.Lookup(code); !ok || d.Hop != hop {
					t.Errorf("%s at %s for an unmet 401: %s is of hop %q", got, hop, code, d.Hop)
				}
			}
		}
	}
}
