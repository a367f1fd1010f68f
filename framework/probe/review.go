package probe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	reviewSelfPath   = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	reviewAccessPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	versionPath      = "/version"
	readyPath        = "/readyz"
	anonymous        = "system:anonymous"
)

// authn asks the server who the caller is.
func (w *walk) authn(ctx context.Context) *broken {
	review := selfReview()
	a, b := w.ask(ctx, catalog.HopAuthn, http.MethodPost, reviewSelfPath, review)
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
		if strings.Contains(status.Message, cannotImpersonate) {
			w.pass(catalog.HopAuthn, a.target, fmt.Sprintf("user %q", user), a.took)
			return a.broken(AuthzImpersonate, status.Message, fmt.Errorf("impersonating: 403 %s", status.Message))
		}
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

func selfReview() *authenticationv1.SelfSubjectReview {
	return &authenticationv1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{APIVersion: authenticationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectReview"}}
}

func accessReview(want *authorizationv1.ResourceAttributes) *authorizationv1.SelfSubjectAccessReview {
	return &authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: want},
	}
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

// cannotImpersonate is what the API server says of whom it does not let be
// somebody else.
const cannotImpersonate = "cannot impersonate"

var refusedUser = regexp.MustCompile(`User "([^"]*)"`)

func userOf(message string) string {
	if m := refusedUser.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

func (w *walk) authz(ctx context.Context) *broken {
	want := w.target.Attributes
	if want == nil {
		w.skip(catalog.HopAuthz, "nothing was asked for")
		return nil
	}
	review := accessReview(want)
	what := describeAccess(want)
	a, b := w.ask(ctx, catalog.HopAuthz, http.MethodPost, reviewAccessPath, review)
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
	if w.path != "" {
		return w.get(ctx)
	}
	a, b := w.ask(ctx, catalog.HopAPI, http.MethodGet, versionPath, nil)
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

	ready, b := w.ask(ctx, catalog.HopAPI, http.MethodGet, readyPath, nil)
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

// get asks for the path that the target names.
func (w *walk) get(ctx context.Context) *broken {
	a, b := w.ask(ctx, catalog.HopAPI, http.MethodGet, w.path, nil)
	switch {
	case b != nil:
		return b
	case a.ok():
	case a.status == http.StatusForbidden:
		if status, kubernetes := a.kubernetesStatus(); kubernetes {
			a.target = w.path
			return a.broken(AuthzDenied, status.Message, fmt.Errorf("requesting %q: 403 %s", w.path, status.Message))
		}
		return w.refusal(a)
	default:
		return w.refusal(a)
	}
	w.pass(catalog.HopAPI, a.target+w.path, fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), a.took)
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
		a.target = w.dialed(a)
		return a.broken(DialProxyAuth, saw, err)
	case a.status == http.StatusBadRequest && bytes.Contains(a.body, []byte(plainToTLS)):
		a.target = w.dialed(a)
		return a.broken(TLSNotTLS, "the server wants https:// and was asked by http://", err)
	case a.status == http.StatusServiceUnavailable:
		return a.broken(APIUnavailable, saw, err)
	case a.status >= http.StatusInternalServerError:
		return a.broken(APIServerError, saw, err)
	case a.status == http.StatusTooManyRequests:
		if seconds := a.header.Get("Retry-After"); seconds != "" {
			saw += fmt.Sprintf(" (Retry-After: %s)", seconds)
		}
		return a.broken(APIThrottled, saw, err)
	case kubernetes:
		return a.broken(APIUnexpected, fmt.Sprintf("%d: %s", a.status, status.Message), err)
	}
	return a.broken(APINotKubernetes, saw, err)
}

// dialed is the address that was dialled for an answer, as far as it is known.
func (w *walk) dialed(a *answer) string {
	if w.line == nil {
		return a.target
	}
	return w.line.dialTarget()
}
