package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// diagnose tells which hop an error broke, and how. The parent context is the
// caller's; the request's own is also cancelled by a leg that took too long.
func (l *line) diagnose(parent, own context.Context, err error) *broken {
	at, took := l.legs.end()
	code, saw := l.classify(parent, own, at, err)
	if d, _ := Lookup(code); d.Hop != "" {
		at = d.Hop
	}
	return &broken{finding: finding{code: code, target: l.targetOf(at), saw: saw, err: err}, hop: at, took: took}
}

func (l *line) classify(parent, own context.Context, at catalog.Hop, err error) (Code, string) {
	if parent.Err() != nil {
		return WalkStopped, firstLine(context.Cause(parent))
	}
	var stall *stalled
	if errors.As(context.Cause(own), &stall) {
		return l.timeout(stall.hop)
	}
	var refusal *proxyAnswer
	if errors.As(err, &refusal) {
		if refusal.status == http.StatusProxyAuthRequired {
			return DialProxyAuth, refusal.Error()
		}
		return DialProxyRefused, refusal.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		switch {
		case dns.IsNotFound:
			return ResolveNoHost, l.ofProxy(fmt.Sprintf("%q has no address", dns.Name))
		case dns.IsTimeout:
			return l.timeout(catalog.HopResolve)
		}
		return ResolveFailed, l.ofProxy(dns.Err)
	}
	if code, saw, ok := l.classifyTLS(at, err); ok {
		return code, saw
	}
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "socks") {
		return l.classifyDial(op, err)
	}
	switch {
	case at == catalog.HopTLS && isTimeout(err):
		return l.timeout(catalog.HopTLS)
	case at == catalog.HopTLS:
		return TLSBroken, cutOff(err)
	case at == catalog.HopResolve || at == catalog.HopDial:
		// The connection was there and fell while the proxy was asked
		// for a tunnel.
		if l.entry.proxy != nil {
			return DialProxyRefused, cutOff(err)
		}
		return DialUnreachable, firstLine(err)
	case isTimeout(err):
		return l.timeout(at)
	case strings.Contains(err.Error(), "malformed HTTP"):
		if strings.Contains(err.Error(), `"\x15\x03`) {
			return TLSNotTLS, "the server speaks TLS and was asked by http://"
		}
		return APINotKubernetes, "the answer is not HTTP"
	}
	if l.legs.silentlyDropped() && l.entry.proxy == nil {
		if alert := l.secondOpinion(parent); alert != nil {
			return TLSClientRejected, l.clientRejected(alert)
		}
	}
	return APIBroken, cutOff(err)
}

// timeout returns the diagnosis of a hop that took too long.
func (l *line) timeout(hop catalog.Hop) (Code, string) {
	saw := fmt.Sprintf("nothing in %s", l.limit(hop))
	switch hop {
	case catalog.HopResolve:
		return ResolveFailed, l.ofProxy(saw)
	case catalog.HopDial:
		if l.entry.proxy != nil {
			return DialProxyDown, saw
		}
		return DialTimeout, saw
	case catalog.HopTLS:
		return TLSTimeout, saw
	default:
		return APITimeout, saw
	}
}

func (l *line) ofProxy(saw string) string {
	if l.entry.proxy != nil {
		return saw + " (the proxy's host)"
	}
	return saw
}

func (l *line) classifyDial(op *net.OpError, err error) (Code, string) {
	switch {
	case op.Op == "socks":
		return DialProxyRefused, firstLine(op.Err)
	case l.entry.proxy != nil:
		return DialProxyDown, cutOff(err)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return DialRefused, cutOff(err)
	case isTimeout(err):
		return l.timeout(catalog.HopDial)
	default:
		return DialUnreachable, cutOff(err)
	}
}

