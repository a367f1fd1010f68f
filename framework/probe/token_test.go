package probe_test

import (
	"net/http"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// withToken is the way to the server of the world's kubeconfig with a token.
func (w *world) withToken(token probe.Secret) probe.TokenTarget {
	return probe.TokenTarget{Server: w.cluster.Server, CA: w.ca.pem, Token: token}
}

var tokenRows = []pathRow{
	{name: "in", walk: func(w *world) probe.Trace {
		t := w.at(api{}).withToken(goodToken)
		t.Attributes = getPods
		return probe.WalkToken(w.ctx, t)
	}, saw: []string{`user \"alice\"`, "v1.37.2, ready", "with a token", "get pods in default"}},
	{name: "a path", walk: func(w *world) probe.Trace {
		t := w.at(api{}).withToken(goodToken)
		t.Path = readyPath
		return probe.WalkToken(w.ctx, t)
	}, saw: []string{"200 OK", "/readyz"}},
	{name: "a path that is forbidden", walk: func(w *world) probe.Trace {
		t := w.at(api{version: status(http.StatusForbidden, `forbidden: User "alice" cannot get path "/version"`)}).withToken(goodToken)
		t.Path = versionPath
		return probe.WalkToken(w.ctx, t)
	}, code: probe.AuthzDenied, saw: []string{"cannot get path"}, target: versionPath},
	{name: "a path that is not there", walk: func(w *world) probe.Trace {
		t := w.at(api{}).withToken(goodToken)
		t.Path = "/nowhere"
		return probe.WalkToken(w.ctx, t)
	}, code: probe.APIUnexpected, saw: []string{"404"}},
	{name: "not verified", walk: func(w *world) probe.Trace {
		t := w.at(api{}).withToken(goodToken)
		t.CA, t.Insecure = nil, true
		return probe.WalkToken(w.ctx, t)
	}, saw: []string{"NOT VERIFIED"}},
	{name: "plain HTTP", walk: func(w *world) probe.Trace {
		return probe.WalkToken(w.ctx, probe.TokenTarget{Server: "http://" + serve(w.t, api{}, nil), Token: goodToken})
	}, code: probe.AuthnAnonymous},
	{name: "authority is no certificate", walk: func(w *world) probe.Trace {
		t := w.at(api{}).withToken(goodToken)
		t.CA = []byte("no PEM")
		return probe.WalkToken(w.ctx, t)
	}, code: probe.ConfigAuthority},
	{name: "no URL", walk: func(w *world) probe.Trace {
		return probe.WalkToken(w.ctx, probe.TokenTarget{Server: "ftp://127.0.0.1", Token: goodToken})
	}, code: probe.ConfigInvalid, saw: []string{"ftp"}},
	{name: "no such host", walk: func(w *world) probe.Trace {
		return probe.WalkToken(w.ctx, probe.TokenTarget{Server: "https://nosuchhost.invalid:6443", Token: goodToken, Resolver: nameServer(w.t, 3)})
	}, code: probe.ResolveNoHost},
	{name: "closed port", walk: func(w *world) probe.Trace {
		return probe.WalkToken(w.ctx, probe.TokenTarget{Server: "https://" + closedPort(w.t), Token: goodToken})
	}, code: probe.DialRefused},
	{name: "another authority", walk: func(w *world) probe.Trace {
		t := w.at(api{}).withToken(goodToken)
		t.CA = newAuthority(w.t, "another-ca").pem
		return probe.WalkToken(w.ctx, t)
	}, code: probe.TLSAuthority},
	{name: "401", walk: func(w *world) probe.Trace { return probe.WalkToken(w.ctx, w.at(api{}).withToken(badToken)) }, code: probe.AuthnRefused},
	{name: "expired", walk: func(w *world) probe.Trace {
		return probe.WalkToken(w.ctx, w.at(api{}).withToken(probe.Secret(expiredJWT())))
	}, code: probe.AuthnExpired, saw: []string{"2017-07-14"}},
	{name: "no token", walk: func(w *world) probe.Trace { return probe.WalkToken(w.ctx, w.at(api{}).withToken("")) }, code: probe.AuthnAnonymous},
	{name: "denied", walk: func(w *world) probe.Trace {
		t := w.at(api{access: allow(false, "")}).withToken(goodToken)
		t.Attributes = getPods
		return probe.WalkToken(w.ctx, t)
	}, code: probe.AuthzDenied},
	{name: "not ready", walk: func(w *world) probe.Trace {
		return probe.WalkToken(w.ctx, w.at(api{ready: say(http.StatusInternalServerError, "[-]etcd failed")}).withToken(goodToken))
	}, code: probe.APINotReady},
	{name: "canceled", walk: func(w *world) probe.Trace {
		return probe.WalkToken(canceled(w.t), w.at(api{}).withToken(goodToken))
	}, code: probe.WalkStopped, hop: catalog.HopConfig},
}

func TestWalkToken(t *testing.T) { testPaths(t, tokenRows, kubeconfigHops...) }
