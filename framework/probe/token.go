package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// TokenTarget is the way to an API server with nothing but its address, its
// authority and a token.
type TokenTarget struct {
	// Server is the URL of the API server.
	Server string
	// CA is the server's authority in PEM. Empty means those of the system.
	CA []byte
	// Insecure takes any certificate of the server. It excludes CA.
	Insecure bool
	// Token is the bearer token. Empty means to go as anonymous.
	Token Secret
	// Attributes are what the authz hop asks for. Nil skips that hop.
	Attributes *authorizationv1.ResourceAttributes
	// Path is what the api hop gets. Empty means the version and readiness.
	Path string
	// Timeout bounds each hop, as in Target.
	Timeout time.Duration
	// Resolver resolves host names. Nil means the machine's own resolver.
	Resolver *net.Resolver
}

// WalkToken goes to the API server's API with a token, as Walk does with a
// kubeconfig.
func WalkToken(ctx context.Context, t TokenTarget) Trace {
	w := newWalk(catalog.PathToken, Target{Attributes: t.Attributes, Timeout: t.Timeout, Resolver: t.Resolver}, kubeconfigHops...)
	defer w.close()
	w.path = t.Path
	w.load = func(context.Context) (entry, *finding) { return t.entry() }
	return w.through(ctx, w.config, w.authn, w.authz, w.api)
}

// entry is what a kubeconfig with the same server, authority and token says.
func (t TokenTarget) entry() (entry, *finding) {
	e := entry{files: t.Server, secrets: []Secret{t.Token}}
	if len(t.CA) > 0 && !x509.NewCertPool().AppendCertsFromPEM(t.CA) {
		return e, e.finding(ConfigAuthority, "it holds no certificate in PEM", errors.New("reading the authority: no certificate in PEM"))
	}
	e.config = &rest.Config{
		Host:            t.Server,
		BearerToken:     t.Token.Reveal(),
		TLSClientConfig: rest.TLSClientConfig{CAData: t.CA, Insecure: t.Insecure},
	}
	if f := e.complete(); f != nil {
		return e, f
	}
	credential := "a token"
	switch {
	case t.Token == "":
		credential = "no credential"
	case e.server.Scheme == "http":
		// As from a kubeconfig.
		e.config.BearerToken, credential = "", "no credential, for none is sent over plain HTTP"
	}
	e.saw = fmt.Sprintf("server %s with %s", e.server, credential)
	return e, nil
}
