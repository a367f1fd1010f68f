package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/poll"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// LabelFault carries the name of the fault that made an object, by which
	// healing finds it, whoever heals.
	LabelFault = "inroads.dev/fault"
	// callerName is the ServiceAccount as which a run calls, in a namespace of
	// the fault's own.
	callerName = "caller"
	// tokenTime is how long a token is valid that a run gets.
	tokenTime = 6 * time.Hour
	// acceptTime bounds the wait for a new token to be accepted.
	acceptTime = 20 * time.Second
)

// madeBy are the labels of what the fault makes.
func madeBy(name string) map[string]string { return map[string]string{LabelFault: name} }

// ownedBy selects what the fault has made.
func ownedBy(name string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: LabelFault + "=" + name}
}

// newCaller makes a ServiceAccount without rights in a namespace of the fault's
// own, and returns the namespace.
func (s *Site) newCaller(ctx context.Context, fault string) (namespace string, err error) {
	if namespace, err = s.newNamespace(ctx, fault, nil); err != nil {
		return "", err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: callerName}}
	if _, err := s.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("creating ServiceAccount %q: %w", callerName, err)
	}
	return namespace, nil
}

// newNamespace makes a namespace of the fault's own, with more labels.
func (s *Site) newNamespace(ctx context.Context, fault string, more map[string]string) (string, error) {
	labels := madeBy(fault)
	maps.Copy(labels, more)
	ns, err := s.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "inroads-fault-", Labels: labels},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating a namespace: %w", err)
	}
	return ns.Name, nil
}

// namespacesOf returns the namespaces of the fault that are not on their way out.
func (s *Site) namespacesOf(ctx context.Context, fault string) ([]string, error) {
	list, err := s.Client.CoreV1().Namespaces().List(ctx, ownedBy(fault))
	if err != nil {
		return nil, fmt.Errorf("listing the namespaces of fault %q: %w", fault, err)
	}
	var names []string
	for _, ns := range list.Items {
		if ns.DeletionTimestamp == nil {
			names = append(names, ns.Name)
		}
	}
	return names, nil
}

// requestToken asks for a token of a ServiceAccount, as change has the request.
func (s *Site) requestToken(ctx context.Context, namespace, account string, change func(*authenticationv1.TokenRequestSpec)) (probe.Secret, error) {
	seconds := int64(tokenTime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	if change != nil {
		change(&request.Spec)
	}
	made, err := s.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("requesting a token of ServiceAccount %q: %w", account, err)
	}
	return probe.Secret(made.Status.Token), nil
}

// callWith gives the run a token in the place of its credential.
func (s *Site) callWith(token probe.Secret) error {
	k, err := s.kubeconfig()
	if err != nil {
		return err
	}
	return s.hand(k.WithToken(token))
}

// accepted waits until the way that the run is given leads to the API server: a
// credential that never got in would prove nothing by being refused later.
func (s *Site) accepted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, acceptTime)
	defer cancel()
	return poll.Until(ctx, "the token to be accepted", pollTime, func(ctx context.Context) error { return whole(ctx, s) })
}

// removeNamespaces deletes the namespaces that the fault has made, with all that
// is in them.
func removeNamespaces(fault string) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		names, err := s.namespacesOf(ctx, fault)
		if err != nil {
			return err
		}
		for _, name := range names {
			err := s.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return fmt.Errorf("deleting namespace %q: %w", name, err)
			}
		}
		return nil
	}
}

// namespacesGone returns nil once no namespace of the fault is left.
func namespacesGone(fault string) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		left, err := s.Client.CoreV1().Namespaces().List(ctx, ownedBy(fault))
		if err != nil {
			return fmt.Errorf("listing the namespaces of fault %q: %w", fault, err)
		}
		if len(left.Items) > 0 {
			return fmt.Errorf("namespace %q is still there", left.Items[0].Name)
		}
		return nil
	}
}

var errNoToken = errors.New("it has no token yet")
