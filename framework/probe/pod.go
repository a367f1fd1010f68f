package probe

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Shell runs a script with sh in a container. An error means that the way into
// the container broke or the script was not run to its end, whatever it says
// itself; an exit code other than zero is no error.
type Shell func(ctx context.Context, script string) (ShellResult, error)

// ShellResult is what became of a script.
type ShellResult struct {
	Stdout, Stderr string
	Exit           int
}

// PodTarget is the way from a container to the API.
type PodTarget struct {
	// Shell leads into the container, which needs sh and curl alone.
	Shell Shell
	// Name says in messages which container it is ("namespace/pod").
	Name string
	// Namespace is what the volume has to say. Empty takes any.
	Namespace string
	// Dir is the folder of the service account volume in the container.
	// Empty means DefaultServiceAccountDir.
	Dir string
	// Server is the URL of the API as pods know it. Empty means
	// DefaultServer.
	Server string
	// Endpoints are the API servers' own addresses, each host:port, which are
	// tried where that of the Service leads nowhere. Without any, an address
	// that leads nowhere is the Service's.
	Endpoints []string
	// Attributes are what the authz hop asks for. Nil skips that hop.
	Attributes *authorizationv1.ResourceAttributes
	// Timeout bounds each request. Zero means DefaultAnswerTimeout.
	Timeout time.Duration
}

const (
	// DefaultServiceAccountDir is where a pod has its service account volume.
	DefaultServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	// DefaultServer is the API as the cluster's DNS names it.
	DefaultServer = "https://kubernetes.default.svc"
)

// podHops are those from a container to the API.
var podHops = []catalog.Hop{
	catalog.HopMount, catalog.HopResolve, catalog.HopService, catalog.HopDial, catalog.HopTLS, catalog.HopAuthn, catalog.HopAuthz, catalog.HopAPI,
}

// WalkPod goes from a container to the API server's API, as the documentation
// has it, and to the address that the container's environment has. It is one
// script, run once. The token does not leave the container.
func WalkPod(ctx context.Context, t PodTarget) Trace {
	t.Dir, t.Server = cmp.Or(t.Dir, DefaultServiceAccountDir), cmp.Or(t.Server, DefaultServer)
	w := &podWalk{walk: newWalk(catalog.PathInPod, Target{Attributes: t.Attributes, Timeout: t.Timeout}, podHops...), from: t}
	w.ask = w.answered
	return w.through(ctx, w.run, w.mount, w.resolve, w.service, w.tls, w.authn, w.authz, w.api)
}

// podWalk reads what the script saw.
type podWalk struct {
	*walk
	from PodTarget
	saw  podReport
}

// run runs the script. What goes wrong here is not the cluster's doing, as far
// as anybody can tell.
func (w *podWalk) run(ctx context.Context) *broken {
	script, err := w.from.script()
	began := time.Now()
	var result ShellResult
	if err == nil {
		result, err = w.from.Shell(ctx, script)
	}
	took := time.Since(began)
	if ctx.Err() != nil {
		return w.broken(catalog.HopMount, WalkStopped, w.from.Name, firstLine(context.Cause(ctx)), context.Cause(ctx), took)
	}
	if err != nil {
		return w.broken(catalog.HopMount, WalkInside, w.from.Name, firstLine(err), err, took)
	}
	w.saw = parsePodReport(result)
	if !w.saw.complete {
		saw := fmt.Sprintf("exit code %d: %s", result.Exit, cmp.Or(w.saw.problem, oneLine(result.Stderr), "the script did not come to its end"))
		return w.broken(catalog.HopMount, WalkInside, w.from.Name, saw, fmt.Errorf("running the script in %q: %s", w.from.Name, saw), took)
	}
	return nil
}

func (w *podWalk) broken(hop catalog.Hop, code Code, target, saw string, err error, took time.Duration) *broken {
	if err == nil {
		err = fmt.Errorf("walking from %q: %s", w.from.Name, saw)
	}
	return &broken{finding: finding{code: code, target: cmp.Or(target, "the container"), saw: saw, err: err}, hop: hop, took: took}
}

// mount looks for the three files of the service account volume.
func (w *podWalk) mount(context.Context) *broken {
	var missing, wrong []string
	for _, f := range w.saw.files {
		switch f.state {
		case fileMissing:
			missing = append(missing, f.name)
		case fileWrong:
			wrong = append(wrong, f.name+" "+f.why)
		}
	}
	switch {
	case len(missing) == len(w.saw.files):
		return w.broken(catalog.HopMount, MountMissing, w.from.Dir, "none of its files is there", nil, 0)
	case len(missing) > 0:
		return w.broken(catalog.HopMount, MountWrong, w.from.Dir, "not there: "+strings.Join(missing, ", "), nil, 0)
	case len(wrong) > 0:
		return w.broken(catalog.HopMount, MountWrong, w.from.Dir, strings.Join(wrong, ", "), nil, 0)
	}
	if want := w.from.Namespace; want != "" && want != w.saw.namespace {
		return w.broken(catalog.HopMount, MountWrong, w.from.Dir, fmt.Sprintf("namespace says %q and not %q", w.saw.namespace, want), nil, 0)
	}
	w.pass(catalog.HopMount, w.from.Dir, fmt.Sprintf("token, ca.crt and namespace %q", w.saw.namespace), 0)
	return nil
}

