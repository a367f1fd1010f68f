package access

import (
	"net/http"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// Words by which clients and servers tell one cause from another that has the
// same outcome. Each was seen.
var (
	saysOtherName = []string{"doesn't contain any ip sans", "is valid for", "no alternative certificate subject name", "not valid for any names", "hostname mismatch", "owner does not match hostname", "no certificate subject alternative name matches", "err_cert_common_name_invalid", "err_tls_cert_altname_invalid"}
	saysValidity  = []string{"has expired", "is not yet valid", "certificate expired", "err_cert_date_invalid", "cert_has_expired"}
	// The API server breaks its own answer off where that of a backend breaks off.
	saysBroken = []string{"unexpected eof", "stream error", "internal_error"}
	saysNoWay  = []string{"failed to connect to", "connection refused", "no route to host", "network is unreachable"}
	saysNoTLS  = []string{"first record does not look like a tls handshake", "http request to an https server", "server gave http response to https client"}
)

// SaysNoBalancer is what is said of a Service of type LoadBalancer that has no
// address outside the cluster.
const SaysNoBalancer = "its load balancer has no address"

// Diagnose returns the diagnosis of a result at a hop where another outcome was
// wanted.
func Diagnose(hop catalog.Hop, r Result, want catalog.Outcome) catalog.Code {
	got := r.Outcome
	text := strings.ToLower(r.Stderr + "\n" + r.Stdout)
	status, own := APIStatus(r)
	switch {
	case hop == catalog.HopTLS && want == catalog.NotTLS:
		return probe.TLSNotTLS
	case hop == catalog.HopTLS && got == catalog.Untrusted && says(text, saysOtherName):
		return probe.TLSName
	case hop == catalog.HopTLS && got == catalog.Untrusted && says(text, saysValidity):
		return probe.TLSValidity
	case hop == catalog.HopAuthn && got == catalog.Forbidden && own && !strings.Contains(status.Message, anonymousUser):
		return probe.AuthnSomebodyElse
	case hop == catalog.HopService && own && strings.HasPrefix(status.Message, noServicePort):
		return probe.ServiceNoPort
	case hop == catalog.HopController && strings.Contains(text, SaysNoBalancer):
		return probe.ControllerPending
	case hop == catalog.HopBackend || hop == catalog.HopNode:
		return diagnoseTarget(hop, r, text, own && status.Code == http.StatusServiceUnavailable)
	}
	return probe.Unmet(hop, got, want)
}

// diagnoseTarget tells what is wrong behind the API server's proxy, which says
// of all that it cannot reach the same 503, or with a backend that was asked
// without it.
func diagnoseTarget(hop catalog.Hop, r Result, text string, unreached bool) catalog.Code {
	switch {
	case r.Outcome == catalog.TimedOut && hop == catalog.HopNode:
		return probe.NodeUnreachable
	case hop == catalog.HopNode:
		return probe.Unmet(hop, r.Outcome, catalog.Reached)
	case says(text, saysNoTLS):
		return probe.BackendNotTLS
	case unreached, r.Outcome == catalog.Refused && says(text, saysNoWay):
		return probe.BackendDown
	case r.Outcome == catalog.Failed && says(text, saysBroken):
		return probe.BackendBroken
	case r.Outcome == catalog.Unavailable:
		return probe.BackendStatus
	}
	return probe.Unmet(hop, r.Outcome, catalog.Reached)
}

func says(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
