package fault

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sync"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

// plainFaults are of something in front of the API server that does what an API
// server has done long ago, or does not do what it does.
var plainFaults = []Fault{
	{
		Name: "plain-http-served", Hop: catalog.HopTLS, Scope: Client,
		Inject: edited(servePlainToo),
		Took:   whole,
	},
	frontFault("redirects-served", catalog.HopAPI, false, redirecting),
	frontFault("upgrades-dropped", catalog.HopAPI, false, withoutUpgrades),
}

// redirectPath is a path at which an API server once redirected to an object.
var redirectPath = regexp.MustCompile(`^/api/v1/(redirect/.*|.*/redirect)$`)

// redirecting answers as the API server did before redirects were removed.
func redirecting(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if redirectPath.MatchString(r.URL.Path) {
			http.Redirect(w, r, deadServer, http.StatusTemporaryRedirect)
			return
		}
		relay.ServeHTTP(w, r)
	})
}

// withoutUpgrades drops each request's wish to change the protocol, as a load
// balancer does that knows none but HTTP.
func withoutUpgrades(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Upgrade")
		r.Header.Del("Connection")
		relay.ServeHTTP(w, r)
	})
}

// recordHandshake is the first byte of a TLS connection.
const recordHandshake = 0x16

// servePlainToo leads to the very same server, by a port that also takes plain
// HTTP and then asks the API server as an anonymous caller.
func servePlainToo(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
	u, err := url.Parse(k.Server())
	if err != nil {
		return k, fmt.Errorf("parsing server %q: %w", k.Server(), err)
	}
	if u.Scheme != "https" {
		return k, errors.New("serving plain HTTP too: the server does already")
	}
	target := u.Host
	if u.Port() == "" {
		target = net.JoinHostPort(u.Hostname(), "443")
	}
	handler, err := passAnonymously(s.Config)
	if err != nil {
		return k, err
	}
	behind, err := net.Listen("tcp", anyLoopback)
	if err != nil {
		return k, err
	}
	plain := &http.Server{Handler: handler, ReadHeaderTimeout: toolHeaderTimeout}
	s.Defer(func() { _ = plain.Close() })
	go func() { _ = plain.Serve(behind) }()
	l, err := net.Listen("tcp", anyLoopback)
	if err != nil {
		return k, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var serving sync.WaitGroup
	s.Defer(func() { cancel(); _ = l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { passByFirstByte(ctx, conn, target, behind.Addr().String()) })
		}
	})
	name := cmp.Or(s.Config.ServerName, u.Hostname())
	u.Host = l.Addr().String()
	return k.WithServer(u.String()).WithTLSServerName(name), nil
}

// passByFirstByte passes a connection on to one address or, where it is none of
// TLS, to the other.
func passByFirstByte(ctx context.Context, conn net.Conn, overTLS, plain string) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	begun := &begunConn{conn.(*net.TCPConn), bufio.NewReader(conn)}
	first, err := begun.reader.Peek(1)
	switch {
	case err != nil:
		_ = conn.Close()
	case first[0] == recordHandshake:
		access.Join(ctx, begun, overTLS)
	default:
		access.Join(ctx, begun, plain)
	}
}

// begunConn is a connection of which something has been read already.
type begunConn struct {
	*net.TCPConn
	reader *bufio.Reader
}

func (c *begunConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

// WriteTo keeps io.Copy from reading past the buffer.
func (c *begunConn) WriteTo(w io.Writer) (int64, error) { return c.reader.WriteTo(w) }
