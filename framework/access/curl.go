package access

import (
	"strconv"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Exit codes of curl, from its manual page.
const (
	curlUnresolvedHost = 6
	curlCannotConnect  = 7
	curlTimedOut       = 28
	curlTLSConnect     = 35
	curlEmptyReply     = 52
	curlReset          = 56
	curlUntrusted      = 60
)

// CurlStatus is what to give curl after --write-out, so that ReadCurl can tell
// the HTTP status from the body.
const CurlStatus = `\n%{http_code}`

// ReadCurl turns the result of a command whose last part is a curl with
// --write-out CurlStatus into what curl saw: the status comes off the body, and
// curl's exit code gives the outcome where no response arrived.
func ReadCurl(r Result) Result {
	if r.Err != nil {
		return r
	}
	if i := strings.LastIndexByte(r.Stdout, '\n'); i >= 0 {
		if status, err := strconv.Atoi(strings.TrimSpace(r.Stdout[i+1:])); err == nil {
			r.Status, r.Stdout = status, r.Stdout[:i]
		}
	}
	return CurlOutcome(r)
}

// CurlOutcome sets the outcome from the HTTP status, where there is one, or
// from curl's exit code. A status of success is none when curl failed after it,
// in the middle of the body, say.
func CurlOutcome(r Result) Result {
	switch r.Exit {
	case curlUnresolvedHost:
		r.Outcome = catalog.Unresolved
	case curlCannotConnect, curlEmptyReply, curlReset:
		r.Outcome = catalog.Refused
	case curlTimedOut:
		r.Outcome = catalog.TimedOut
	case curlTLSConnect:
		r.Outcome = catalog.NotTLS
	case curlUntrusted:
		r.Outcome = catalog.Untrusted
	default:
		switch o := catalog.FromStatus(r.Status); {
		case o == catalog.Reached && r.Exit != 0:
			r.Outcome = catalog.Failed
		case o != catalog.Unknown:
			r.Outcome = o
		}
	}
	return r
}
