package catalog

// Outcome is what a caller observed at the end of a path. The zero value means
// that the harness could not observe anything.
type Outcome string

const (
	// Unknown is the zero outcome: the probe itself could not run.
	Unknown Outcome = ""
	// Reached: the request was answered with success (HTTP 2xx, exit code 0).
	Reached Outcome = "Reached"
	// Redirected: HTTP 3xx.
	Redirected Outcome = "Redirected"
	// BadRequest: HTTP 400, 405, 406, 409, 415 or 422.
	BadRequest Outcome = "BadRequest"
	// Unauthorized: HTTP 401; a credential was sent and not accepted.
	Unauthorized Outcome = "Unauthorized"
	// Forbidden: HTTP 403; the caller is known, perhaps as anonymous, and may not.
	Forbidden Outcome = "Forbidden"
	// NotFound: HTTP 404.
	NotFound Outcome = "NotFound"
	// ServerError: HTTP 500, 501, 502 or 504.
	ServerError Outcome = "ServerError"
	// Unavailable: HTTP 503.
	Unavailable Outcome = "Unavailable"
	// Untrusted: the client refused the server's certificate.
	Untrusted Outcome = "Untrusted"
	// NotTLS: one side spoke TLS and the other did not.
	NotTLS Outcome = "NotTLS"
	// Unresolved: the host name has no address.
	Unresolved Outcome = "Unresolved"
	// Refused: nothing listens at the address, or it was reset.
	Refused Outcome = "Refused"
	// TimedOut: no answer within the caller's time limit.
	TimedOut Outcome = "TimedOut"
	// Failed: the client ended with an error that is none of the above, such
	// as a usage or configuration error of its own.
	Failed Outcome = "Failed"
)

// FromStatus returns the outcome of an HTTP status code, Unknown for zero.
func FromStatus(code int) Outcome {
	switch {
	case code == 0:
		return Unknown
	case code >= 200 && code < 300:
		return Reached
	case code >= 300 && code < 400:
		return Redirected
	case code == 401:
		return Unauthorized
	case code == 403:
		return Forbidden
	case code == 404:
		return NotFound
	case code == 503:
		return Unavailable
	case code >= 500:
		return ServerError
	default:
		return BadRequest
	}
}
