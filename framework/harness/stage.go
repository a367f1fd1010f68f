package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/poll"
)

// stageTime is how long after its beginning a stage creates objects at most.
const stageTime = 10 * time.Minute

// Stage is what a command works with that proves no claims: a cluster, commands of
// this machine, and a namespace, which goes with all that was put there. Its pods
// are those of specs.
type Stage struct {
	Cluster cluster.Ref
	// Config and Client are those of the user in the cluster's kubeconfig.
	Config *rest.Config
	Client kubernetes.Interface
	// Host runs commands of this machine with the cluster's kubeconfig.
	Host access.Host

	options   Options
	id        string
	namespace string
	// turn removes what is in a namespace that stays, nil where it goes itself.
	turn    *turn
	session *session
	forget  func() error
}

// OpenStage prepares this process for the cluster, of which the ledger is told
// first: a sweep removes what is left when this process is killed. The stage must be
// closed.
func OpenStage(ctx context.Context, o Options, ref cluster.Ref) (*Stage, error) {
	s, err := newSession(ctx, []cluster.Ref{ref}, o)
	if err != nil {
		return nil, err
	}
	if s.unusable != nil {
		return nil, errors.Join(s.unusable, s.close())
	}
	return &Stage{Cluster: ref, Config: s.config, Client: s.client, Host: s.host, options: o, id: rand.String(runIDLength), session: s}, nil
}

// Namespace returns the namespace of the stage. The first call makes it, unless the
// options name one, and waits for its default ServiceAccount.
func (s *Stage) Namespace(ctx context.Context) (string, error) {
	if s.namespace != "" {
		return s.namespace, nil
	}
	if s.options.Namespace != "" {
		return s.share(s.options.Namespace)
	}
	forget, err := noteNamespaces(s.options, []cluster.Ref{s.Cluster}, s.id)
	if err != nil {
		return "", err
	}
	s.forget = forget
	if s.namespace, err = createNamespace(ctx, s.options, s.Client, s.id); err != nil {
		return "", err
	}
	return s.namespace, waitServiceAccount(ctx, s.Client, s.namespace)
}

// share takes a namespace that stays, in which the ledger knows of each object
// before it is there.
func (s *Stage) share(namespace string) (string, error) {
	keep, err := s.options.objectLedger(s.Cluster, s.id, namespace, time.Now().Add(stageTime))
	if err != nil {
		return "", err
	}
	made := &created{keep: keep}
	client, err := made.client(s.Config)
	if err != nil {
		return "", fmt.Errorf("making a client: %w", err)
	}
	s.turn = &turn{namespace: namespace, client: s.session.client, created: made}
	s.Client, s.namespace = client, namespace
	return namespace, nil
}

// ClientPod is described with Env.
func (s *Stage) ClientPod(name string) *corev1.Pod { return clientPod(s.Cluster.Images, name) }

// ServerPod is described with Env.
func (s *Stage) ServerPod(name, app string, args ...string) *corev1.Pod {
	return serverPod(s.Cluster.Images, name, app, args...)
}

// Service is described with Env.
func (s *Stage) Service(name, app string, ports ...corev1.ServicePort) *corev1.Service {
	return service(name, app, ports...)
}

// CreatePod creates the pod in the namespace of the stage, and does not wait.
func (s *Stage) CreatePod(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	created, err := s.Client.CoreV1().Pods(s.namespace).Create(ctx, s.options.withPullSecret(pod), metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("creating pod %q: %w", pod.Name, err)
	}
	return created, nil
}

// WaitReady returns the pod as it is once it is ready.
func (s *Stage) WaitReady(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	return poll.ForObject(ctx, "pod "+pod.Name, s.Client.CoreV1().Pods(pod.Namespace), pod.Name, lacking(podReady))
}

// CreateService creates the Service in the namespace of the stage.
func (s *Stage) CreateService(ctx context.Context, svc *corev1.Service) (*corev1.Service, error) {
	created, err := s.Client.CoreV1().Services(s.namespace).Create(ctx, svc, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("creating Service %q: %w", svc.Name, err)
	}
	return created, nil
}

// WaitEndpoints is described with Env.
func (s *Stage) WaitEndpoints(ctx context.Context, svc *corev1.Service, n int) error {
	return waitEndpoints(ctx, s.Client, svc, n)
}

// Close removes what the stage has put into the cluster and onto this machine, and
// returns when it is gone.
func (s *Stage) Close(ctx context.Context) error {
	var errs []error
	if s.turn != nil {
		errs = append(errs, s.turn.removeAll(ctx))
	} else if err := unshareNamespace(ctx, s.options, s.session.client, s.namespace); err != nil {
		errs = append(errs, fmt.Errorf("deleting the namespace %q: %w", s.namespace, err))
	}
	if s.forget != nil && errors.Join(errs...) == nil {
		bounded, cancel := context.WithTimeout(ctx, goneTime)
		defer cancel()
		if err := waitGone(bounded, s.session.client, s.id); err != nil {
			errs = append(errs, err)
		} else {
			errs = append(errs, s.forget())
		}
	}
	return errors.Join(append(errs, s.session.close())...)
}
