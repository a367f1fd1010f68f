package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// TestMain sets the proxy variables before anything reads them: Go reads them
// once for the whole process. They apply to envProxyHost alone, for Go never
// uses a proxy for loopback.
func TestMain(m *testing.M) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	envProxy = l.Addr().String()
	go func() { _ = http.Serve(l, tunnel{refuse: http.StatusProxyAuthRequired}) }()
	for name, value := range map[string]string{"HTTPS_PROXY": "http://" + envProxy, "HTTP_PROXY": "", "NO_PROXY": ".invalid,255.255.255.255," + directHost, "KUBECONFIG": ""} {
		for _, n := range []string{name, strings.ToLower(name)} {
			if err := os.Setenv(n, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

var envProxy string

const (
	// envProxyHost is reached by the proxy of the environment, and directHost
	// without.
	envProxyHost = "proxied.test"
	directHost   = "api.test"
)

func resolverAt(address string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", address)
	}}
}

// world is what a row of the table starts from: an honest server, and a
// kubeconfig that reaches it.
type world struct {
	t      *testing.T
	ca     *authority
	server pair
	client pair

	cluster *clientcmdapi.Cluster
	user    *clientcmdapi.AuthInfo
	config  *clientcmdapi.Config
	// raw is written in place of the kubeconfig, if not nil.
	raw    []byte
	target probe.Target
	ctx    context.Context
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, ca: newAuthority(t, "test-ca"), ctx: t.Context()}
	w.server = w.ca.issue(t, nil)
	w.client = w.ca.issue(t, func(c *x509.Certificate) { c.Subject.CommonName = "bob" })
	w.cluster = &clientcmdapi.Cluster{CertificateAuthorityData: w.ca.pem}
	w.user = &clientcmdapi.AuthInfo{Token: goodToken}
	w.config = clientcmdapi.NewConfig()
	w.config.CurrentContext = "ctx"
	w.config.Contexts["ctx"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "user"}
	w.config.Clusters["cluster"], w.config.AuthInfos["user"] = w.cluster, w.user
	w.target = probe.Target{Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	return w
}

// tls is the server's configuration: it asks for a client certificate of the
// own authority and does without, as an API server does.
func (w *world) tls() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(w.ca.cert)
	return &tls.Config{Certificates: []tls.Certificate{w.server.tls}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
}

// at starts the API server and points the kubeconfig to it.
func (w *world) at(a api) *world {
	w.cluster.Server = "https://" + serve(w.t, a, w.tls())
	return w
}

func (w *world) file(name string, data []byte) string {
	path := filepath.Join(filepath.Dir(w.target.Kubeconfig), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) walk() probe.Trace {
	w.save()
	return probe.Walk(w.ctx, w.target)
}

// save writes the kubeconfig.
func (w *world) save() {
	if w.raw == nil {
		var err error
		if w.raw, err = clientcmd.Write(*w.config); err != nil {
			w.t.Fatal(err)
		}
	}
	w.file(filepath.Base(w.target.Kubeconfig), w.raw)
}

// The time limits of rows in which something never answers: soon where the
// first thing is silent, later where a handshake has to be made before that,
// on a machine that may be busy.
const (
	soon  = 150 * time.Millisecond
	later = 5 * soon
)

// plugin is a credential plugin of one shell command.
func plugin(script string) *clientcmdapi.ExecConfig {
	return &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "/bin/sh", Args: []string{"-c", script},
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}
}

func pluginOutput(status string) string {
	return `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":` + status + `}`
}

func jsonString(text []byte) string {
	out, _ := json.Marshal(string(text))
	return string(out)
}

func expiredJWT() string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(`{"exp":1500000000}`)) + "." + part([]byte("signature"))
}

var getPods = &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Namespace: "default"}

// row is one fault, or the lack of one.
type row struct {
	name  string
	setup func(w *world)
	// code is what the walk must end with; empty means that it must pass.
	code probe.Code
	// hop is the hop that must be blamed if the code leaves it open.
	hop catalog.Hop
	// saw are parts of what must have been seen at the broken hop, or for a
	// row that passes anywhere in the trace.
	saw []string
	// target is a part of the broken step's target.
	target string
}

// insecure makes the row's client take any certificate.
func insecure(w *world) {
	w.cluster.CertificateAuthorityData, w.cluster.InsecureSkipTLSVerify = nil, true
}

