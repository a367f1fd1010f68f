package fault

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/poll"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// otherAudience is an audience that no API server is.
	otherAudience = "https://another-audience.inroads.invalid"
	// someAccount is a ServiceAccount that every cluster has, for tokens that
	// are refused whoever they are of.
	someNamespace, someAccount = metav1.NamespaceDefault, "default"
	// noScheduler is a scheduler that no cluster has: a pod of its need not run.
	noScheduler = "inroads-no-scheduler"
	// signTime bounds the wait for the token controller.
	signTime = 30 * time.Second
)

var tokenFaults = []Fault{
	wayFault("token-garbage", catalog.HopAuthn, func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		return k.WithToken(access.UnknownToken), nil
	}),
	wayFault("token-other-audience", catalog.HopAuthn, func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		token, err := s.requestToken(ctx, someNamespace, someAccount, func(r *authenticationv1.TokenRequestSpec) {
			r.Audiences = []string{otherAudience}
		})
		return k.WithToken(token), err
	}),
	needing(Nodes, wayFault("token-expired", catalog.HopAuthn, func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		token, err := s.requestToken(ctx, someNamespace, someAccount, nil)
		if err != nil {
			return k, err
		}
		key, err := s.OnNode(ctx, s.ControlPlane(), "cat "+pkiDir+"/sa.key")
		if err != nil {
			return k, fmt.Errorf("reading the key that signs tokens: %w", err)
		}
		token, err = aged(token, probe.Secret(key), tokenTime+expiredFor)
		return k.WithToken(token), err
	})),
	revoked("token-secret-deleted", tokenOfSecret, func(ctx context.Context, s *Site, namespace string) error {
		return s.Client.CoreV1().Secrets(namespace).Delete(ctx, callerName, metav1.DeleteOptions{})
	}),
	revoked("token-account-deleted", tokenOfAccount, func(ctx context.Context, s *Site, namespace string) error {
		return s.Client.CoreV1().ServiceAccounts(namespace).Delete(ctx, callerName, metav1.DeleteOptions{})
	}),
	revoked("token-pod-deleted", tokenOfPod, func(ctx context.Context, s *Site, namespace string) error {
		return s.Client.CoreV1().Pods(namespace).Delete(ctx, callerName, *metav1.NewDeleteOptions(0))
	}),
}

// revoked is a fault of a token that gets in until what it hangs on is deleted.
// The API server remembers for ten seconds whom it has let in.
func revoked(name string, token func(ctx context.Context, s *Site, namespace string) (probe.Secret, error), revoke func(ctx context.Context, s *Site, namespace string) error) Fault {
	return Fault{
		Name: name, Hop: catalog.HopAuthn, Scope: Cluster, Way: true,
		Inject: func(ctx context.Context, s *Site) error {
			namespace, err := s.newCaller(ctx, name)
			if err != nil {
				return err
			}
			t, err := token(ctx, s, namespace)
			if err != nil {
				return err
			}
			if err := s.callWith(t); err != nil {
				return err
			}
			if err := s.accepted(ctx); err != nil {
				return err
			}
			if err := revoke(ctx, s, namespace); err != nil {
				return fmt.Errorf("revoking the token: %w", err)
			}
			return nil
		},
		Took:   stopsAt(catalog.HopAuthn),
		Heal:   removeNamespaces(name),
		Healed: namespacesGone(name),
	}
}

func tokenOfAccount(ctx context.Context, s *Site, namespace string) (probe.Secret, error) {
	return s.requestToken(ctx, namespace, callerName, nil)
}

// tokenOfSecret is the token that the token controller puts into a Secret.
func tokenOfSecret(ctx context.Context, s *Site, namespace string) (probe.Secret, error) {
	secrets := s.Client.CoreV1().Secrets(namespace)
	_, err := secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: callerName, Annotations: map[string]string{corev1.ServiceAccountNameKey: callerName}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating a Secret for a token: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, signTime)
	defer cancel()
	signed, err := poll.ForObject(ctx, "a token in Secret "+callerName, secrets, callerName, func(secret *corev1.Secret) error {
		if len(secret.Data[corev1.ServiceAccountTokenKey]) == 0 {
			return errNoToken
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return probe.Secret(signed.Data[corev1.ServiceAccountTokenKey]), nil
}

// tokenOfPod is a token bound to a pod, which is never scheduled: the binding is
// to the object.
func tokenOfPod(ctx context.Context, s *Site, namespace string) (probe.Secret, error) {
	pod, err := s.Client.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: callerName}, Spec: unscheduled(callerName),
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating a pod to bind a token to: %w", err)
	}
	return s.requestToken(ctx, namespace, callerName, func(r *authenticationv1.TokenRequestSpec) {
		r.BoundObjectRef = &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID}
	})
}

// unscheduled is the specification of a pod, of the ServiceAccount or of the
// default one, that meets Pod Security restricted and never runs.
func unscheduled(account string) corev1.PodSpec {
	no, yes := false, true
	return corev1.PodSpec{
		ServiceAccountName: account, SchedulerName: noScheduler,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: callerName, Image: "inroads.invalid/none",
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}
