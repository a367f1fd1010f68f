package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// lookTime bounds one look at a cluster that may be broken.
	lookTime = 5 * time.Second
	// leaseAge is how old a leader's lease may be; one that lives renews it
	// every two seconds.
	leaseAge = 6 * time.Second
	// nodeLeaseAge is the same of a kubelet, which renews its own every ten.
	nodeLeaseAge = 25 * time.Second
	// startTime is how long a static pod may take to start before the kubelet
	// is taken to hold it back.
	startTime = 10 * time.Second
)

// settle waits until the static pods run as their manifests say and their
// leaders lead.
func settle(ctx context.Context, s *Site) error {
	return poll.Until(ctx, "the control plane to run as declared", pollTime, func(ctx context.Context) error {
		if err := declared(ctx, s); err != nil {
			return err
		}
		return leading(ctx, s)
	})
}

// revive starts the kubelets of the control planes, where they are stopped, and
// waits until the static pods run as declared and lead. A kubelet that holds a
// pod back, because it has ended too often, is restarted.
func revive(ctx context.Context, s *Site) error {
	if err := onEach(ctx, s, controlPlanes(s), "systemctl start kubelet\n"); err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	err := poll.Until(starting, "the control plane to run as declared", pollTime, func(ctx context.Context) error { return declared(ctx, s) })
	if err != nil {
		s.logf("restarting the kubelets of the control planes: %v", err)
		return errors.Join(err, onEach(ctx, s, controlPlanes(s), "systemctl restart kubelet\n"))
	}
	return settle(ctx, s)
}

// declared returns nil if the static pods of every control plane run with the
// commands of their manifests, and those without a manifest do not run.
func declared(ctx context.Context, s *Site) error {
	for _, node := range controlPlanes(s) {
		pods, err := staticPods(ctx, s, node)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(pods)) {
			if pod := pods[name]; !slices.Equal(pod.declared, pod.running) {
				return fmt.Errorf("%q does not run on node %q as its manifest says", name, node)
			}
		}
	}
	return nil
}

// leading returns nil if each leader that has a manifest leads. A lease whose
// holder has ended is taken away, which saves its successor from waiting until
// it runs out.
func leading(ctx context.Context, s *Site) error {
	started := map[string]time.Time{}
	for _, node := range controlPlanes(s) {
		pods, err := staticPods(ctx, s, node)
		if err != nil {
			return err
		}
		for _, name := range []string{controllerManagerPod, schedulerPod} {
			pod := pods[name]
			switch at, seen := started[name]; {
			case pod.declared == nil:
			case pod.started.IsZero():
				return fmt.Errorf("%q has just been started on node %q", name, node)
			case !seen, pod.started.Before(at):
				started[name] = pod.started
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(started)) {
		if err := leads(ctx, s, name, started[name]); err != nil {
			return err
		}
	}
	return nil
}

// leads returns nil if somebody leads who has begun to after the time, at which
// the first of the processes that may lead was started.
func leads(ctx context.Context, s *Site, name string, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	leases := s.Client.CoordinationV1().Leases(metav1.NamespaceSystem)
	l, err := leases.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading the lease of %q: %w", name, err)
	}
	if fresh(l, leaseAge) && l.Spec.AcquireTime != nil && !l.Spec.AcquireTime.Time.Before(since) {
		return nil
	}
	err = leases.Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &l.ResourceVersion}})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("deleting the lease of %q: %w", name, err)
	}
	return fmt.Errorf("nobody leads as %q", name)
}

func fresh(l *coordinationv1.Lease, age time.Duration) bool {
	held := l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != ""
	return held && l.Spec.RenewTime != nil && time.Since(l.Spec.RenewTime.Time) < age
}

// healthy returns nil once the cluster is one that claims can be proved on: its
// control plane as declared and leading, rights known, nodes ready and without
// taints for what ails them, its daemons and CoreDNS up.
func healthy(ctx context.Context, s *Site) error {
	for _, look := range []func(context.Context, *Site) error{declared, leading, rightsKnown, ready, nodesReport, daemonsReady} {
		if err := look(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func ready(ctx context.Context, s *Site) error {
	if err := serverReady(ctx, s); err != nil {
		return err
	}
	return cluster.CheckReady(ctx, s.Client, cluster.Readiness{Cluster: s.Ref.Name, Nodes: everyNode(s), DNS: true, Timeout: lookTime})
}

// serverReady returns nil if the API server says so. One that has just started
// answers requests, and as long as it has not made the roles that every cluster
// has, that it is not ready.
func serverReady(ctx context.Context, s *Site) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if err := s.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return fmt.Errorf("asking the API server whether it is ready: %w", err)
	}
	return nil
}

// rightsKnown asks for a right that somebody has by RBAC alone. An API server
// answers no to all such questions until it has read the roles.
func rightsKnown(ctx context.Context, s *Site) error {
	const who = "system:kube-scheduler"
	may, err := allowed(ctx, s, authorizationv1.SubjectAccessReviewSpec{User: who, ResourceAttributes: &authorizationv1.ResourceAttributes{
		Verb: "create", Resource: "pods", Subresource: "binding", Namespace: metav1.NamespaceDefault,
	}})
	if err == nil && !may {
		err = fmt.Errorf("asking for the rights of %q: it may not bind pods", who)
	}
	return err
}

// allowed asks the API server the question.
func allowed(ctx context.Context, s *Site, question authorizationv1.SubjectAccessReviewSpec) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	got, err := s.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: question}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking for the rights of %q: %w", question.User, err)
	}
	return got.Status.Allowed, nil
}

// nodesReport returns nil if each kubelet reports and is reached, and no node
// has a taint that a controller sets on nodes that are not well.
func nodesReport(ctx context.Context, s *Site) error {
	looking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	nodes, err := s.Client.CoreV1().Nodes().List(looking, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	for _, n := range nodes.Items {
		for _, taint := range n.Spec.Taints {
			if strings.HasPrefix(taint.Key, "node.kubernetes.io/") {
				return fmt.Errorf("node %q has the taint %q", n.Name, taint.Key)
			}
		}
		l, err := s.Client.CoordinationV1().Leases("kube-node-lease").Get(looking, n.Name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("reading the lease of node %q: %w", n.Name, err)
		}
		if !fresh(l, nodeLeaseAge) {
			return fmt.Errorf("node %q has not renewed its lease since %v", n.Name, l.Spec.RenewTime)
		}
		if err := kubeletReached(ctx, s, n.Name); err != nil {
			return err
		}
	}
	return nil
}

func daemonsReady(ctx context.Context, s *Site) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	sets, err := s.Client.AppsV1().DaemonSets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing daemon sets: %w", err)
	}
	for _, d := range sets.Items {
		if d.Status.NumberReady < d.Status.DesiredNumberScheduled || d.Status.ObservedGeneration < d.Generation {
			return fmt.Errorf("daemon set %q has %d of %d pods ready", d.Name, d.Status.NumberReady, d.Status.DesiredNumberScheduled)
		}
	}
	return nil
}