var rows = []row{
	// Ways in.
	{name: "token", setup: func(w *world) { w.at(api{}) }, saw: []string{`user \"alice\" in dev, system:authenticated`, "v1.37.2, ready", "TLS 1.3", "nothing was asked for", "with a token"}},
	{name: "token in a file", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.TokenFile = w.file("token", []byte(goodToken+"\n"))
	}, saw: []string{"token file"}},
	{name: "client certificate", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.ClientCertificateData, w.user.ClientKeyData = w.client.cert, w.client.key
	}, saw: []string{`user \"bob\"`, "a client certificate"}},
	{name: "client certificate in files", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.ClientCertificate, w.user.ClientKey = w.file("crt", w.client.cert), w.file("key", w.client.key)
		w.cluster.CertificateAuthorityData, w.cluster.CertificateAuthority = nil, w.file("ca", w.ca.pem)
	}, saw: []string{`user \"bob\"`}},
	{name: "basic auth", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Username, w.user.Password = "alice", goodPassword
	}, saw: []string{`user \"alice\"`}},
	{name: "plugin with a token", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin(`echo '` + pluginOutput(`{"token":"`+goodToken+`"}`) + `'`)
	}, saw: []string{`user \"alice\"`, "credential plugin"}},
	{name: "plugin with a certificate", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		out := pluginOutput(`{"clientCertificateData":` + jsonString(w.client.cert) + `,"clientKeyData":` + jsonString(w.client.key) + `}`)
		w.user.Exec = plugin("cat " + w.file("out.json", []byte(out)))
	}, saw: []string{`user \"bob\"`}},
	{name: "plugin that is told of the cluster", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin(`case "$KUBERNETES_EXEC_INFO" in *"` + w.cluster.Server + `"*) echo '` + pluginOutput(`{"token":"`+goodToken+`"}`) + `';; *) exit 3;; esac`)
		w.user.Exec.ProvideClusterInfo = true
	}},
	{name: "token before plugin", setup: func(w *world) { w.at(api{}).user.Exec = plugin("exit 1") }},
	{name: "not verified", setup: func(w *world) {
		w.ca = newAuthority(w.t, "another-ca")
		insecure(w.at(api{}))
	}, saw: []string{"NOT VERIFIED: insecure-skip-tls-verify"}},
	{name: "tls-server-name", setup: func(w *world) {
		w.server = w.ca.issue(w.t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"kubernetes"} })
		w.at(api{}).cluster.TLSServerName = "kubernetes"
	}, saw: []string{`tls-server-name \"kubernetes\"`}},
	{name: "host name", setup: func(w *world) {
		w.target.Resolver = nameServer(w.t, 0)
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.at(api{}).cluster.Server, "https://"))
		w.cluster.Server = "https://" + directHost + ":" + port
	}, saw: []string{`"saw":"127.0.0.1"`}},
	{name: "path below the root", setup: func(w *world) { w.at(api{}).cluster.Server += "/prefix" }},
	{name: "plain HTTP", setup: func(w *world) { w.cluster.Server = "http://" + serve(w.t, api{review: reviewAs("alice")}, nil) },
		saw: []string{"plain HTTP, as the server's URL says", "none is sent over plain HTTP"}},
	{name: "another context", setup: func(w *world) {
		w.at(api{}).config.Contexts["other"] = w.config.Contexts["ctx"]
		w.config.CurrentContext, w.target.Context = "nowhere", "other"
	}, saw: []string{`context \"other\"`}},
	{name: "allowed", setup: func(w *world) {
		w.at(api{access: allow(true, "RBAC: allowed by ClusterRoleBinding")}).target.Attributes = getPods
	}, saw: []string{"get pods in default", "allowed: RBAC: allowed by ClusterRoleBinding"}},
	{name: "proxy of the cluster", setup: func(w *world) {
		p := tunnel{to: strings.TrimPrefix(w.at(api{}).cluster.Server, "https://"), user: "me", password: goodPassword}
		w.cluster.ProxyURL = "http://me:" + goodPassword + "@" + serve(w.t, p, nil)
	}, saw: []string{"proxy: connected to 127.0.0.1"}},
	{name: "server that does not know SelfSubjectReview", setup: func(w *world) {
		w.at(api{review: status(http.StatusNotFound, "the server could not find the requested resource")})
	}, saw: []string{"before 1.28"}},
	{name: "caller who may not ask who they are", setup: func(w *world) {
		w.at(api{review: status(http.StatusForbidden, `selfsubjectreviews is forbidden: User "carol" cannot create`)})
	}, saw: []string{`user \"carol\"`}},
	{name: "caller who may not see the version", setup: func(w *world) {
		w.at(api{version: status(http.StatusForbidden, "forbidden"), ready: status(http.StatusForbidden, "forbidden")})
	}, saw: []string{"may not see"}},

	// config
	{name: "no kubeconfig", setup: func(w *world) { w.target.Kubeconfig += "/no/such" }, code: probe.ConfigMissing, target: "/no/such"},
	{name: "kubeconfig is a folder", setup: func(w *world) { w.target.Kubeconfig = w.t.TempDir() }, code: probe.ConfigUnreadable, saw: []string{"is a directory"}},
	{name: "not YAML", setup: func(w *world) { w.raw = []byte("a: [b\nc: }") }, code: probe.ConfigMalformed, saw: []string{"yaml"}},
	{name: "plain text", setup: func(w *world) { w.raw = []byte("hello there\n") }, code: probe.ConfigMalformed, saw: []string{"not a YAML mapping"}},
	{name: "another kind", setup: func(w *world) { w.raw = []byte("apiVersion: v1\nkind: Pod\n") }, code: probe.ConfigMalformed, saw: []string{"Pod"}},
	{name: "binary", setup: func(w *world) { w.raw = []byte{0, 1, 2, 0xff} }, code: probe.ConfigMalformed},
	{name: "empty file", setup: func(w *world) { w.raw = []byte{} }, code: probe.ConfigEmpty, saw: []string{"localhost:8080"}},
	{name: "empty kubeconfig", setup: func(w *world) { w.raw = []byte("apiVersion: v1\nkind: Config\n") }, code: probe.ConfigEmpty},
	{name: "no current context", setup: func(w *world) { w.config.CurrentContext = "" }, code: probe.ConfigNoContext, saw: []string{"no current-context"}},
	{name: "unknown context", setup: func(w *world) { w.target.Context = "gone" }, code: probe.ConfigNoContext, saw: []string{`"gone"`}},
	{name: "unknown cluster", setup: func(w *world) { delete(w.config.Clusters, "cluster") }, code: probe.ConfigNoCluster, saw: []string{`"cluster"`}},
	{name: "no server", setup: func(w *world) {}, code: probe.ConfigNoServer, saw: []string{"localhost:8080"}},
	{name: "unknown user", setup: func(w *world) { delete(w.at(api{}).config.AuthInfos, "user") }, code: probe.ConfigNoUser, saw: []string{`"user"`}},
	{name: "no token file", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.TokenFile = filepath.Join(w.t.TempDir(), "none")
	}, code: probe.ConfigCredential, saw: []string{"tokenFile", "no such file"}},
	{name: "no client key file", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.ClientCertificateData, w.user.ClientKey = w.client.cert, filepath.Join(w.t.TempDir(), "none")
	}, code: probe.ConfigCredential, saw: []string{"client-key"}},
	{name: "key of another certificate", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.ClientCertificateData, w.user.ClientKeyData = w.client.cert, w.server.key
	}, code: probe.ConfigCredential, saw: []string{"does not match"}},
	{name: "no such plugin", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin("")
		w.user.Exec.Command = "inroads-no-such-plugin"
	}, code: probe.ConfigNoPlugin, saw: []string{`"inroads-no-such-plugin" is not installed`}},
	{name: "no such plugin at a path", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin("")
		w.user.Exec.Command = "./bin/no-such-plugin"
	}, code: probe.ConfigNoPlugin, saw: []string{"no-such-plugin"}},
	{name: "plugin fails", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin("echo log in first, not with token=" + expiredJWT() + " >&2; exit 7")
	}, code: probe.ConfigPlugin, saw: []string{"exit status 7", "log in first"}},
	{name: "plugin talks nonsense", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin("echo " + goodToken)
	}, code: probe.ConfigPlugin, saw: []string{"not an ExecCredential"}},
	{name: "plugin of another version", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin(`echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential"}'`)
	}, code: probe.ConfigPlugin, saw: []string{"v1beta1"}},
	{name: "plugin gives nothing", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin(`echo '` + pluginOutput("{}") + `'`)
	}, code: probe.ConfigPlugin, saw: []string{"neither"}},
	{name: "plugin hangs", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin("sleep 60")
		w.target.Timeout = soon
	}, code: probe.ConfigPlugin, saw: []string{"did not end"}},
	{name: "no CA file", setup: func(w *world) {
		w.at(api{}).cluster.CertificateAuthorityData = nil
		w.cluster.CertificateAuthority = filepath.Join(w.t.TempDir(), "none")
	}, code: probe.ConfigAuthority, saw: []string{"certificate-authority", "no such file"}},
	{name: "CA is no certificate", setup: func(w *world) { w.at(api{}).cluster.CertificateAuthorityData = []byte("no PEM") }, code: probe.ConfigAuthority, saw: []string{"no certificate in PEM"}},
	{name: "CA and insecure", setup: func(w *world) { w.at(api{}).cluster.InsecureSkipTLSVerify = true }, code: probe.ConfigInvalid, saw: []string{"exclude each other"}},
	{name: "token and basic auth", setup: func(w *world) { w.at(api{}).user.Username, w.user.Password = "alice", goodPassword }, code: probe.ConfigInvalid, saw: []string{"more than one authentication method"}},
	{name: "malformed server", setup: func(w *world) { w.cluster.Server = "https://:%zz/" }, code: probe.ConfigInvalid},
	{name: "unknown scheme", setup: func(w *world) { w.cluster.Server = "ftp://127.0.0.1" }, code: probe.ConfigInvalid, saw: []string{"ftp"}},
	{name: "malformed proxy", setup: func(w *world) { w.at(api{}).cluster.ProxyURL = "gopher://me:" + goodPassword + "@127.0.0.1" }, code: probe.ConfigInvalid, saw: []string{"proxy-url"}},

	// resolve
	{name: "no such host", setup: func(w *world) {
		w.target.Resolver = nameServer(w.t, 3)
		w.cluster.Server = "https://nosuchhost.invalid:6443"
	}, code: probe.ResolveNoHost, target: "nosuchhost.invalid", saw: []string{"has no address"}},
	{name: "name server fails", setup: func(w *world) {
		w.target.Resolver = nameServer(w.t, 2)
		w.cluster.Server = "https://nosuchhost.invalid:6443"
	}, code: probe.ResolveFailed},
	{name: "name server is silent", setup: func(w *world) {
		w.target.Resolver, w.target.Timeout = nameServer(w.t, -1), soon
		w.cluster.Server = "https://nosuchhost.invalid:6443"
	}, code: probe.ResolveFailed, saw: []string{"nothing in"}},
	{name: "no such proxy host", setup: func(w *world) {
		w.target.Resolver = nameServer(w.t, 3)
		w.at(api{}).cluster.ProxyURL = "http://proxy.invalid:3128"
	}, code: probe.ResolveNoHost, target: "proxy.invalid", saw: []string{"the proxy's host"}},

	// dial
	{name: "closed port", setup: func(w *world) { w.cluster.Server = "https://" + closedPort(w.t) }, code: probe.DialRefused, target: "127.0.0.1:"},
	{name: "black hole", setup: func(w *world) {
		w.cluster.Server = "https://" + blackHole(w.t)
		w.target.Timeout = soon
	}, code: probe.DialTimeout, saw: []string{"nothing in"}},
	{name: "no way to the address", setup: func(w *world) { w.cluster.Server = "https://255.255.255.255:6443" }, code: probe.DialUnreachable, saw: []string{"unreachable"}},
	{name: "proxy wants a password", setup: func(w *world) {
		p := tunnel{to: strings.TrimPrefix(w.at(api{}).cluster.Server, "https://"), user: "me", password: goodPassword}
		w.cluster.ProxyURL = "http://me:" + badToken + "@" + serve(w.t, p, nil)
	}, code: probe.DialProxyAuth, saw: []string{"407"}},
	{name: "proxy wants a password for plain HTTP", setup: func(w *world) {
		w.cluster.Server = "http://127.0.0.1:1"
		w.cluster.ProxyURL = "http://" + serve(w.t, tunnel{refuse: http.StatusProxyAuthRequired}, nil)
	}, code: probe.DialProxyAuth, saw: []string{"407"}},
	{name: "proxy of the environment", setup: func(w *world) { w.cluster.Server = "https://" + envProxyHost }, code: probe.DialProxyAuth, saw: []string{"407"}},
	{name: "proxy refuses", setup: func(w *world) {
		w.at(api{}).cluster.ProxyURL = "http://" + serve(w.t, tunnel{refuse: http.StatusForbidden}, nil)
	}, code: probe.DialProxyRefused, saw: []string{"403"}},
	{name: "proxy hangs up", setup: func(w *world) {
		w.at(api{}).cluster.ProxyURL = "http://" + accept(w.t, readThenClose)
	}, code: probe.DialProxyRefused},
	{name: "SOCKS proxy refuses", setup: func(w *world) {
		w.at(api{}).cluster.ProxyURL = "socks5://" + accept(w.t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 16))
			_, _ = c.Write([]byte{5, 0xff})
		})
	}, code: probe.DialProxyRefused},
	{name: "proxy is down", setup: func(w *world) { w.at(api{}).cluster.ProxyURL = "http://" + closedPort(w.t) }, code: probe.DialProxyDown, saw: []string{"connection refused"}},
	{name: "proxy is silent", setup: func(w *world) {
		w.at(api{}).cluster.ProxyURL = "http://" + accept(w.t, func(net.Conn) {})
		w.target.Timeout = soon
	}, code: probe.DialProxyDown, saw: []string{"nothing in"}},

	// tls
	{name: "server speaks plain HTTP", setup: func(w *world) { w.cluster.Server = "https://" + serve(w.t, api{}, nil) }, code: probe.TLSNotTLS, saw: []string{"plain HTTP"}},
	{name: "kubeconfig says plain HTTP", setup: func(w *world) {
		w.at(api{}).cluster.Server = strings.Replace(w.cluster.Server, "https", "http", 1)
	}, code: probe.TLSNotTLS, saw: []string{"wants https://"}},
	{name: "server speaks something else", setup: func(w *world) {
		w.cluster.Server = "https://" + accept(w.t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n")) })
	}, code: probe.TLSNotTLS},
	{name: "TLS alert to plain HTTP", setup: func(w *world) {
		w.cluster.Server = "http://" + accept(w.t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write([]byte("\x15\x03\x01\x00\x02\x02\x46"))
			_ = c.(*net.TCPConn).CloseWrite()
		})
	}, code: probe.TLSNotTLS, saw: []string{"http://"}},
	{name: "unknown authority", setup: func(w *world) {
		w.at(api{}).cluster.CertificateAuthorityData = newAuthority(w.t, "another-ca").pem
	}, code: probe.TLSAuthority, saw: []string{`"test-subject" is signed by "test-ca"`}, target: "127.0.0.1:"},
	{name: "authority of the system", setup: func(w *world) { w.at(api{}).cluster.CertificateAuthorityData = nil }, code: probe.TLSAuthority},
	{name: "wrong name", setup: func(w *world) {
		w.server = w.ca.issue(w.t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.test"} })
		w.at(api{})
	}, code: probe.TLSName, saw: []string{`"127.0.0.1"`, "other.test"}},
	{name: "wrong tls-server-name", setup: func(w *world) { w.at(api{}).cluster.TLSServerName = "wrong.test" }, code: probe.TLSName, saw: []string{`"wrong.test"`}},
	{name: "expired", setup: func(w *world) {
		w.server = w.ca.issue(w.t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1e9, 0), time.Unix(1.1e9, 0) })
		w.at(api{})
	}, code: probe.TLSValidity, saw: []string{"2001-09-09", "2004-11-09"}},
	{name: "not yet valid", setup: func(w *world) {
		w.server = w.ca.issue(w.t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(7e9, 0), time.Unix(7.1e9, 0) })
		w.at(api{})
	}, code: probe.TLSValidity, saw: []string{"2191-"}},
	{name: "no client certificate, TLS 1.3", setup: func(w *world) { w.strict(tls.VersionTLS13) }, code: probe.TLSClientRejected, saw: []string{"none was given"}},
	{name: "no client certificate, TLS 1.2", setup: func(w *world) { w.strict(tls.VersionTLS12) }, code: probe.TLSClientRejected},
	{name: "client certificate of another authority", setup: func(w *world) {
		other := newAuthority(w.t, "another-ca").issue(w.t, nil)
		w.user.Token, w.user.ClientCertificateData, w.user.ClientKeyData = "", other.cert, other.key
		w.strict(tls.VersionTLS13)
	}, code: probe.TLSClientRejected, saw: []string{`"another-ca"`}},
	{name: "handshake is not answered", setup: func(w *world) {
		w.cluster.Server = "https://" + accept(w.t, func(net.Conn) {})
		w.target.Timeout = soon
	}, code: probe.TLSTimeout, saw: []string{"nothing in"}},
	{name: "handshake is cut", setup: func(w *world) { w.cluster.Server = "https://" + accept(w.t, readThenClose) }, code: probe.TLSBroken},
	{name: "handshake is reset", setup: func(w *world) {
		w.cluster.Server = "https://" + accept(w.t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		})
	}, code: probe.TLSBroken, saw: []string{"reset"}},
	{name: "old TLS", setup: func(w *world) {
		config := w.tls()
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		w.cluster.Server = "https://" + serve(w.t, api{}, config)
	}, code: probe.TLSBroken, saw: []string{"protocol version"}},

	// The same over HTTP/2, which is what API servers speak.
	{name: "token, HTTP/2", setup: func(w *world) { w.over2(api{}, tls.VerifyClientCertIfGiven) }},
	{name: "no client certificate, HTTP/2", setup: func(w *world) { w.over2(api{}, tls.RequireAndVerifyClientCert) }, code: probe.TLSClientRejected, saw: []string{"none was given"}},
	{name: "401, HTTP/2", setup: func(w *world) {
		w.over2(api{}, tls.VerifyClientCertIfGiven)
		w.user.Token = badToken
	}, code: probe.AuthnRefused},
	{name: "cut before the answer, HTTP/2", setup: func(w *world) {
		w.over2(api{review: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, tls.VerifyClientCertIfGiven)
	}, code: probe.APIBroken},
	{name: "cut in the body, HTTP/2", setup: func(w *world) {
		w.over2(api{version: func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, "{")
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		}}, tls.VerifyClientCertIfGiven)
	}, code: probe.APIBroken},
	{name: "no answer, HTTP/2", setup: func(w *world) {
		w.over2(api{review: hang}, tls.VerifyClientCertIfGiven)
		w.target.Timeout = later
	}, code: probe.APITimeout},

	// authn
	{name: "401", setup: func(w *world) { w.at(api{}).user.Token = badToken }, code: probe.AuthnRefused, saw: []string{"401", "Unauthorized"}},
	{name: "401 to the plugin's token", setup: func(w *world) {
		w.at(api{}).user.Token = ""
		w.user.Exec = plugin(`echo '` + pluginOutput(`{"token":"`+badToken+`"}`) + `'`)
	}, code: probe.AuthnRefused},
	{name: "403 for anonymous", setup: func(w *world) { w.at(api{}).user.Token = "" }, code: probe.AuthnAnonymous, saw: []string{"system:anonymous"}},
	{name: "taken for anonymous", setup: func(w *world) { w.at(api{review: reviewAs("system:anonymous")}) }, code: probe.AuthnAnonymous},
	{name: "expired token", setup: func(w *world) { w.at(api{}).user.Token = expiredJWT() }, code: probe.AuthnExpired, saw: []string{"token expired at 2017-07-14"}},
	{name: "expired client certificate", setup: func(w *world) {
		old := w.ca.issue(w.t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1e9, 0), time.Unix(1.1e9, 0) })
		w.user.Token, w.user.ClientCertificateData, w.user.ClientKeyData = "", old.cert, old.key
		config := w.tls()
		config.ClientAuth = tls.RequestClientCert
		w.cluster.Server = "https://" + serve(w.t, api{review: status(http.StatusUnauthorized, "Unauthorized")}, config)
	}, code: probe.AuthnExpired, saw: []string{"client certificate", "2004-11-09"}},

	// authz
	{name: "denied", setup: func(w *world) {
		w.at(api{access: allow(false, "no RBAC policy matched")}).target.Attributes = getPods
	}, code: probe.AuthzDenied, saw: []string{"no RBAC policy matched"}, target: "get pods in default"},
	{name: "denied without a reason", setup: func(w *world) { w.at(api{access: allow(false, "")}).target.Attributes = getPods }, code: probe.AuthzDenied, saw: []string{"no rule allows it"}},
	{name: "may not ask", setup: func(w *world) {
		w.at(api{access: status(http.StatusForbidden, `selfsubjectaccessreviews is forbidden: User "alice" cannot create`)}).target.Attributes = getPods
	}, code: probe.AuthzNotAsked, saw: []string{"alice"}},
	{name: "may not impersonate", setup: func(w *world) {
		w.at(api{review: status(http.StatusForbidden, `users "jane" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope`)}).user.Impersonate = "jane"
	}, code: probe.AuthzImpersonate, saw: []string{"alice", "jane"}},
	{name: "may not impersonate, in the words of Kubernetes 1.37", setup: func(w *world) {
		w.at(api{review: status(http.StatusForbidden, `selfsubjectreviews.authentication.k8s.io is forbidden: User "alice" cannot impersonate-on:user-info:create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope`)}).user.Impersonate = "jane"
	}, code: probe.AuthzImpersonate, saw: []string{"alice"}},
	{name: "review is none", setup: func(w *world) { w.at(api{access: say(http.StatusCreated, "{}")}).target.Attributes = getPods }, code: probe.APINotKubernetes},

	// api
	{name: "500", setup: func(w *world) { w.at(api{version: status(http.StatusInternalServerError, "etcdserver: no leader")}) }, code: probe.APIServerError, saw: []string{"500", "no leader"}},
	{name: "500 to the first request", setup: func(w *world) {
		w.at(api{review: status(http.StatusInternalServerError, "etcdserver: no leader")})
	}, code: probe.APIServerError},
	{name: "502 of a load balancer", setup: func(w *world) { w.at(api{review: say(http.StatusBadGateway, "<html>bad gateway")}) }, code: probe.APIServerError, saw: []string{"bad gateway"}},
	{name: "503", setup: func(w *world) { w.at(api{version: say(http.StatusServiceUnavailable, "no healthy upstream")}) }, code: probe.APIUnavailable, saw: []string{"no healthy upstream"}},
	{name: "HTML", setup: func(w *world) { w.at(api{review: say(http.StatusOK, "<html>welcome")}) }, code: probe.APINotKubernetes, saw: []string{"<html>welcome"}},
	{name: "HTML that is not found", setup: func(w *world) { w.at(api{review: say(http.StatusNotFound, "<html>404")}) }, code: probe.APINotKubernetes},
	{name: "login page", setup: func(w *world) {
		w.at(api{review: http.RedirectHandler("https://login.test/?session="+expiredJWT(), http.StatusFound).ServeHTTP})
	}, code: probe.APINotKubernetes, saw: []string{"302", "login.test"}},
	{name: "another JSON", setup: func(w *world) { w.at(api{version: say(http.StatusOK, `{"version":"8.1"}`)}) }, code: probe.APINotKubernetes},
	{name: "not HTTP", setup: func(w *world) {
		w.cluster.Server = "http://" + accept(w.t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n\r\n"))
		})
	}, code: probe.APINotKubernetes, saw: []string{"not HTTP"}},
	{name: "reset in the body", setup: func(w *world) { w.at(api{review: resetInBody}) }, code: probe.APIBroken},
	{name: "reset in a later body", setup: func(w *world) { w.at(api{ready: resetInBody}) }, code: probe.APIBroken},
	{name: "cut before the answer", setup: func(w *world) {
		w.at(api{review: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }})
	}, code: probe.APIBroken, saw: []string{"closed early"}},
	{name: "no answer", setup: func(w *world) { w.at(api{review: hang}).target.Timeout = later }, code: probe.APITimeout, saw: []string{"nothing in"}},
	{name: "no answer about the version", setup: func(w *world) { w.at(api{version: hang}).target.Timeout = later }, code: probe.APITimeout},
	{name: "not ready", setup: func(w *world) {
		w.at(api{ready: say(http.StatusInternalServerError, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n")})
	}, code: probe.APINotReady, saw: []string{"etcd failed: reason withheld"}},
	{name: "too many requests", setup: func(w *world) { w.at(api{review: status(http.StatusTooManyRequests, "please try again")}) }, code: probe.APIThrottled, saw: []string{"429", "please try again"}},
	// What API priority and fairness rejects it answers in plain text.
	{name: "too many requests in plain text", setup: func(w *world) {
		w.at(api{review: func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Retry-After", "7")
			http.Error(out, "Too many requests, please try again later.", http.StatusTooManyRequests)
		}})
	}, code: probe.APIThrottled, saw: []string{"429", "please try again later", "Retry-After: 7"}},

	// the caller
	{name: "canceled before the start", setup: func(w *world) { w.at(api{}).ctx = canceled(w.t) }, code: probe.WalkStopped, hop: catalog.HopConfig},
	{name: "canceled on the way", setup: func(w *world) {
		ctx, cancel := context.WithCancel(w.ctx)
		w.t.Cleanup(cancel)
		w.ctx = ctx
		w.at(api{version: func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}})
	}, code: probe.WalkStopped, hop: catalog.HopAPI, saw: []string{"canceled"}},
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func readThenClose(c net.Conn) {
	_, _ = c.Read(make([]byte, 4096))
	_ = c.Close()
}

// strict starts a server that wants a client certificate.
func (w *world) strict(version uint16) {
	config := w.tls()
	config.ClientAuth, config.MinVersion, config.MaxVersion = tls.RequireAndVerifyClientCert, version, version
	w.cluster.Server = "https://" + serve(w.t, api{}, config)
}

// over2 starts a server that speaks HTTP/2.
func (w *world) over2(a api, ask tls.ClientAuthType) {
	config := w.tls()
	config.ClientAuth, config.NextProtos = ask, []string{"h2"}
	w.cluster.Server = "https://" + serve(w.t, a, config)
}

func TestWalk(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r.setup(w)
			var trace probe.Trace
			if strings.HasPrefix(string(r.code), "A-CONFIG-01") || r.code == probe.ConfigUnreadable {
				trace = probe.Walk(w.ctx, w.target)
			} else {
				trace = w.walk()
			}
			check(t, w, r, trace, kubeconfigHops)
		})
	}
}

