package probe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// DefaultTimeout bounds each of resolve, dial and TLS.
	DefaultTimeout = 1500 * time.Millisecond
	// DefaultAnswerTimeout bounds each request to the API server.
	DefaultAnswerTimeout = 5 * time.Second
)

// Target is the way that a walk takes.
type Target struct {
	// Kubeconfig is the file to read. Empty means the files of KUBECONFIG, or
	// ~/.kube/config, as kubectl reads them.
	Kubeconfig string
	// Context is the context to use. Empty means the kubeconfig's current one.
	Context string
	// Attributes are what the authz hop asks for. Nil skips that hop.
	Attributes *authorizationv1.ResourceAttributes
	// Timeout bounds each hop. Zero means DefaultTimeout for resolve, dial
	// and TLS, DefaultAnswerTimeout for each request after them, and ten
	// seconds for a credential plugin.
	Timeout time.Duration
	// Resolver resolves host names. Nil means the machine's own resolver.
	Resolver *net.Resolver
}

// kubeconfigHops are the hops from a kubeconfig to the API server's API.
var kubeconfigHops = []catalog.Hop{
	catalog.HopConfig, catalog.HopResolve, catalog.HopDial, catalog.HopTLS, catalog.HopAuthn, catalog.HopAuthz, catalog.HopAPI,
}

const (
	reviewSelfPath   = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	reviewAccessPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	versionPath      = "/version"
	readyPath        = "/readyz"
	anonymous        = "system:anonymous"
)

// Walk goes from the kubeconfig to the API server's API, over one connection,
// and stops at the first hop that breaks. It changes nothing in the cluster.
// The trace always has all hops, in order; those after the broken one say that
// they were not reached.
func Walk(ctx context.Context, t Target) Trace {
	w := &walk{target: t, trace: Trace{Path: catalog.PathKubectl}}
	for _, hop := range kubeconfigHops {
		w.trace.Steps = append(w.trace.Steps, Step{Hop: hop, State: NotReached})
	}
	w.run(ctx)
	return w.trace
}

type walk struct {
	target Target
	trace  Trace
	entry  entry
	line   *line
}

func (w *walk) run(ctx context.Context) {
	began := time.Now()
	e, found := loadKubeconfig(ctx, w.target)
	w.entry = e
	switch {
	case ctx.Err() != nil:
		w.stop(catalog.HopConfig, &finding{WalkStopped, e.files, "", context.Cause(ctx)}, time.Since(began))
		return
	case found != nil:
		w.stop(catalog.HopConfig, found, time.Since(began))
		return
	}
	w.pass(catalog.HopConfig, e.files, e.saw, time.Since(began))

	if w.line, found = newLine(&w.entry, w.target); found != nil {
		w.stop(catalog.HopConfig, found, 0)
		return
	}
	defer w.line.close()
	for _, hop := range []func(context.Context) *broken{w.authn, w.authz, w.api} {
		if b := hop(ctx); b != nil {
			w.stop(b.hop, &b.finding, b.took)
			return
		}
	}
}

// broken is a finding with the hop that a request broke at, which is not
// always the one that the request was sent for.
type broken struct {
	finding
	hop  catalog.Hop
	took time.Duration
}

func (w *walk) step(hop catalog.Hop) *Step {
	i := slices.IndexFunc(w.trace.Steps, func(s Step) bool { return s.Hop == hop })
	return &w.trace.Steps[i]
}

func (w *walk) pass(hop catalog.Hop, target, saw string, took time.Duration) {
	*w.step(hop) = Step{Hop: hop, State: OK, Target: w.redact(target), Saw: w.redact(saw), Duration: took}
}

func (w *walk) skip(hop catalog.Hop, saw string) {
	*w.step(hop) = Step{Hop: hop, State: Skipped, Saw: w.redact(saw)}
}

// stop marks the hop of the finding broken. What lies before it and is not
// known was skipped; what lies after it was not reached.
func (w *walk) stop(at catalog.Hop, f *finding, took time.Duration) {
	d, _ := Lookup(f.code)
	hop := cmp.Or(d.Hop, at)
	reached := true
	for i := range w.trace.Steps {
		s := &w.trace.Steps[i]
		switch {
		case s.Hop == hop:
			*s = Step{Hop: hop, State: Broken, Target: w.redact(f.target), Saw: w.redact(f.saw), Duration: took, Code: f.code, Err: w.safe(f.err)}
			reached = false
		case !reached:
			*s = Step{Hop: s.Hop, State: NotReached}
		case s.State == NotReached:
			*s = Step{Hop: s.Hop, State: Skipped, Saw: "not known, for the walk broke at " + hopName(hop)}
		}
	}
}

