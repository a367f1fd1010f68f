package access

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// Recipe is what a Result was made from, so that the same can be asked again. One
// of Args, Request and Command is set, or none where nothing but the caller knows
// how to ask. It holds credentials, which Format keeps out of every message.
type Recipe struct {
	// Args are the program and the arguments of a command of this machine, Host
	// where it ran, and Stdin what it read.
	Args  []string
	Host  Host
	Stdin string
	// Request was made by Do, and Config is what its client authenticated with,
	// nil for a client that does not know the cluster.
	Request *Request
	Config  *rest.Config
	// Command ran in the Container.
	Command   []string
	Container Container
}

// IsZero is whether nothing is known of how to ask again.
func (r Recipe) IsZero() bool { return r.Args == nil && r.Request == nil && r.Command == nil }

// Format says what sort of recipe it is and nothing of what is in it.
func (r Recipe) Format(s fmt.State, _ rune) {
	sort := "none"
	switch {
	case r.Args != nil:
		sort = "command"
	case r.Request != nil:
		sort = "request"
	case r.Command != nil:
		sort = "command in a container"
	}
	_, _ = io.WriteString(s, "recipe: "+sort)
}

// Journal is what a host has started that goes on while requests are made of it.
type Journal struct {
	mu      sync.Mutex
	started []Started
}

// Started is a kubectl proxy: where it said that it listens, its arguments, and
// the host that it was started on.
type Started struct {
	Addr string
	Args []string
	Host Host
}

func (j *Journal) note(s Started) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.started = append(j.started, s)
}

// Started returns all that was started, in that order.
func (j *Journal) Started() []Started {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.started)
}

// Says are the words by which the texts of clients name an outcome.
type Says struct {
	Outcome catalog.Outcome
	// Words are in lower case; each alone will do.
	Words []string
}

// Words returns the words of each outcome that a text can name. They are ordered:
// the first outcome of which a text has a word is meant.
func Words() []Says {
	var all []Says
	for _, m := range messages {
		all = append(all, Says{m.outcome, m.says})
	}
	return all
}

// ExitCode is an exit code that names an outcome.
type ExitCode struct {
	Code    int
	Outcome catalog.Outcome
}

// CurlExitCodes and WgetExitCodes are those of which the outcome is known; see
// CurlOutcome and WgetOutcome.
func CurlExitCodes() []ExitCode {
	var all []ExitCode
	for code := range curlReset + curlUntrusted {
		if r := CurlOutcome(Result{Exit: code}); r.Outcome != catalog.Unknown {
			all = append(all, ExitCode{code, r.Outcome})
		}
	}
	return all
}

// WgetExitCodes is described with CurlExitCodes.
func WgetExitCodes() []ExitCode {
	return []ExitCode{{wgetUntrusted, catalog.Untrusted}, {wgetUnauthorized, catalog.Unauthorized}}
}

// authenticated is the transport of a client that authenticates to an API server,
// which knows how.
type authenticated struct {
	http.RoundTripper
	config *rest.Config
}

// configOf returns what the client authenticates with, nil where it is not one of
// APIClient or FreshClient.
func configOf(client *http.Client) *rest.Config {
	if a, ok := client.Transport.(authenticated); ok {
		return a.config
	}
	return nil
}

// learn notes the credentials of a client.
func learn(c *rest.Config) {
	known := probe.KnownSecrets()
	known.Add(c.BearerToken)
	known.Add(c.Password)
	known.Add(string(c.KeyData))
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (a authenticated) CloseIdleConnections() {
	if c, ok := a.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// keep returns a reader of all that stdin gives, and what that is.
func keep(stdin io.Reader) (io.Reader, string) {
	if stdin == nil {
		return nil, ""
	}
	raw, err := io.ReadAll(stdin)
	if err != nil {
		return io.MultiReader(strings.NewReader(string(raw)), stdin), ""
	}
	return strings.NewReader(string(raw)), string(raw)
}