var kubeconfigHops = []catalog.Hop{catalog.HopConfig, catalog.HopResolve, catalog.HopDial, catalog.HopTLS, catalog.HopAuthn, catalog.HopAuthz, catalog.HopAPI}

// check holds a trace against its row, and against what is true of all.
func check(t *testing.T, w *world, r row, trace probe.Trace, hops []catalog.Hop) {
	t.Helper()
	checkShape(t, trace, hops)
	checkSecrets(t, w, trace)
	step, broken := trace.Broken()
	if r.code == "" {
		if broken {
			t.Fatalf("broke: %s", trace.Summary())
		}
		checkSeen(t, trace.Summary()+mustJSON(t, trace), r.saw)
		if trace.Err() != nil || trace.Outcome() != catalog.Reached {
			t.Errorf("got %v and %v for a way that is open", trace.Err(), trace.Outcome())
		}
		return
	}
	if step.Code != r.code {
		t.Fatalf("got %q, want %q: %s\nerror: %v", step.Code, r.code, trace.Summary(), step.Err)
	}
	diagnosis, _ := probe.Lookup(r.code)
	if want := max(diagnosis.Hop, r.hop); step.Hop != want {
		t.Errorf("blamed %q, want %q", step.Hop, want)
	}
	if trace.Outcome() != diagnosis.Outcome {
		t.Errorf("got outcome %q, want %q", trace.Outcome(), diagnosis.Outcome)
	}
	checkSeen(t, step.Saw, r.saw)
	if !strings.Contains(step.Target, r.target) || step.Target == "" {
		t.Errorf("got target %q, want %q in it", step.Target, r.target)
	}
	checkSummary(t, trace, step, diagnosis)
}

