package probe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	userAgent = "inroads-probe"
	// largest is how much of an answer is read.
	largest = 1 << 20
	// longest is how much of a text that a server sent is shown.
	longest = 300
)

// line is the one connection of a walk: the client's transport, built as
// client-go builds it, which tells of each leg that a request passes.
type line struct {
	entry     *entry
	target    Target
	transport *http.Transport
	client    http.RoundTripper
	tls       *tls.Config
	legs      *legs
}

func newLine(e *entry, t Target) (*line, *finding) {
	l := &line{entry: e, target: t, legs: &legs{proxied: e.proxy, took: map[catalog.Hop]time.Duration{}}}
	var err error
	if l.tls, err = rest.TLSConfigFor(e.config); err != nil {
		return nil, e.finding(ConfigInvalid, firstLine(err), err)
	}
	if l.tls == nil {
		l.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	own := l.tls.GetClientCertificate
	l.tls.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		l.legs.note(func(g *legs) { g.certificateAsked = true })
		if own == nil {
			return &tls.Certificate{}, nil
		}
		return own(r)
	}
	l.transport = utilnet.SetTransportDefaults(&http.Transport{
		Proxy:                  e.config.Proxy,
		DialContext:            (&net.Dialer{Timeout: l.limit(catalog.HopDial), Resolver: t.Resolver}).DialContext,
		TLSClientConfig:        l.tls,
		DisableCompression:     e.config.DisableCompression,
		OnProxyConnectResponse: onProxyAnswer,
		MaxConnsPerHost:        1,
	})
	config := rest.CopyConfig(e.config)
	config.UserAgent = userAgent
	if l.client, err = rest.HTTPWrappersForConfig(config, l.transport); err != nil {
		return nil, e.finding(ConfigInvalid, firstLine(err), err)
	}
	return l, nil
}

func (l *line) close() { l.transport.CloseIdleConnections() }

// limit returns how long a hop may take.
func (l *line) limit(hop catalog.Hop) time.Duration {
	if hop == catalog.HopBackend {
		return cmp.Or(l.target.Timeout, DefaultBackendTimeout)
	}
	if rank(hop) >= rank(catalog.HopAuthn) {
		return cmp.Or(l.target.Timeout, DefaultAnswerTimeout)
	}
	return cmp.Or(l.target.Timeout, DefaultTimeout)
}

// dialTarget is the address that is dialled: the server's, or the proxy's.
func (l *line) dialTarget() string {
	if l.entry.proxy != nil {
		return hostPort(l.entry.proxy)
	}
	return hostPort(l.entry.server)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// targetOf is what a hop addresses.
func (l *line) targetOf(hop catalog.Hop) string {
	switch hop {
	case catalog.HopResolve:
		host, _, _ := net.SplitHostPort(l.dialTarget())
		return host
	case catalog.HopDial:
		return l.dialTarget()
	case catalog.HopTLS:
		return hostPort(l.entry.server)
	default:
		return l.base()
	}
}

// base is the server's URL without user and password.
func (l *line) base() string {
	u := *l.entry.server
	u.User = nil
	return strings.TrimSuffix(u.String(), "/")
}

// answer is a complete answer to a request.
type answer struct {
	hop    catalog.Hop
	target string
	status int
	header http.Header
	body   []byte
	took   time.Duration // that the hop has taken so far, with its earlier requests
}

func (a *answer) ok() bool { return a.status >= 200 && a.status < 300 }

func (a *answer) broken(code Code, saw string, err error) *broken {
	return &broken{finding: finding{code: code, target: a.target, saw: saw, err: err}, hop: a.hop, took: a.took}
}

// kubernetesStatus returns the Status that Kubernetes answers errors with, and
// whether the answer is one.
func (a *answer) kubernetesStatus() (metav1.Status, bool) {
	var s metav1.Status
	err := json.Unmarshal(a.body, &s)
	return s, err == nil && s.Kind == "Status" && s.APIVersion == "v1"
}

// text describes an answer: its status, and its message or how it begins.
func (a *answer) text() string {
	said := string(a.body)
	if s, ok := a.kubernetesStatus(); ok {
		said = s.Message
	}
	if to := a.header.Get("Location"); to != "" {
		said = "to " + to
	}
	return strings.TrimSuffix(fmt.Sprintf("%d %s: %s", a.status, http.StatusText(a.status), oneLine(said)), ": ")
}

// send sends a request for a hop and reads the whole answer. Each leg has its
// own time limit; the answer has that of the hop.
func (l *line) send(ctx context.Context, hop catalog.Hop, method, path string, object any) (*answer, *broken) {
	body, err := json.Marshal(object)
	if err != nil {
		return nil, &broken{finding: finding{APIUnexpected, l.base(), firstLine(err), err}, hop: hop}
	}
	if object == nil {
		body = nil
	}
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.legs.begin(hop, l.limit, cancel)
	defer l.legs.end()

	target := l.base() + path
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(own, l.legs.hooks()), method, target, bytes.NewReader(body))
	if err != nil {
		return nil, &broken{finding: finding{ConfigInvalid, l.entry.files, firstLine(err), err}, hop: catalog.HopConfig}
	}
	request.Header.Set("Accept", "application/json")
	if object != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := l.client.RoundTrip(request)
	if err != nil {
		return nil, l.diagnose(ctx, own, err)
	}
	defer func() { _ = response.Body.Close() }()
	l.legs.enter(hop)
	data, err := io.ReadAll(io.LimitReader(response.Body, largest))
	if err != nil {
		return nil, l.diagnose(ctx, own, fmt.Errorf("reading the answer of %q: %w", target, err))
	}
	_, took := l.legs.end()
	// net/http hands out an answer that comes while it cancels, such as the
	// empty one of a server that saw the client go.
	if own.Err() != nil {
		return nil, l.diagnose(ctx, own, fmt.Errorf("requesting %q: %w", target, context.Cause(own)))
	}
	return &answer{hop: hop, target: l.base(), status: response.StatusCode, header: response.Header, body: data, took: took}, nil
}

