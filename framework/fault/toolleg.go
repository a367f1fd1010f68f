package fault

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	flagHelp = "--help"
	// The beginnings of lines of kubectl proxy's help, which have an option and
	// its default.
	helpSocket  = "-u, --unix-socket="
	helpAddress = "--address="
	everywhere  = "'0.0.0.0'"
)

// besidesLeg is what a kubectl proves one of whose proxy's legs is broken.
var besidesLeg = []catalog.ID{"kubectl-proxy/output-shape"}

// proxyLegTools are broken in what kubectl proxy is to either of its sides, and
// in what it says of itself.
var proxyLegTools = []tool{
	{name: "proxy-speaks-tls", hop: catalog.HopLocalProxy, of: proxyCommand, spares: besidesProxy, run: speakTLS},
	{name: "client-header-dropped", hop: catalog.HopLocalProxy, of: proxyCommand, spares: besidesLeg, run: dropClientHeader},
	{
		name: "server-leg-plain", hop: catalog.HopTLS, of: proxyCommand, spares: besidesProxy,
		change: changingConfig(func(config *clientcmdapi.Config) error {
			for _, c := range config.Clusters {
				c.Server = strings.Replace(c.Server, "https://", "http://", 1)
			}
			return nil
		}),
	},
	{name: "files-reversed", hop: catalog.HopConfig, of: proxyCommand, spares: besidesLeg, change: reverseKubeconfigs},
	{
		name: "proxy-option-missing", hop: catalog.HopTool, of: proxyCommand, spares: besidesLeg,
		run: changingHelp(func(line string) string {
			if strings.HasPrefix(strings.TrimSpace(line), helpSocket) {
				return ""
			}
			return line
		}),
	},
	{
		name: "proxy-default-other", hop: catalog.HopTool, of: proxyCommand, spares: besidesLeg,
		run: changingHelp(func(line string) string {
			if strings.HasPrefix(strings.TrimSpace(line), helpAddress) {
				return strings.ReplaceAll(line, "'"+loopback+"'", everywhere)
			}
			return line
		}),
	},
}

// browserTools are broken browsers.
var browserTools = []tool{
	{
		name: "browser-verification-off", hop: catalog.HopTLS, program: browserProgram, needs: []Need{Browser},
		spares: []catalog.ID{"kubectl-proxy/curl-wget-browser"},
		change: adding("--ignore-certificate-errors"),
	},
}

// speakTLS has the proxy speak TLS to its clients, with a certificate of its own.
func speakTLS(ctx context.Context, c *toolCall) (int, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, fmt.Errorf("making the key of a proxy: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateTime),
		IPAddresses: []net.IP{net.ParseIP(loopback)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return 0, fmt.Errorf("making the certificate of a proxy: %w", err)
	}
	speak := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
	return c.standBefore(ctx, speak, func(*httputil.ReverseProxy) {})
}

// dropClientHeader has the proxy drop the credential of its client.
func dropClientHeader(ctx context.Context, c *toolCall) (int, error) {
	return c.standBefore(ctx, nil, func(pass *httputil.ReverseProxy) {
		next := pass.Rewrite
		pass.Rewrite = func(r *httputil.ProxyRequest) {
			next(r)
			r.Out.Header.Del("Authorization")
		}
	})
}

// reverseKubeconfigs turns the order of the files of KUBECONFIG.
func reverseKubeconfigs(c *toolCall) error {
	for _, kv := range c.env {
		if list, ok := strings.CutPrefix(kv, envKubeconfig+"="); ok {
			files := filepath.SplitList(list)
			slices.Reverse(files)
			c.setenv(envKubeconfig, strings.Join(files, string(os.PathListSeparator)))
			return nil
		}
	}
	return nil
}

// changingHelp changes what the tool says of itself, and nothing that it does.
func changingHelp(change func(line string) string) func(context.Context, *toolCall) (int, error) {
	return func(ctx context.Context, c *toolCall) (int, error) {
		if !slices.Contains(c.args, flagHelp) {
			return c.replace()
		}
		return c.filter(ctx, change)
	}
}