// resolve tells what the container's name server says of the API's name, and
// what the environment says of its address.
func (w *podWalk) resolve(context.Context) *broken {
	c := w.saw.byName
	switch {
	case c.exit == curlNoHost && w.saw.nameServerRefuses:
		return w.broken(catalog.HopResolve, ResolveFailed, w.host(), "nothing listens at the name server; "+w.saw.resolver(), nil, c.total)
	case c.exit == curlNoHost:
		return w.broken(catalog.HopResolve, ResolveNoHost, w.host(), "it has no address; "+w.saw.resolver(), nil, c.total)
	case c.exit == curlTimeout && c.address == "":
		return w.broken(catalog.HopResolve, ResolveFailed, w.host(), c.said+"; "+w.saw.resolver(), nil, c.total)
	}
	w.pass(catalog.HopResolve, w.host(), cmp.Or(c.address, "an address")+", "+w.saw.environment(), c.resolve)
	return nil
}

func (w *podWalk) host() string {
	u, err := url.Parse(w.from.Server)
	if err != nil {
		return w.from.Server
	}
	return u.Hostname()
}

// service tells whether the Service's address leads anywhere: the one that the
// name has, and the one that the environment has.
func (w *podWalk) service(context.Context) *broken {
	for _, c := range w.saw.connections() {
		if !c.connected() {
			return w.nowhere(c)
		}
	}
	c := w.saw.byName
	w.pass(catalog.HopService, c.address, "leads somewhere", 0)
	w.pass(catalog.HopDial, c.address, "connected", c.dial)
	return nil
}

// nowhere tells why an address was not reached: because it is not the Service's,
// because the network does not lead to what is behind it, or because nobody makes
// the Service's address that of an endpoint.
func (w *podWalk) nowhere(c podCall) *broken {
	saw := c.origin + ": " + c.said
	if e := w.saw.byEnvironment; c.origin == w.saw.byName.origin && e.asked && e.host() != c.host() && e.connected() && e.tlsCode() == "" {
		return w.broken(catalog.HopResolve, ResolveElsewhere, w.host(), fmt.Sprintf("%s; %s, where the API is", saw, w.saw.environment()), nil, c.resolve)
	}
	beyond, asked := w.saw.beyond()
	switch {
	case asked && !beyond.connected() && beyond.silent():
		return w.broken(catalog.HopDial, DialTimeout, beyond.address, fmt.Sprintf("%s; %s: %s", saw, beyond.origin, beyond.said), nil, beyond.total)
	case asked && !beyond.connected():
		return w.broken(catalog.HopDial, DialRefused, beyond.address, fmt.Sprintf("%s; %s: %s", saw, beyond.origin, beyond.said), nil, beyond.total)
	case asked:
		saw += fmt.Sprintf("; %s, %s, is reached", beyond.origin, beyond.address)
	}
	if c.silent() {
		return w.broken(catalog.HopService, ServiceSilent, c.address, saw, nil, c.total)
	}
	return w.broken(catalog.HopService, ServiceRefused, c.address, saw, nil, c.total)
}

// tls tells whether the mounted authority vouches for who is there.
func (w *podWalk) tls(context.Context) *broken {
	c := w.saw.byName
	code := c.tlsCode()
	if code == "" {
		w.pass(catalog.HopTLS, c.address, cmp.Or(c.peer, "verified with ca.crt"), c.tls)
		if e := w.saw.byEnvironment; e.asked && e.tlsCode() != "" {
			// The authority is right, so the address is wrong.
			return w.broken(catalog.HopService, ServiceSilent, e.address, e.origin+" leads to somebody else: "+e.said, nil, 0)
		}
		return nil
	}
	if e := w.saw.byEnvironment; e.asked && e.address != c.address && e.connected() && e.tlsCode() == "" {
		saw := fmt.Sprintf("%s, where somebody else answers (%s); %s", c.address, c.said, w.saw.environment())
		return w.broken(catalog.HopResolve, ResolveElsewhere, w.host(), saw, nil, c.resolve)
	}
	return w.broken(catalog.HopTLS, code, c.address, c.said, nil, c.tls)
}

// answered returns the answer that the script got to a request.
func (w *podWalk) answered(_ context.Context, hop catalog.Hop, method, path string, _ any) (*answer, *broken) {
	c, ok := w.saw.requests[path]
	target := strings.TrimSuffix(w.from.Server, "/")
	if !ok {
		return nil, w.broken(hop, WalkInside, w.from.Name, "the script did not ask for "+path, nil, 0)
	}
	if c.exit == 0 {
		return &answer{hop: hop, target: target, status: c.status, header: http.Header{}, body: []byte(c.body), took: c.answer}, nil
	}
	err := fmt.Errorf("%s %q: curl: (%d) %s", method, target+path, c.exit, c.said)
	switch {
	case !c.connected() && c.exit == curlTimeout:
		return nil, w.broken(catalog.HopService, ServiceSilent, target, c.said, err, c.total)
	case !c.connected():
		return nil, w.broken(catalog.HopService, ServiceRefused, target, c.said, err, c.total)
	case c.tlsCode() != "":
		return nil, w.broken(catalog.HopTLS, c.tlsCode(), target, c.said, err, c.tls)
	case c.exit == curlTimeout:
		return nil, w.broken(hop, APITimeout, target, c.said, err, c.total)
	}
	return nil, w.broken(hop, APIBroken, target, c.said, err, c.answer)
}
