package harness

import (
	"context"
	"errors"
	"time"

	"github.com/onsi/ginkgo/v2"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/poll"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// tokenLifetime is how long the tokens of a spec are valid; the API server
// grants no less than ten minutes.
const tokenLifetime = 10 * time.Minute

const (
	// rightTime is how long the API server has to notice an RBAC object; it is a
	// matter of milliseconds.
	rightTime     = 20 * time.Second
	rightInterval = 100 * time.Millisecond
)

// ServiceAccount creates a ServiceAccount, which has no rights of its own, in
// the spec's namespace.
func (e *Env) ServiceAccount(ctx context.Context, name string) *corev1.ServiceAccount {
	ginkgo.GinkgoHelper()
	sa, err := e.Client.CoreV1().ServiceAccounts(e.Namespace(ctx)).Create(ctx, &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{LabelManagedBy: ManagedBy}},
	}, metav1.CreateOptions{})
	e.Require(err, "creating ServiceAccount "+name)
	return sa
}

// Grant lets the ServiceAccount do what the rules say in its namespace, and
// returns the binding; deleting that takes the rights away again.
func (e *Env) Grant(ctx context.Context, sa *corev1.ServiceAccount, rules ...rbacv1.PolicyRule) *rbacv1.RoleBinding {
	ginkgo.GinkgoHelper()
	meta := metav1.ObjectMeta{Name: sa.Name, Labels: map[string]string{LabelManagedBy: ManagedBy}}
	_, err := e.Client.RbacV1().Roles(sa.Namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	e.Require(err, "creating Role "+sa.Name)
	binding, err := e.Client.RbacV1().RoleBindings(sa.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: sa.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: sa.Namespace, Name: sa.Name}},
	}, metav1.CreateOptions{})
	e.Require(err, "creating RoleBinding "+sa.Name)
	return binding
}

// AwaitRight asks again and again for what a right allows that Grant gave, until
// the API server has noticed it, and returns that answer. It fails the spec when
// that takes too long, and at once for an answer that is neither a refusal nor what
// was asked for.
func (e *Env) AwaitRight(ctx context.Context, what string, ask func(context.Context) access.Result) access.Result {
	ginkgo.GinkgoHelper()
	bounded, cancel := context.WithTimeout(ctx, rightTime)
	defer cancel()
	var last access.Result
	// Why the wait ended is in the last answer.
	_ = poll.Until(bounded, "the RoleBinding to be noticed", rightInterval, func(ctx context.Context) error {
		switch last = ask(ctx); last.Outcome {
		case catalog.Reached:
			return nil
		case catalog.Forbidden:
			return errors.New(last.Summary())
		}
		return poll.Permanent(errors.New(last.Summary()))
	})
	return e.Meet(access.Blame(last, catalog.Reached), what, last, catalog.Reached)
}

// As returns the configuration of a client that is the ServiceAccount, by a
// token of its own.
func (e *Env) As(ctx context.Context, sa *corev1.ServiceAccount) *rest.Config {
	ginkgo.GinkgoHelper()
	seconds := int64(tokenLifetime / time.Second)
	request, err := e.Client.CoreV1().ServiceAccounts(sa.Namespace).CreateToken(ctx, sa.Name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	e.Require(err, "requesting a token of ServiceAccount "+sa.Name)
	cfg := rest.AnonymousClientConfig(e.Config)
	cfg.BearerToken = request.Status.Token
	probe.KnownSecrets().Add(cfg.BearerToken)
	return cfg
}