// stalled is the cause that a leg which takes too long cancels a request with.
type stalled struct {
	hop   catalog.Hop
	limit time.Duration
}

func (s *stalled) Error() string { return fmt.Sprintf("%s: no answer in %s", hopName(s.hop), s.limit) }

// proxyAnswer is a proxy's refusal to open a tunnel.
type proxyAnswer struct {
	status int
	text   string
}

func (p *proxyAnswer) Error() string { return "the proxy answered " + p.text }

func onProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyAnswer{status: r.StatusCode, text: strings.TrimSpace(fmt.Sprintf("%d %s", r.StatusCode, http.StatusText(r.StatusCode)))}
}

// rank orders the hops that requests are sent for; "" comes before all.
func rank(hop catalog.Hop) int { return slices.Index(requestHops, hop) }

// requestHops are those of a kubeconfig's path and, behind the API server, those
// of its proxy.
var requestHops = slices.Concat(kubeconfigHops, backendHops)

// legs follows a request along the hops. Its hooks are called from several
// goroutines, and some even after the request has ended.
type legs struct {
	mu      sync.Mutex
	proxied *url.URL

	active bool
	now    catalog.Hop
	since  time.Time
	timer  *time.Timer
	limit  func(catalog.Hop) time.Duration
	cancel context.CancelCauseFunc
	took   map[catalog.Hop]time.Duration

	lookedUp         bool
	addresses        []string
	remote           string
	state            *tls.ConnectionState
	proxyHandshake   bool
	handshaken       bool
	connected        bool
	certificateAsked bool
	answered         bool
}

func (g *legs) note(f func(*legs)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g)
}

// begin starts a request for a hop: the first one at resolve, for it has the
// connection yet to make.
func (g *legs) begin(hop catalog.Hop, limit func(catalog.Hop) time.Duration, cancel context.CancelCauseFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit, g.cancel, g.active, g.answered = limit, cancel, true, false
	if !g.connected {
		hop = catalog.HopResolve
	}
	g.now, g.since = hop, time.Now()
	g.arm()
}

func (g *legs) arm() {
	if g.timer != nil {
		g.timer.Stop()
	}
	cause := &stalled{hop: g.now, limit: g.limit(g.now)}
	cancel := g.cancel
	g.timer = time.AfterFunc(cause.limit, func() { cancel(cause) })
}

// enter moves on to a hop, never back.
func (g *legs) enter(hop catalog.Hop) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.enterLocked(hop)
}