func checkSeen(t *testing.T, text string, parts []string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
}

func checkSummary(t *testing.T, trace probe.Trace, step probe.Step, d probe.Diagnosis) {
	t.Helper()
	summary := trace.Summary()
	checkSeen(t, summary, []string{step.Target, d.Title, string(d.Code), step.Hint()})
	if strings.ContainsAny(summary, "\n\r") || strings.Contains(summary, "{target}") || strings.Contains(summary, "{host}") {
		t.Errorf("the summary is not one finished line: %q", summary)
	}
	if err := trace.Err(); err == nil || err.Error() != summary {
		t.Errorf("got error %v, want %q", err, summary)
	}
	if step.Err != nil && !errors.Is(trace.Err(), step.Err) {
		t.Errorf("the error of the trace does not wrap that of its step, %v", step.Err)
	}
}

// checkShape holds what is true of every trace: all hops in their order, all
// before the broken one passed or skipped, all after it not reached, and JSON
// that reads back.
func checkShape(t *testing.T, trace probe.Trace, want []catalog.Hop) {
	t.Helper()
	var hops []catalog.Hop
	broken := false
	for _, s := range trace.Steps {
		hops = append(hops, s.Hop)
		switch {
		case broken && s.State != probe.NotReached:
			t.Errorf("%s is %q after the broken hop", s.Hop, s.State)
		case !broken && s.State == probe.NotReached:
			t.Errorf("%s was not reached before the broken hop", s.Hop)
		case s.State == probe.OK && s.Target == "":
			t.Errorf("%s passed and has no target", s.Hop)
		case s.State != probe.Broken && (s.Code != "" || s.Err != nil):
			t.Errorf("%s is %q and has a code or an error", s.Hop, s.State)
		}
		broken = broken || s.State == probe.Broken
	}
	if !slices.Equal(hops, want) {
		t.Errorf("got hops %v, want %v", hops, want)
	}
	var back probe.Trace
	text := mustJSON(t, trace)
	if err := json.Unmarshal([]byte(text), &back); err != nil {
		t.Fatal(err)
	}
	if again := mustJSON(t, back); again != text || !reflect.DeepEqual(back.Summary(), trace.Summary()) {
		t.Errorf("read back as %s, want %s", again, text)
	}
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// checkSecrets looks for the credentials of the tests in every form that a
// trace can be written in.
func checkSecrets(t *testing.T, w *world, trace probe.Trace) {
	t.Helper()
	var out strings.Builder
	_ = trace.WriteTable(&out)
	_, _ = fmt.Fprintf(&out, "%v %+v %#v %s %s %v", trace, trace, trace, mustJSON(t, trace), trace.Summary(), trace.Err())
	if step, broken := trace.Broken(); broken {
		_, _ = fmt.Fprintf(&out, "%v %+v %#v", step.Err, step.Err, step.Err)
	}
	for _, secret := range []string{goodToken, badToken, goodPassword, expiredJWT(), base64.StdEncoding.EncodeToString(w.client.key), "PRIVATE KEY"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("credential %q is in:\n%s", secret, out.String())
		}
	}
}

