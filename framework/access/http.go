package access

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// bodyLimit bounds how much of a response is kept, in bytes.
const bodyLimit = 4 << 20

// Request is an HTTP request as a person would make it with curl.
type Request struct {
	// Method is "GET" when empty.
	Method string
	URL    string
	// Header is sent as it is; a Host entry replaces the host of URL.
	Header http.Header
	Body   string
}

// Do makes the request with the client and returns what came back. Redirects
// are followed as the client says.
func Do(ctx context.Context, client *http.Client, q Request) Result {
	r := Result{Command: q.curl(), Target: probe.Redact(q.URL), Recipe: Recipe{Request: &q, Config: configOf(client)}}
	req, err := http.NewRequestWithContext(ctx, q.Method, q.URL, strings.NewReader(q.Body))
	if err != nil {
		r.Err = fmt.Errorf("making the request: %w", err)
		return r
	}
	for k, v := range q.Header {
		if http.CanonicalHeaderKey(k) == "Host" {
			req.Host = v[0]
			continue
		}
		req.Header[k] = v
	}
	if c := configOf(client); c != nil {
		learn(c)
	}
	start := time.Now()
	resp, err := client.Do(req)
	r.Duration = time.Since(start)
	if err != nil {
		r.Stderr = err.Error()
		r.Outcome = classify(r.Stderr)
		// A caller who gives up for a reason of his own has waited in vain.
		if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
			r.Outcome, r.Err = catalog.Unknown, err
		} else if cause != nil {
			r.Outcome = catalog.TimedOut
		}
		return r
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	r.Duration, r.Status, r.Stdout = time.Since(start), resp.StatusCode, string(body)
	probe.KnownSecrets().Learn(r.Stdout)
	r.Outcome, r.Header = catalog.FromStatus(resp.StatusCode), resp.Header
	if err != nil {
		r.Stderr, r.Outcome = "reading the body: "+err.Error(), classify(err.Error())
	}
	return r
}

func (q Request) curl() string {
	args := []string{"curl"}
	if q.Method != "" && q.Method != http.MethodGet {
		args = append(args, "--request", q.Method)
	}
	for k, v := range q.Header {
		args = append(args, "--header", k+": "+strings.Join(v, ", "))
	}
	return commandLine(append(args, q.URL)...)
}

// PlainClient returns a client for HTTP on this host that keeps no connection
// and goes through no proxy.
func PlainClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
}

// KeepingClient is PlainClient with as many connections that are kept.
func KeepingClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
}

// APIClient returns a client that authenticates to the API server of cfg, and
// the address of that server without a trailing slash.
func APIClient(cfg *rest.Config) (*http.Client, string, error) {
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, "", fmt.Errorf("making a client for %q: %w", cfg.Host, err)
	}
	known := *client
	known.Transport = authenticated{cmp.Or(client.Transport, http.DefaultTransport), cfg}
	return &known, strings.TrimSuffix(cfg.Host, "/"), nil
}

// FreshClient is APIClient with a connection of its own for each request, which
// answers within the timeout or not at all.
func FreshClient(cfg *rest.Config, timeout time.Duration) (*http.Client, string, error) {
	trust, err := rest.TLSConfigFor(cfg)
	if err != nil {
		return nil, "", fmt.Errorf("making a client for %q: %w", cfg.Host, err)
	}
	proxy := cfg.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	transport, err := rest.HTTPWrappersForConfig(cfg, &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true, Proxy: proxy})
	if err != nil {
		return nil, "", fmt.Errorf("making a client for %q: %w", cfg.Host, err)
	}
	return &http.Client{Transport: authenticated{transport, cfg}, Timeout: timeout}, strings.TrimSuffix(cfg.Host, "/"), nil
}
