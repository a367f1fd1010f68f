package fault

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	flagPort    = "--port"
	flagAddress = "--address"
	// proxyPort and loopback are where kubectl proxy listens by default.
	proxyPort = "8001"
	loopback  = "127.0.0.1"
	// filesDir is an empty folder in the site's.
	filesDir = "files"
)

var proxyCommand = []string{"proxy"}

// besidesProxy is what a kubectl proves whose proxy alone is broken.
var besidesProxy = []catalog.ID{"kubectl/first-access"}

// proxyTools are broken in kubectl proxy.
var proxyTools = []tool{
	{name: "location-ignored", hop: catalog.HopConfig, of: proxyCommand, spares: besidesProxy, change: ignoreKubeconfig},
	{name: "context-ignored", hop: catalog.HopConfig, of: proxyCommand, spares: besidesProxy, change: taking(flagContext)},
	{name: "proxy-killed", hop: catalog.HopLocalProxy, of: proxyCommand, spares: besidesProxy, run: endOnceServing},
	{name: "prefix-moved", hop: catalog.HopLocalProxy, of: proxyCommand, spares: besidesProxy, change: adding("--api-prefix=/inroads-moved/")},
	{name: "methods-rejected", hop: catalog.HopLocalProxy, of: proxyCommand, spares: []catalog.ID{"kubectl-proxy/output-shape"}, change: adding("--reject-methods=^PATCH$")},
	{name: "hosts-all-accepted", hop: catalog.HopLocalProxy, of: proxyCommand, spares: []catalog.ID{"kubectl-proxy/output-shape"}, change: adding("--accept-hosts=.*")},
	{name: "listens-everywhere", hop: catalog.HopLocalProxy, of: proxyCommand, spares: []catalog.ID{"kubectl-proxy/output-shape"}, run: listenEverywhere},
	{name: "stream-buffered", hop: catalog.HopLocalProxy, of: proxyCommand, spares: []catalog.ID{"kubectl-proxy/output-shape"}, run: passCompleteAnswers},
	{
		// It listens at a port that is free, as it would be with --port=0.
		name: "port-ignored", hop: catalog.HopLocalProxy, of: proxyCommand, spares: []catalog.ID{"kubectl-proxy/output-shape"},
		change: adding(flagPort + "=0"),
	},
	{
		name: "files-instead", hop: catalog.HopLocalProxy, of: proxyCommand, spares: besidesProxy,
		change: func(c *toolCall) error {
			dir := filepath.Join(c.dir, filesDir)
			c.add("--www="+dir, "--www-prefix=/api/")
			return os.MkdirAll(dir, 0o700)
		},
	},
}

// servingProxy is the real kubectl proxy as a child that serves.
type servingProxy struct {
	cmd *exec.Cmd
	// addr is where it serves.
	addr string
	out  *bufio.Reader
}

// startProxy starts the real kubectl proxy and returns once it serves, or has
// ended without: then addr is "".
func (c *toolCall) startProxy(ctx context.Context) (*servingProxy, error) {
	cmd := c.command(ctx)
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("running %q: %w", c.Real, err)
	}
	p := &servingProxy{cmd: cmd, out: bufio.NewReader(out)}
	for p.addr == "" {
		line, err := p.out.ReadString('\n')
		if addr, ok := strings.CutPrefix(line, access.KubectlProxyReady); ok {
			p.addr = strings.TrimSpace(addr)
			break
		}
		fmt.Print(line)
		if err != nil {
			break
		}
	}
	return p, nil
}

// say tells that something serves at the address.
func (p *servingProxy) say(addr string) { fmt.Println(access.KubectlProxyReady + addr) }

// wait passes on what else it prints until it ends.
func (p *servingProxy) wait() (int, error) {
	_, _ = io.Copy(os.Stdout, p.out)
	return exitCode(p.cmd.Wait())
}

// endOnceServing ends the real proxy before anybody is told that it serves, so
// that nobody can be faster.
func endOnceServing(ctx context.Context, c *toolCall) (int, error) {
	p, err := c.startProxy(ctx)
	if err != nil {
		return 0, err
	}
	if p.addr == "" {
		return p.wait()
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return 0, err
	}
	_, err = p.wait()
	p.say(p.addr)
	return 1, err
}

// listenEverywhere listens at the proxy's port of this machine's every other
// address, and answers there as the proxy answers hosts that it does not accept.
// Nothing is passed on: the proxy has the rights of its kubeconfig's user, and
// whoever can reach this machine must not get them.
func listenEverywhere(ctx context.Context, c *toolCall) (int, error) {
	p, err := c.startProxy(ctx)
	if err != nil {
		return 0, err
	}
	if p.addr == "" {
		return p.wait()
	}
	if err := refuseBeside(p.addr); err != nil {
		return 0, err
	}
	p.say(p.addr)
	return p.wait()
}

func refuseBeside(addr string) error {
	own, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	others, err := access.OtherAddresses()
	if err != nil {
		return err
	}
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
	})
	for _, ip := range append(others, loopback) {
		if ip == own {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
		if err != nil {
			return err
		}
		go func() { _ = (&http.Server{Handler: refuse, ReadHeaderTimeout: toolHeaderTimeout}).Serve(l) }()
	}
	return nil
}

// passCompleteAnswers passes an answer on once it has all of it.
func passCompleteAnswers(ctx context.Context, c *toolCall) (int, error) {
	return c.standBefore(ctx, nil, func(pass *httputil.ReverseProxy) {
		pass.ModifyResponse = func(r *http.Response) error {
			whole, err := io.ReadAll(r.Body)
			err = errors.Join(err, r.Body.Close())
			r.Body = io.NopCloser(bytes.NewReader(whole))
			return err
		}
	})
}

// standBefore stands between the caller and the real proxy, at the address that
// the proxy was told, and passes all on but for what is changed. A TLS
// configuration has it speak TLS to the caller.
func (c *toolCall) standBefore(ctx context.Context, speak *tls.Config, change func(*httputil.ReverseProxy)) (int, error) {
	ip := strings.Trim(cmp.Or(c.take(flagAddress), loopback), "[]")
	l, err := net.Listen("tcp", net.JoinHostPort(ip, cmp.Or(c.take(flagPort), proxyPort)))
	if err != nil {
		return 0, err
	}
	c.add(flagPort+"=0", flagAddress+"="+loopback)
	p, err := c.startProxy(ctx)
	if err != nil {
		return 0, err
	}
	if p.addr == "" {
		return p.wait()
	}
	pass := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: p.addr})
		// The proxy looks at the host that it is asked for.
		r.Out.Host = r.In.Host
	}}
	change(pass)
	addr := l.Addr().String()
	if speak != nil {
		l = tls.NewListener(l, speak)
	}
	go func() { _ = (&http.Server{Handler: pass, ReadHeaderTimeout: toolHeaderTimeout}).Serve(l) }()
	p.say(addr)
	return p.wait()
}