// TestEveryCodeIsProduced holds the table of codes against the rows of all walks
// and those of Unmet.
func TestEveryCodeIsProduced(t *testing.T) {
	produced := map[probe.Code]bool{}
	for _, r := range rows {
		produced[r.code] = true
	}
	for _, r := range slices.Concat(tokenRows, proxyRows, backendRows, podRows) {
		produced[r.code] = true
	}
	// By package access, of the words in which a wait ends.
	produced[probe.ControllerPending] = true
	for _, d := range probe.All() {
		if !produced[d.Code] && !slices.ContainsFunc(unmetRows, func(r unmetRow) bool { return r.want == d.Code }) {
			t.Errorf("no row produces %s (%s)", d.Code, d.Title)
		}
	}
}

// TestDurationsAreSeparate compares the steps with the whole: separate times
// add up to no more than the walk took.
func TestDurationsAreSeparate(t *testing.T) {
	w := newWorld(t).at(api{})
	began := time.Now()
	trace := w.walk()
	whole := time.Since(began)
	var sum time.Duration
	for _, s := range trace.Steps {
		if s.Duration < 0 {
			t.Errorf("%s took %s", s.Hop, s.Duration)
		}
		sum += s.Duration
	}
	if sum == 0 || sum > whole {
		t.Errorf("the steps took %s of %s", sum, whole)
	}
}

