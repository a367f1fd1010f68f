package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// mitmLifetime is how long the certificates of a MITM are valid, and
	// mitmSkew how far back from now, for clients whose clock is behind.
	mitmLifetime = 24 * time.Hour
	mitmSkew     = time.Hour
	// mitmHandshake is how long a client may take over its handshake.
	mitmHandshake = 10 * time.Second
	mitmHost      = "127.0.0.1"
)

// MITMOptions say whom a MITM pretends to be.
type MITMOptions struct {
	// Names are the host names and IP addresses that its certificate is for,
	// beside localhost and the address at which it listens.
	Names []string
	// Upstream is the API server to which it relays what it has read, or nil to
	// answer every request itself with an empty JSON object; then Change and
	// Vouch mean nothing. The server is
	// verified as Upstream says; the credentials of Upstream are not used,
	// since a man in the middle has none but those that it is sent.
	Upstream *rest.Config
	// Change returns what answers the requests in the place of the handler that
	// it is given, which relays them. Nil changes nothing.
	Change func(relay http.Handler) http.Handler
	// Vouch has a request from a client that shows a certificate relayed with
	// Upstream's own, which is what lets somebody in the middle through whom
	// the client trusts. A certificate, unlike a token, cannot be passed on.
	Vouch bool
}

// MITM is a man in the middle: a TLS server on the loopback address that has
// the right names in its certificate and an authority that nobody trusts. It
// remembers what clients let it see.
type MITM struct {
	// URL is its address, with the path below which Upstream has its API.
	URL string
	// CAPEM is the certificate of its authority, for the client that is to
	// trust it.
	CAPEM []byte

	listener net.Listener
	server   *http.Server
	accepted chan net.Conn
	stopped  chan struct{}
	once     sync.Once
	serving  sync.WaitGroup

	mu         sync.Mutex
	handshakes []*Handshake
	requests   []Intercepted
	tokens     []probe.Secret
}

// Handshake is what a client did on one connection to a MITM.
type Handshake struct {
	// Completed is whether the client went through with the TLS handshake.
	Completed bool
	// Err is what ended a handshake that was not completed, in the words of the
	// TLS alert where the client sent one.
	Err error
	// ServerName is the name that the client asked for, or "" for an address.
	ServerName string
	// ClientCertificate is what the client authenticated with, or nil.
	ClientCertificate *x509.Certificate
	// Requests counts the HTTP requests that arrived on the connection so far,
	// and Authorizations those of them that carried an Authorization header.
	Requests, Authorizations int
}

// Intercepted is an HTTP request that a MITM has read. It holds nothing of the
// credential.
type Intercepted struct {
	Method, Path string
	// Authorization is the scheme of the Authorization header ("Bearer"), or ""
	// if there was none.
	Authorization string
}

// StartMITM starts a man in the middle. It ends with Stop or with ctx.
func StartMITM(ctx context.Context, o MITMOptions) (*MITM, error) {
	handler, path, err := o.handler()
	if err != nil {
		return nil, err
	}
	certificate, ca, err := mitmCertificate(append([]string{mitmHost, "localhost"}, o.Names...))
	if err != nil {
		return nil, fmt.Errorf("making the certificate of the man in the middle: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(mitmHost, "0"))
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", mitmHost, err)
	}
	m := &MITM{
		URL: "https://" + listener.Addr().String() + path, CAPEM: ca,
		listener: listener, accepted: make(chan net.Conn), stopped: make(chan struct{}),
	}
	m.server = &http.Server{
		Handler:           m.record(handler),
		ReadHeaderTimeout: mitmHandshake,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, handshakeKey{}, c.(*mitmConn).handshake)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
		// Asked for and not verified: what a client offers is to be seen.
		ClientAuth: tls.RequestClientCert,
		NextProtos: []string{"http/1.1"},
	}
	m.serving.Go(func() { m.accept(ctx, config) })
	m.serving.Go(func() { _ = m.server.Serve(mitmListener{m}) })
	context.AfterFunc(ctx, m.Stop)
	return m, nil
}

// Stop ends the server and its connections and waits until they are gone. It
// may be called again.
func (m *MITM) Stop() {
	m.once.Do(func() {
		close(m.stopped)
		_ = m.listener.Close()
		_ = m.server.Close()
	})
	m.serving.Wait()
}

// Handshakes returns the handshakes that are over, completed or not, in the
// order in which they ended. A client may be gone a moment before the MITM
// knows how its handshake ended.
func (m *MITM) Handshakes() []Handshake {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Handshake, 0, len(m.handshakes))
	for _, h := range m.handshakes {
		out = append(out, *h)
	}
	return out
}

// Requests returns the HTTP requests read so far. A request is there before the
// client gets its answer.
func (m *MITM) Requests() []Intercepted {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests)
}

// Tokens returns the distinct bearer tokens read so far, first seen first.
func (m *MITM) Tokens() []probe.Secret {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.tokens)
}