// shortest is how long a known credential must be to be looked for in texts:
// removing a password of two letters would remove half of every message.
const shortest = 4

func (w *walk) redact(text string) string {
	for _, s := range w.entry.secrets {
		if v := s.Reveal(); len(v) >= shortest {
			text = strings.ReplaceAll(text, v, redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(v), redacted)
		}
	}
	return oneLine(Redact(text))
}

func (w *walk) safe(err error) error {
	if err == nil {
		return nil
	}
	return &safeError{text: w.redact(err.Error()), err: err}
}

// authn sends the first request, which also shows the hops before it.
func (w *walk) authn(ctx context.Context) *broken {
	review := &authenticationv1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{APIVersion: authenticationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectReview"}}
	a, b := w.line.send(ctx, catalog.HopAuthn, http.MethodPost, reviewSelfPath, review)
	w.showConnection()
	if b != nil {
		return b
	}
	if a.ok() {
		var answered authenticationv1.SelfSubjectReview
		err := json.Unmarshal(a.body, &answered)
		user := answered.Status.UserInfo
		if err != nil || answered.Kind != review.Kind || user.Username == "" {
			return a.broken(APINotKubernetes, a.text(), errors.Join(err, errors.New("reading the SelfSubjectReview: no user in it")))
		}
		if user.Username == anonymous {
			return a.broken(AuthnAnonymous, fmt.Sprintf("the server takes the caller for %q", anonymous), errAnonymous)
		}
		w.pass(catalog.HopAuthn, a.target, describeUser(user), a.took)
		return nil
	}
	status, kubernetes := a.kubernetesStatus()
	switch {
	case a.status == http.StatusForbidden && kubernetes:
		user := userOf(status.Message)
		if user == anonymous {
			return a.broken(AuthnAnonymous, "403: "+status.Message, errAnonymous)
		}
		w.pass(catalog.HopAuthn, a.target, fmt.Sprintf("user %q, who may not ask who they are", user), a.took)
		return nil
	case a.status == http.StatusNotFound && kubernetes:
		w.pass(catalog.HopAuthn, a.target, "not refused; SelfSubjectReview is not served here (Kubernetes before 1.28)", a.took)
		return nil
	}
	return w.refusal(a)
}

var errAnonymous = errors.New("authenticating: the caller is anonymous")

func describeUser(u authenticationv1.UserInfo) string {
	text := fmt.Sprintf("user %q", u.Username)
	if len(u.Groups) > 0 {
		groups := slices.Sorted(slices.Values(u.Groups))
		text += " in " + strings.Join(groups, ", ")
	}
	return text
}

var refusedUser = regexp.MustCompile(`User "([^"]*)"`)

func userOf(message string) string {
	if m := refusedUser.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

// showConnection writes down the hops that the first request passed.
func (w *walk) showConnection() {
	for _, leg := range w.line.passed() {
		if leg.skipped {
			w.skip(leg.hop, leg.saw)
			continue
		}
		w.pass(leg.hop, leg.target, leg.saw, leg.took)
	}
}

func (w *walk) authz(ctx context.Context) *broken {
	want := w.target.Attributes
	if want == nil {
		w.skip(catalog.HopAuthz, "nothing was asked for")
		return nil
	}
	review := &authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: want},
	}
	what := describeAccess(want)
	a, b := w.line.send(ctx, catalog.HopAuthz, http.MethodPost, reviewAccessPath, review)
	if b != nil {
		return b
	}
	status, kubernetes := a.kubernetesStatus()
	switch {
	case a.status == http.StatusForbidden && kubernetes:
		return a.broken(AuthzNotAsked, status.Message, fmt.Errorf("asking for access to %s: 403 %s", what, status.Message))
	case !a.ok():
		return w.refusal(a)
	}
	var answered authorizationv1.SelfSubjectAccessReview
	if err := json.Unmarshal(a.body, &answered); err != nil || answered.Kind != review.Kind {
		return a.broken(APINotKubernetes, a.text(), errors.Join(err, errors.New("reading the SelfSubjectAccessReview: it is none")))
	}
	if !answered.Status.Allowed {
		saw := cmp.Or(answered.Status.Reason, answered.Status.EvaluationError, "no rule allows it")
		a.target = what
		return a.broken(AuthzDenied, saw, fmt.Errorf("asking for access to %s: denied: %s", what, saw))
	}
	saw := "allowed"
	if answered.Status.Reason != "" {
		saw += ": " + answered.Status.Reason
	}
	w.pass(catalog.HopAuthz, what, saw, a.took)
	return nil
}