// TestOneConnection counts what the server accepts.
func TestOneConnection(t *testing.T) {
	w := newWorld(t).at(api{})
	backend := strings.TrimPrefix(w.cluster.Server, "https://")
	connections := make(chan struct{}, 16)
	w.cluster.Server = "https://" + accept(t, func(c net.Conn) {
		connections <- struct{}{}
		server, err := net.Dial("tcp", backend)
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(server, c) }()
		_, _ = io.Copy(c, server)
	})
	w.target.Attributes = getPods
	if err := w.walk().Err(); err != nil {
		t.Fatal(err)
	}
	if n := len(connections); n != 1 {
		t.Errorf("made %d connections, want 1", n)
	}
}

// TestKubeconfigList reads the files of KUBECONFIG as kubectl does.
func TestKubeconfigList(t *testing.T) {
	w := newWorld(t).at(api{})
	w.walk()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none")+string(filepath.ListSeparator)+w.target.Kubeconfig)
	if err := probe.Walk(t.Context(), probe.Target{}).Err(); err != nil {
		t.Error(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	trace := probe.Walk(t.Context(), probe.Target{})
	if step, _ := trace.Broken(); step.Code != probe.ConfigMissing {
		t.Errorf("got %s", trace.Summary())
	}
}

func TestPreflight(t *testing.T) {
	w := newWorld(t)
	w.target.Kubeconfig = filepath.Join(t.TempDir(), "none")
	var out strings.Builder
	trace, err := probe.Preflight(t.Context(), &out, w.target)
	if err == nil || err.Error() != trace.Summary() {
		t.Errorf("got %v, want %q", err, trace.Summary())
	}
	checkSeen(t, out.String(), []string{"config", "broken", "no such kubeconfig", "(A-CONFIG-01)", "next: ls -l", "not reached", "see: https://"})
	if _, err := probe.Preflight(t.Context(), brokenWriter{}, w.target); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v for a writer that fails", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