func (l *line) classifyTLS(at catalog.Hop, err error) (Code, string, bool) {
	var (
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		roots     x509.SystemRootsError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		op        *net.OpError
	)
	proxyOp := errors.As(err, &op) && op.Op == "proxyconnect"
	switch {
	case proxyOp:
		return "", "", false
	case errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch):
		saw := "the server does not speak TLS"
		if string(record.RecordHeader[:]) == "HTTP/" || errors.Is(err, http.ErrSchemeMismatch) {
			saw = "the server answers in plain HTTP"
		}
		return TLSNotTLS, saw, true
	case errors.As(err, &hostname):
		return TLSName, fmt.Sprintf("asked for %q, it has %s", hostname.Host, names(hostname.Certificate)), true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		c := invalid.Cert
		return TLSValidity, fmt.Sprintf("%s is valid from %s to %s", name(c.Subject), c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339)), true
	case errors.As(err, &authority), errors.As(err, &roots):
		saw := firstLine(err)
		if errors.As(err, &verify) && len(verify.UnverifiedCertificates) > 0 {
			c := verify.UnverifiedCertificates[0]
			saw = fmt.Sprintf("%s is signed by %s", name(c.Subject), name(c.Issuer))
		}
		return TLSAuthority, saw, true
	case errors.As(err, &verify):
		return TLSBroken, firstLine(verify.Err), true
	}
	if alert := remoteAlert(err); alert != nil {
		if rejectsClient(alert) || l.lacksCertificate(alert) {
			return TLSClientRejected, l.clientRejected(alert), true
		}
		return TLSBroken, "the server sent: " + firstLine(alert), true
	}
	return "", "", false
}

// remoteAlert returns the alert that the server sent, or nil. crypto/tls has
// no exported type for it; the operation's name tells.
func remoteAlert(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err
	}
	return nil
}

// clientAlerts are the alerts by which a server tells that it does not take
// the client's certificate, or the lack of one.
var clientAlerts = []string{
	"bad certificate", "unsupported certificate", "revoked certificate", "expired certificate",
	"unknown certificate", "certificate required", "access denied", "error decrypting message",
}

func rejectsClient(alert error) bool {
	for _, text := range clientAlerts {
		if strings.Contains(alert.Error(), text) {
			return true
		}
	}
	return false
}

// lacksCertificate tells whether a general alert means that a client
// certificate is missing: TLS 1.2 has no alert of its own for that.
func (l *line) lacksCertificate(alert error) bool {
	l.legs.mu.Lock()
	defer l.legs.mu.Unlock()
	return l.legs.certificateAsked && l.entry.client == nil && strings.Contains(alert.Error(), "handshake failure")
}

func (l *line) clientRejected(alert error) string {
	if l.entry.client == nil {
		return fmt.Sprintf("none was given (%s)", firstLine(alert))
	}
	return fmt.Sprintf("%s by %s (%s)", name(l.entry.client.Subject), name(l.entry.client.Issuer), firstLine(alert))
}

// silentlyDropped tells whether the connection fell after the handshake,
// before an answer, to a server that had asked for a client certificate.
func (g *legs) silentlyDropped() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.handshaken && g.certificateAsked && !g.answered
}

// secondOpinion returns the alert of a server that rejects the client's
// certificate, or nil. In TLS 1.3 that alert comes after the handshake and
// may be lost to a reset while the client writes its request; a connection
// that only listens does not lose it.
func (l *line) secondOpinion(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.limit(catalog.HopTLS))
	defer cancel()
	config := l.tls.Clone()
	config.ServerName = cmp.Or(config.ServerName, l.entry.server.Hostname())
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Resolver: l.target.Resolver}, Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", hostPort(l.entry.server))
	if err != nil {
		return remoteAlert(err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err = conn.Read(make([]byte, 1))
	if alert := remoteAlert(err); alert != nil && rejectsClient(alert) {
		return alert
	}
	return nil
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// cutOff names the usual ways for a connection to end early.
func cutOff(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH):
		return "network unreachable"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "host unreachable"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed early"
	default:
		return firstLine(err)
	}
}

// name writes the name of a certificate's subject or issuer.
func name(n pkix.Name) string { return fmt.Sprintf("%q", cmp.Or(n.CommonName, n.String())) }

// names lists the names that a certificate is for.
func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name"
	}
	return strings.Join(all, ", ")
}

// expired tells in words that the credential has expired at the given time,
// or returns "". It reads the dates alone; the server is who refuses.
func (w *walk) expired(now time.Time) string {
	if c := w.entry.client; c != nil && now.After(c.NotAfter) {
		return fmt.Sprintf("client certificate %s expired at %s", name(c.Subject), c.NotAfter.UTC().Format(time.RFC3339))
	}
	for _, s := range w.entry.secrets {
		if at, ok := tokenExpiry(s); ok && now.After(at) {
			return fmt.Sprintf("token expired at %s", at.UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// tokenExpiry returns when a JWT expires. It does not check the signature.
func tokenExpiry(token Secret) (time.Time, bool) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expiry *float64 `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Expiry == nil {
		return time.Time{}, false
	}
	return time.Unix(int64(*claims.Expiry), 0), true
}