// accept makes the handshakes itself, for net/http would tell of a refused one
// to its log alone.
func (m *MITM) accept(ctx context.Context, config *tls.Config) {
	for {
		raw, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.serving.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
			defer stop()
			if conn := m.shake(ctx, tls.Server(raw, config)); conn != nil {
				select {
				case m.accepted <- conn:
				case <-m.stopped:
					_ = conn.Close()
				}
			}
		})
	}
}

// shake makes a handshake and remembers it. It returns nil after one that was
// not completed.
func (m *MITM) shake(ctx context.Context, conn *tls.Conn) *mitmConn {
	ctx, cancel := context.WithTimeout(ctx, mitmHandshake)
	defer cancel()
	go func() {
		select {
		case <-m.stopped:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := conn.HandshakeContext(ctx)
	state := conn.ConnectionState()
	h := &Handshake{Completed: err == nil, Err: err, ServerName: state.ServerName}
	if len(state.PeerCertificates) > 0 {
		h.ClientCertificate = state.PeerCertificates[0]
	}
	m.mu.Lock()
	m.handshakes = append(m.handshakes, h)
	m.mu.Unlock()
	if err != nil {
		_ = conn.Close()
		return nil
	}
	return &mitmConn{Conn: conn, handshake: h}
}

// record remembers a request before it is answered.
func (m *MITM) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		m.mu.Lock()
		m.requests = append(m.requests, Intercepted{Method: r.Method, Path: r.URL.Path, Authorization: scheme})
		h := r.Context().Value(handshakeKey{}).(*Handshake)
		h.Requests++
		if scheme != "" {
			h.Authorizations++
		}
		if t := probe.Secret(strings.TrimSpace(token)); strings.EqualFold(scheme, "Bearer") && t != "" && !slices.Contains(m.tokens, t) {
			m.tokens = append(m.tokens, t)
		}
		m.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// handler returns what answers the requests, and the path of the API below it.
func (o MITMOptions) handler() (http.Handler, string, error) {
	if o.Upstream == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{}\n")
		}), "", nil
	}
	server, _, err := rest.DefaultServerUrlFor(o.Upstream)
	if err != nil {
		return nil, "", fmt.Errorf("reading the address of the server to relay to %q: %w", o.Upstream.Host, err)
	}
	transport, err := o.transport()
	if err != nil {
		return nil, "", fmt.Errorf("preparing to relay to %q: %w", server.Host, err)
	}
	// Who is in the middle is sent the whole path and passes it on.
	target := &url.URL{Scheme: server.Scheme, Host: server.Host}
	var relay http.Handler = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprintf("relaying to %q: %v", target.Host, err), http.StatusBadGateway)
		},
	}
	if o.Change != nil {
		relay = o.Change(relay)
	}
	return relay, strings.TrimSuffix(server.Path, "/"), nil
}

// transport returns what goes on to Upstream, as the client itself or, where
// that shows a certificate and is vouched for, with Upstream's.
func (o MITMOptions) transport() (http.RoundTripper, error) {
	config := rest.AnonymousClientConfig(o.Upstream)
	// HTTP/2 has no way to change the protocol, as exec and its like do.
	config.NextProtos = []string{"http/1.1"}
	bare, err := rest.TransportFor(config)
	if err != nil || !o.Vouch {
		return bare, err
	}
	known := rest.CopyConfig(config)
	own := o.Upstream.TLSClientConfig
	known.CertFile, known.CertData, known.KeyFile, known.KeyData = own.CertFile, own.CertData, own.KeyFile, own.KeyData
	vouched, err := rest.TransportFor(known)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if h, ok := r.Context().Value(handshakeKey{}).(*Handshake); ok && h.ClientCertificate != nil {
			return vouched.RoundTrip(r)
		}
		return bare.RoundTrip(r)
	}), err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// mitmCertificate returns a certificate for the names, from an authority made
// for it, and the authority's certificate as PEM.
func mitmCertificate(names []string) (tls.Certificate, []byte, error) {
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "inroads man in the middle"},
		NotBefore: now.Add(-mitmSkew), NotAfter: now.Add(mitmLifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, n)
		}
	}
	caKey, caErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(caErr, keyErr); err != nil {
		return tls.Certificate{}, nil, err
	}
	caDER, caErr := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err := errors.Join(caErr, err); err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), nil
}

// handshakeKey is the key of a request's context under which its connection's
// Handshake is.
type handshakeKey struct{}

// mitmConn is a connection after its handshake.
type mitmConn struct {
	*tls.Conn
	handshake *Handshake
}

// mitmListener hands connections to the HTTP server once they are through with
// their handshake.
type mitmListener struct{ m *MITM }

func (l mitmListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.m.accepted:
		return c, nil
	case <-l.m.stopped:
		return nil, net.ErrClosed
	}
}

func (l mitmListener) Close() error   { return nil }
func (l mitmListener) Addr() net.Addr { return l.m.listener.Addr() }