func (g *legs) enterLocked(hop catalog.Hop) {
	if !g.active || rank(hop) <= rank(g.now) {
		return
	}
	now := time.Now()
	g.took[g.now] += now.Sub(g.since)
	g.now, g.since = hop, now
	g.arm()
}

// end ends the request and returns the hop that it had come to, and the time
// that this hop took. Further calls change nothing.
func (g *legs) end() (catalog.Hop, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active {
		g.active = false
		g.timer.Stop()
		g.took[g.now] += time.Since(g.since)
	}
	return g.now, g.took[g.now]
}

func (g *legs) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { g.note(func(g *legs) { g.lookedUp = true }) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			g.note(func(g *legs) {
				g.addresses = nil
				for _, a := range i.Addrs {
					g.addresses = append(g.addresses, a.String())
				}
			})
		},
		ConnectStart: func(string, string) { g.enter(catalog.HopDial) },
		ConnectDone: func(_, address string, err error) {
			if err == nil {
				g.note(func(g *legs) { g.remote = address })
			}
		},
		TLSHandshakeStart: func() {
			g.note(func(g *legs) {
				// The first handshake with a proxy that is itself
				// reached by TLS is part of dialling.
				if g.proxied != nil && g.proxied.Scheme == "https" && !g.proxyHandshake {
					return
				}
				g.enterLocked(catalog.HopTLS)
			})
		},
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			g.note(func(g *legs) {
				switch {
				case err != nil:
				case g.now == catalog.HopTLS:
					g.state, g.handshaken = &s, true
				default:
					g.proxyHandshake = true
				}
			})
		},
		GotConn: func(httptrace.GotConnInfo) {
			g.note(func(g *legs) {
				g.connected = true
				g.enterLocked(catalog.HopAuthn)
			})
		},
		GotFirstResponseByte: func() { g.note(func(g *legs) { g.answered = true }) },
	}
}

// connecting returns the time that it took to be connected.
func (l *line) connecting() time.Duration {
	l.legs.mu.Lock()
	defer l.legs.mu.Unlock()
	return l.legs.took[catalog.HopResolve] + l.legs.took[catalog.HopDial]
}

// leg is a hop that a connection passed, or that does not apply to it.
type leg struct {
	hop         catalog.Hop
	target, saw string
	took        time.Duration
	skipped     bool
}

// passed returns the legs of the connection that were passed, in order.
func (l *line) passed() []leg {
	l.legs.mu.Lock()
	defer l.legs.mu.Unlock()
	g := l.legs
	var out []leg
	add := func(hop catalog.Hop, saw string, skipped bool) {
		if l.entry.proxy != nil && hop != catalog.HopTLS && !skipped {
			saw = "proxy: " + saw
		}
		out = append(out, leg{hop: hop, target: l.targetOf(hop), saw: saw, took: g.took[hop], skipped: skipped})
	}
	if rank(g.now) > rank(catalog.HopResolve) {
		if g.lookedUp {
			add(catalog.HopResolve, strings.Join(g.addresses, ", "), false)
		} else {
			add(catalog.HopResolve, "it is an address; nothing to look up", false)
		}
	}
	if rank(g.now) > rank(catalog.HopDial) {
		add(catalog.HopDial, "connected to "+g.remote, false)
	}
	if rank(g.now) > rank(catalog.HopTLS) {
		if g.state == nil {
			add(catalog.HopTLS, "plain HTTP, as the server's URL says", true)
		} else {
			add(catalog.HopTLS, l.describeTLS(g.state), false)
		}
	}
	return out
}

func (l *line) describeTLS(s *tls.ConnectionState) string {
	parts := []string{tls.VersionName(s.Version)}
	if len(s.PeerCertificates) > 0 {
		leaf := s.PeerCertificates[0]
		parts = append(parts, fmt.Sprintf("%s by %s until %s", name(leaf.Subject), name(leaf.Issuer), leaf.NotAfter.UTC().Format(time.RFC3339)))
	}
	if n := l.entry.config.ServerName; n != "" {
		parts = append(parts, fmt.Sprintf("checked against tls-server-name %q", n))
	}
	if l.tls.InsecureSkipVerify {
		parts = append(parts, "NOT VERIFIED: insecure-skip-tls-verify is set")
	}
	return strings.Join(parts, ", ")
}

// oneLine folds a text into one short line of printable characters.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}

func firstLine(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(err.Error())
}
