package probe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// authority is a certificate authority of the tests' own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pair is a certificate with its key.
type pair struct {
	tls       tls.Certificate
	cert, key []byte
}

// issue signs a certificate for 127.0.0.1 and localhost, as change has it.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) pair {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test-subject"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost", "api.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}
	if p.tls, err = tls.X509KeyPair(p.cert, p.key); err != nil {
		t.Fatal(err)
	}
	return p
}

// The credentials that the test server takes; none may be in any trace.
const (
	goodToken    = "good-token-5b1f"
	badToken     = "bad-token-93ac"
	goodPassword = "s3cret-pa55"
)

// api is an API server that answers what the fields say; the zero value is an
// honest one that knows goodToken.
type api struct {
	review, access, version, ready http.HandlerFunc
}

const (
	authnPath   = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	authzPath   = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	versionPath = "/version"
	readyPath   = "/readyz"
)

func (a api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handlers := map[string][2]http.HandlerFunc{
		authnPath:   {a.review, honestReview},
		authzPath:   {a.access, allow(true, "")},
		versionPath: {a.version, say(http.StatusOK, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)},
		readyPath:   {a.ready, say(http.StatusOK, "ok")},
	}
	h, ok := handlers[strings.TrimPrefix(r.URL.Path, "/prefix")]
	switch {
	case !ok:
		status(http.StatusNotFound, "the server could not find the requested resource")(w, r)
	case h[0] != nil:
		h[0](w, r)
	default:
		h[1](w, r)
	}
}

func honestReview(w http.ResponseWriter, r *http.Request) {
	user, password, basic := r.BasicAuth()
	switch {
	case r.Header.Get("Authorization") == "Bearer "+goodToken:
		reviewAs("alice")(w, r)
	case basic && user == "alice" && password == goodPassword:
		reviewAs("alice")(w, r)
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		reviewAs(r.TLS.PeerCertificates[0].Subject.CommonName)(w, r)
	case r.Header.Get("Authorization") != "":
		// A careless server repeats what it was sent.
		status(http.StatusUnauthorized, "Unauthorized: "+r.Header.Get("Authorization"))(w, r)
	default:
		status(http.StatusForbidden, `selfsubjectreviews.authentication.k8s.io is forbidden: User "system:anonymous" cannot create resource "selfsubjectreviews"`)(w, r)
	}
}

func reviewAs(user string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		review := authenticationv1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{Kind: "SelfSubjectReview", APIVersion: "authentication.k8s.io/v1"}}
		review.Status.UserInfo = authenticationv1.UserInfo{Username: user, Groups: []string{"system:authenticated", "dev"}}
		writeJSON(w, http.StatusCreated, review)
	}
}

func allow(allowed bool, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		review := authorizationv1.SelfSubjectAccessReview{TypeMeta: metav1.TypeMeta{Kind: "SelfSubjectAccessReview", APIVersion: "authorization.k8s.io/v1"}}
		review.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: allowed, Reason: reason}
		writeJSON(w, http.StatusCreated, review)
	}
}

func status(code int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Message: message, Code: int32(code)})
	}
}

func say(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func writeJSON(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

// resetInBody promises more than it sends and then resets the connection.
func resetInBody(w http.ResponseWriter, _ *http.Request) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = buffered.WriteString("HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n{\"kind\":")
	_ = buffered.Flush()
	if c, ok := conn.(*tls.Conn); ok {
		_ = c.NetConn().(*net.TCPConn).SetLinger(0)
	}
	_ = conn.Close()
}

// hang answers nothing until the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// serve starts a server on loopback; a nil configuration means plain HTTP.
func serve(t testing.TB, handler http.Handler, config *tls.Config) (address string) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config != nil {
		s.TLS = config
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// accept listens on loopback and hands each connection to f, which has it to
// itself; it is closed when the test ends.
func accept(t testing.TB, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go f(conn)
		}
	}()
	return l.Addr().String()
}

// closedPort returns an address at which nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// blackHole returns an address that answers no SYN: a listener whose queue is
// full. The queue is filled until a connection is not made.
func blackHole(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	const most, patience = 8, 100 * time.Millisecond
	for range most {
		conn, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatalf("the queue of %s does not fill", address)
	return ""
}

// nameServer answers every DNS query with a response code and, for the code
// zero, 127.0.0.1. A negative code means no answer at all.
func nameServer(t testing.TB, code int) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if code >= 0 {
				_, _ = conn.WriteTo(dnsAnswer(buffer[:n], code), from)
			}
		}
	}()
	address := conn.LocalAddr().String()
	return resolverAt(address)
}

const (
	dnsHeader = 12
	dnsTypeA  = 1
)

// dnsAnswer makes the answer to a query of one question.
func dnsAnswer(query []byte, code int) []byte {
	end := dnsHeader
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	answer := append([]byte{}, query[:end+5]...)
	// A response, recursion available, of one question.
	binary.BigEndian.PutUint16(answer[2:], 0x8180|uint16(code))
	copy(answer[4:], []byte{0, 1, 0, 0, 0, 0, 0, 0})
	if code == 0 && kind == dnsTypeA {
		answer[7] = 1
		answer = append(answer, 0xc0, dnsHeader, 0, dnsTypeA, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	}
	return answer
}

// tunnel is an HTTP proxy that opens tunnels to the given address, whatever
// is asked for, if user and password are right.
type tunnel struct {
	to             string
	user, password string
	refuse         int
}

func (p tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.refuse != 0 {
		w.WriteHeader(p.refuse)
		return
	}
	if p.user != "" {
		r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
		if user, password, _ := r.BasicAuth(); user != p.user || password != p.password {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
	}
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	client, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
}
