// Package access goes into a cluster, a file for each way in. Its functions
// observe and return; they assert nothing.
package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// Result is what a caller saw of one request or command. An outcome of Unknown
// means that the request could not be made at all, and Err says why.
type Result struct {
	Outcome catalog.Outcome
	// Command is what a person would type to see the same, redacted.
	Command string
	// Target is what was addressed, a URL or a pod in words, or "" where the
	// command alone tells.
	Target string
	// Status is the HTTP status, or 0 if no response was seen.
	Status int
	// Header is that of the response to Do, nil for commands.
	Header http.Header
	// Exit is the exit code of the command, or -1 if it did not start or was
	// killed. It is 0 for requests that no command made.
	Exit     int
	Duration time.Duration
	// Stdout is the body of a response, or the standard output of a command. It
	// may hold credentials: print it through Summary.
	Stdout string
	Stderr string
	// Err is why the caller itself could not ask, nil when it could.
	Err error
	// Recipe is how to ask the same again.
	Recipe Recipe
}

// summaryLimit bounds each of the outputs in a summary, in bytes.
const summaryLimit = 600

// Summary returns the command and what it gave, redacted, for a failure
// message or a report.
func (r Result) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Command, orUnknown(r.Outcome))
	if r.Status != 0 {
		fmt.Fprintf(&b, ", HTTP %d", r.Status)
	}
	if r.Exit != 0 {
		fmt.Fprintf(&b, ", exit code %d", r.Exit)
	}
	if r.Err != nil {
		fmt.Fprintf(&b, ", %v", r.Err)
	}
	for _, out := range []struct{ name, text string }{{"stdout", r.Stdout}, {"stderr", r.Stderr}} {
		if t := strings.TrimSpace(out.text); t != "" {
			fmt.Fprintf(&b, "\n  %s: %s", out.name, clip(t))
		}
	}
	return probe.Redact(b.String())
}

// Format keeps outputs, which may hold credentials, out of every message that
// prints a result.
func (r Result) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.Summary())) }

// Into decodes the JSON of Stdout.
func (r Result) Into(v any) error {
	if err := json.Unmarshal([]byte(r.Stdout), v); err != nil {
		return fmt.Errorf("decoding what %s gave: %w", r.Command, err)
	}
	return nil
}

func clip(s string) string {
	if len(s) <= summaryLimit {
		return s
	}
	return s[:summaryLimit] + fmt.Sprintf("… (%d bytes more)", len(s)-summaryLimit)
}

func orUnknown(o catalog.Outcome) catalog.Outcome {
	if o == catalog.Unknown {
		return "Unknown"
	}
	return o
}

// classify returns the outcome that the text of a client's error names, and
// Failed for a text that names none. Clients say these things in words of their
// own; each row is one that was seen.
func classify(text string) catalog.Outcome {
	t := strings.ToLower(numbers.ReplaceAllString(text, ""))
	for _, row := range messages {
		for _, m := range row.says {
			if strings.Contains(t, m) {
				return row.outcome
			}
		}
	}
	return catalog.Failed
}

// numbers are those that are no status, though they may have one in them: ports,
// and what is longer.
var numbers = regexp.MustCompile(`:[0-9]+|[0-9]{4,}`)

// OutcomeOf returns the outcome that the text of an error names, for clients that
// run elsewhere; see classify.
func OutcomeOf(text string) catalog.Outcome { return classify(text) }

// messages are ordered: a message that quotes another's words comes first.
var messages = []struct {
	outcome catalog.Outcome
	says    []string
}{
	{catalog.NotTLS, []string{"server gave http response to https client", "first record does not look like a tls handshake", "wrong version number", "http request to an https server"}},
	{catalog.Untrusted, []string{"x509:", "certificate verify failed", "ssl certificate problem", "failed to verify certificate", "unable to get local issuer", "no alternative certificate subject name", "cannot verify", "unable to verify the first certificate", "self-signed certificate", "err_tls_cert_altname_invalid", "cert_has_expired"}},
	{catalog.Unresolved, []string{"no such host", "could not resolve host", "unable to resolve host", "name or service not known", "server misbehaving", "enotfound"}},
	{catalog.Unauthorized, []string{"unauthorized", "must be logged in to the server", "asked for the client to provide credentials"}},
	{catalog.Forbidden, []string{"forbidden"}},
	{catalog.Refused, []string{"connection refused", "was refused", "connection reset", "failed to connect to", "econnrefused"}},
	{catalog.TimedOut, []string{"i/o timeout", "timed out", "deadline exceeded", "context deadline"}},
	{catalog.Unavailable, []string{"serviceunavailable", "currently unable to handle the request", "503"}},
	{catalog.NotFound, []string{"notfound", "not found", "could not find the requested resource"}},
}

// ErrNotStarted is wrapped by the error of a command that could not be started.
var ErrNotStarted = errors.New("not started")
