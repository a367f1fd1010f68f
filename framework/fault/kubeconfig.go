package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// deadServer is a location at which nothing listens: port 1 is reserved.
	deadServer = "https://127.0.0.1:1"
	// unknownHost is a host name without an address: the domain invalid is
	// reserved for having none.
	unknownHost = "kubernetes.inroads.invalid"
	// foreignName is a name that no certificate is for.
	foreignName = "not-in-the-certificate.inroads.invalid"
	// foreignAddress is a loopback address that no certificate is for.
	foreignAddress = "127.0.0.2"
	// secondName is a name that the API server's certificate is for, beside the
	// one in its location: kubeadm and others put it into each.
	secondName = "kubernetes"
	// missingContext is the name of a context that no kubeconfig has.
	missingContext = "inroads-no-such-context"
	// expiredFor is how long ago an expired credential has expired.
	expiredFor = time.Hour
)

var kubeconfigFaults = []Fault{
	{
		Name: "kubeconfig-missing", Hop: catalog.HopConfig, Scope: Client, Way: true,
		Inject: func(_ context.Context, s *Site) error {
			s.Ref.Kubeconfig = filepath.Join(s.Dir, "no-such-kubeconfig")
			return nil
		},
		Took: stopsAt(catalog.HopConfig),
	},
	{
		Name: "context-missing", Hop: catalog.HopConfig, Scope: Client, Way: true,
		Inject: func(_ context.Context, s *Site) error {
			k, err := s.kubeconfig()
			if err != nil {
				return err
			}
			if err := s.hand(k); err != nil {
				return err
			}
			s.Ref.Context = missingContext
			return nil
		},
		Took: stopsAt(catalog.HopConfig),
	},
	wayFault("server-name-unknown", catalog.HopResolve, func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		return withHost(k, unknownHost)
	}),
	wayFault("server-port-dead", catalog.HopDial, func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		return k.WithServer(deadServer), nil
	}),
	wayFault("server-black-hole", catalog.HopDial, func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		hole, err := digBlackHole(ctx)
		if err != nil {
			return k, err
		}
		s.Defer(hole.Close)
		return k.WithServer("https://" + hole.Address), nil
	}),
	wayFault("ca-wrong", catalog.HopTLS, func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		other, err := newAuthority()
		return k.WithCA(other.pem), err
	}),
	wayFault("server-name-wrong", catalog.HopTLS, func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		return k.WithTLSServerName(foreignName), nil
	}),
	wayFault("client-certificate-foreign", catalog.HopAuthn, func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		other, err := newAuthority()
		if err != nil {
			return k, err
		}
		return withCertificateOf(k, other, time.Now().Add(certificateTime))
	}),
	needing(Nodes, wayFault("client-certificate-expired", catalog.HopAuthn, func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		own, err := s.authority(ctx)
		if err != nil {
			return k, err
		}
		return withCertificateOf(k, own, time.Now().Add(-expiredFor))
	})),
	{
		Name: "server-named-twice", Hop: catalog.HopConfig, Scope: Client,
		Inject: edited(func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
			return k.WithTLSServerName(secondName), nil
		}),
		Took: whole,
	},
	{
		Name: "address-not-in-certificate", Hop: catalog.HopTLS, Scope: Client,
		Inject: edited(atForeignAddress),
		Took:   whole,
	},
}

// wayFault is a fault of a kubeconfig with which the way ends at the hop.
func wayFault(name string, hop catalog.Hop, change func(context.Context, *Site, access.Kubeconfig) (access.Kubeconfig, error)) Fault {
	return Fault{Name: name, Hop: hop, Scope: Client, Way: true, Inject: edited(change), Took: stopsAt(hop)}
}

func needing(n Need, f Fault) Fault {
	f.Needs = append(f.Needs, n)
	return f
}

// withHost changes the host of the location and leaves its port.
func withHost(k access.Kubeconfig, host string) (access.Kubeconfig, error) {
	u, err := url.Parse(k.Server())
	if err != nil {
		return k, fmt.Errorf("parsing server %q: %w", k.Server(), err)
	}
	if port := u.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	u.Host = host
	return k.WithServer(u.String()), nil
}

// atForeignAddress leads to the very same server by an address that its
// certificate is not for. Who reads tls-server-name is led there all the same,
// so that it takes a client that does not to find out.
func atForeignAddress(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
	u, err := url.Parse(k.Server())
	if err != nil {
		return k, fmt.Errorf("parsing server %q: %w", k.Server(), err)
	}
	if u.Scheme != "https" {
		return k, errors.New("leading to the server by another address: it has no certificate, being spoken to in plain HTTP")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(foreignAddress, "0"))
	if err != nil {
		return k, fmt.Errorf("listening on %s: %w", foreignAddress, err)
	}
	// It has to outlive the injection.
	relaying, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.Defer(func() { stop(); _ = listener.Close() })
	go access.Relay(relaying, listener, net.JoinHostPort(u.Hostname(), port))
	u.Host = listener.Addr().String()
	return k.WithServer(u.String()).WithTLSServerName(secondName), nil
}
