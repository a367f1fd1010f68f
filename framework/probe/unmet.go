package probe

import (
	"slices"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Unmet returns the diagnosis of a hop at which a caller observed another
// outcome than an honest cluster gives. Unknown for got means that the outcome
// was the expected one and something else about the answer was not. What is
// known beyond the outcome, such as the words of an error, may tell more.
func Unmet(hop catalog.Hop, got, want catalog.Outcome) Code {
	if letIn(got, want) {
		if code, ok := letInCodes[hop]; ok {
			return code
		}
	}
	if code, ok := unmetCodes[unmet{hop, got}]; ok {
		return code
	}
	return deviates[hop]
}

// letIn is whether somebody got through who should have been refused. Where
// nobody should listen, any answer is one too many.
func letIn(got, want catalog.Outcome) bool {
	if want == catalog.Refused && slices.Contains(answers, got) {
		return true
	}
	return got == catalog.Reached && want != catalog.Reached && want != catalog.Unknown
}

// answers are the outcomes that a server's refusal of a request has.
var answers = []catalog.Outcome{
	catalog.Redirected, catalog.BadRequest, catalog.Unauthorized, catalog.Forbidden,
	catalog.NotFound, catalog.ServerError, catalog.Unavailable,
}

// letInCodes are the diagnoses of a refusal that did not come.
var letInCodes = map[catalog.Hop]Code{
	catalog.HopLocalProxy: ProxyOpen,
	catalog.HopDial:       DialOpen,
	catalog.HopTLS:        TLSTrusting,
	catalog.HopAuthn:      AuthnLetIn,
	catalog.HopAuthz:      AuthzLetIn,
}

type unmet struct {
	hop catalog.Hop
	got catalog.Outcome
}

// unmetCodes are the diagnoses that an outcome alone tells.
var unmetCodes = map[unmet]Code{
	{catalog.HopTool, catalog.Failed}:            ToolFailed,
	{catalog.HopLocalProxy, catalog.Refused}:     ProxyDown,
	{catalog.HopLocalProxy, catalog.TimedOut}:    ProxyDown,
	{catalog.HopLocalProxy, catalog.Forbidden}:   ProxyFiltered,
	{catalog.HopLocalProxy, catalog.ServerError}: ProxyUpstream,
	{catalog.HopMount, catalog.Failed}:           MountMissing,
	{catalog.HopMount, catalog.NotFound}:         MountMissing,
	{catalog.HopResolve, catalog.Unresolved}:     ResolveNoHost,
	{catalog.HopResolve, catalog.TimedOut}:       ResolveFailed,
	{catalog.HopDial, catalog.Refused}:           DialRefused,
	{catalog.HopDial, catalog.TimedOut}:          DialTimeout,
	{catalog.HopTLS, catalog.NotTLS}:             TLSNotTLS,
	{catalog.HopTLS, catalog.Untrusted}:          TLSAuthority,
	{catalog.HopTLS, catalog.TimedOut}:           TLSTimeout,
	{catalog.HopTLS, catalog.Refused}:            TLSBroken,
	{catalog.HopAuthn, catalog.Unauthorized}:     AuthnRefused,
	{catalog.HopAuthn, catalog.Forbidden}:        AuthnAnonymous,
	{catalog.HopAuthz, catalog.Forbidden}:        AuthzDenied,
	{catalog.HopAPI, catalog.ServerError}:        APIServerError,
	{catalog.HopAPI, catalog.Unavailable}:        APIUnavailable,
	{catalog.HopAPI, catalog.TimedOut}:           APITimeout,
	{catalog.HopAPI, catalog.Refused}:            APIBroken,
	{catalog.HopService, catalog.NotFound}:       ServiceMissing,
	{catalog.HopService, catalog.Unavailable}:    ServiceNoPort,
	{catalog.HopService, catalog.Refused}:        ServiceRefused,
	{catalog.HopService, catalog.Reached}:        ServiceDeviates,
	{catalog.HopEndpoint, catalog.Unavailable}:   EndpointNone,
	{catalog.HopNode, catalog.NotFound}:          NodeMissing,
	{catalog.HopNode, catalog.Forbidden}:         NodeRefuses,
	{catalog.HopNode, catalog.Unauthorized}:      NodeRefuses,
	{catalog.HopBackend, catalog.Unavailable}:    BackendDown,
	{catalog.HopBackend, catalog.ServerError}:    BackendStatus,
	{catalog.HopBackend, catalog.NotTLS}:         BackendNotTLS,
	{catalog.HopBackend, catalog.Refused}:        BackendBroken,
	{catalog.HopBackend, catalog.TimedOut}:       BackendTimeout,
}

// deviates are the diagnoses of a hop of which no more is known than that it did
// something else than it should.
var deviates = map[catalog.Hop]Code{
	catalog.HopTool:       ToolDeviates,
	catalog.HopConfig:     ConfigElsewhere,
	catalog.HopLocalProxy: ProxyDeviates,
	catalog.HopController: ControllerIdle,
	catalog.HopMount:      MountWrong,
	catalog.HopResolve:    ResolveElsewhere,
	catalog.HopDial:       DialUnreachable,
	catalog.HopTLS:        TLSTrusting,
	catalog.HopAuthn:      AuthnSomebodyElse,
	catalog.HopAuthz:      AuthzLetIn,
	catalog.HopAPI:        APIDeviates,
	catalog.HopService:    ServiceSilent,
	catalog.HopEndpoint:   EndpointNone,
	catalog.HopNode:       NodeUnreachable,
	catalog.HopBackend:    BackendDeviates,
}