func describeAccess(r *authorizationv1.ResourceAttributes) string {
	what := r.Resource
	if r.Group != "" {
		what += "." + r.Group
	}
	if r.Subresource != "" {
		what += "/" + r.Subresource
	}
	if r.Name != "" {
		what += " " + r.Name
	}
	if r.Namespace != "" {
		what += " in " + r.Namespace
	}
	return r.Verb + " " + what
}

func (w *walk) api(ctx context.Context) *broken {
	a, b := w.line.send(ctx, catalog.HopAPI, http.MethodGet, versionPath, nil)
	if b != nil {
		return b
	}
	var info version.Info
	var saw string
	_, kubernetes := a.kubernetesStatus()
	switch {
	case a.ok():
		if err := json.Unmarshal(a.body, &info); err != nil || info.GitVersion == "" {
			return a.broken(APINotKubernetes, a.text(), errors.Join(err, errors.New("reading the version: there is none")))
		}
		saw = "Kubernetes " + info.GitVersion
	case a.status == http.StatusForbidden && kubernetes:
		saw = "Kubernetes of a version that the caller may not see"
	default:
		return w.refusal(a)
	}

	ready, b := w.line.send(ctx, catalog.HopAPI, http.MethodGet, readyPath, nil)
	if b != nil {
		return b
	}
	switch {
	case ready.ok():
		saw += ", ready"
	case ready.status >= http.StatusInternalServerError:
		return ready.broken(APINotReady, fmt.Sprintf("%d: %s", ready.status, failedChecks(ready.body)), fmt.Errorf("asking for readiness: %d %s", ready.status, failedChecks(ready.body)))
	default:
		saw += fmt.Sprintf(", whose readiness the caller may not see (%d)", ready.status)
	}
	w.pass(catalog.HopAPI, a.target, saw, ready.took)
	return nil
}

// failedChecks returns the lines of /readyz that name what is not ready.
func failedChecks(body []byte) string {
	var failed []string
	for l := range strings.Lines(string(body)) {
		if strings.HasPrefix(l, "[-]") {
			failed = append(failed, strings.TrimSpace(strings.TrimPrefix(l, "[-]")))
		}
	}
	if len(failed) == 0 {
		return oneLine(string(body))
	}
	return strings.Join(failed, "; ")
}

const plainToTLS = "HTTP request to an HTTPS server"

// refusal tells what an answer without success means, whatever was asked.
func (w *walk) refusal(a *answer) *broken {
	status, kubernetes := a.kubernetesStatus()
	saw := a.text()
	err := fmt.Errorf("requesting %q: %s", a.target, saw)
	switch {
	case a.status == http.StatusUnauthorized:
		if expiry := w.expired(time.Now()); expiry != "" {
			return a.broken(AuthnExpired, expiry, err)
		}
		return a.broken(AuthnRefused, saw, err)
	case a.status == http.StatusProxyAuthRequired:
		a.target = w.line.dialTarget()
		return a.broken(DialProxyAuth, saw, err)
	case a.status == http.StatusBadRequest && bytes.Contains(a.body, []byte(plainToTLS)):
		a.target = w.line.dialTarget()
		return a.broken(TLSNotTLS, "the server wants https:// and the kubeconfig says http://", err)
	case a.status == http.StatusServiceUnavailable:
		return a.broken(APIUnavailable, saw, err)
	case a.status >= http.StatusInternalServerError:
		return a.broken(APIServerError, saw, err)
	case kubernetes:
		return a.broken(APIUnexpected, fmt.Sprintf("%d: %s", a.status, status.Message), err)
	case a.status == http.StatusTooManyRequests:
		return a.broken(APIUnexpected, saw, err)
	}
	return a.broken(APINotKubernetes, saw, err)
}
