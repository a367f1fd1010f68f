package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// removedInterval is how often it is asked whether EndpointSlices are gone.
	removedInterval = 100 * time.Millisecond
	// services is the resource whose objects leave EndpointSlices for a moment.
	services = "services"
)

// turn is the turn that one spec has in the shared namespace, in which what it
// creates is removed again and nothing else.
type turn struct {
	namespace string
	client    kubernetes.Interface
	created   *created
}

// takeTurn has what the spec creates removed after it. In a namespace that is not
// the run's own, the ledger knows of each object before it is there.
func (e *Env) takeTurn() {
	t := &turn{namespace: run.namespace, client: run.session.client, created: e.created}
	if run.options.Namespace != "" {
		keep, err := run.options.objectLedger(e.Cluster, run.id, t.namespace, time.Now().Add(e.Claim.Bound()))
		e.Require(err, "noting what the spec will create")
		e.created.keep = keep
	}
	e.turn = t
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) error { return t.removeAll(ctx) })
}

// objectLedger returns what keeps in the ledger the objects of a namespace that the
// run creates until then.
func (o Options) objectLedger(ref cluster.Ref, runID, namespace string, until time.Time) (func([]*made) error, error) {
	l, _, err := openLedger()
	if err != nil {
		return nil, err
	}
	entry, err := cluster.ObjectsEntry(o.lasting(ref), runID, until)
	if err != nil {
		return nil, err
	}
	return func(objects []*made) error {
		var all []cluster.Object
		for _, m := range objects {
			if m.namespace == namespace {
				all = append(all, m.Object)
			}
		}
		return cluster.NoteObjects(l, &entry, all)
	}, nil
}

// Leaves says that the spec has another program create the object, which is to go
// with it. Where the namespace has such an object already, which is nobody of the
// run's, the spec ends as inconclusive.
func (e *Env) Leaves(ctx context.Context, resource, name string) {
	ginkgo.GinkgoHelper()
	if e.turn == nil {
		return
	}
	path := fmt.Sprintf("/api/v1/namespaces/%s/%s/%s", e.turn.namespace, resource, name)
	found, err := cluster.FindObject(ctx, e.turn.client.CoreV1().RESTClient(), path)
	e.Require(err, "looking for what the spec is to create")
	if found != nil {
		e.Inconclusive(fmt.Sprintf("namespace %q has an object %s/%s of somebody else's; give another with --namespace", e.turn.namespace, resource, name))
	}
	e.Require(e.created.add(&made{Object: cluster.Object{Path: path}, namespace: e.turn.namespace}), "noting what the spec is to create")
}

// checkAlone ends the spec as inconclusive where pods of somebody else's are in the
// namespace, which it would take for its own. Whoever may not list pods has a claim
// that does not count them.
func (e *Env) checkAlone(ctx context.Context) {
	ginkgo.GinkgoHelper()
	if !slices.ContainsFunc(e.Claim.Rights, func(r catalog.Right) bool { return r.Verb == "list" && r.Resource == "pods" && r.Subresource == "" }) {
		return
	}
	pods, err := e.Client.CoreV1().Pods(e.turn.namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		return
	}
	e.Require(err, "listing the pods of the namespace")
	if len(pods.Items) > 0 {
		e.Inconclusive(fmt.Sprintf("namespace %q has pods that are not of this spec, %s among them; give one without with --namespace", e.turn.namespace, pods.Items[0].Name))
	}
}

// removeAll deletes what the spec has created, last first, and returns when it is
// gone: the next spec gives its objects the same names.
func (t *turn) removeAll(ctx context.Context) error { return t.created.removeAll(ctx, t.remove) }

func (t *turn) remove(ctx context.Context, m *made) error {
	if m.namespace != t.namespace {
		return nil
	}
	if _, err := cluster.RemoveObject(ctx, t.client, m.Object, time.Now()); err != nil {
		return err
	}
	list, name := path.Split(m.Path)
	if path.Base(list) != services {
		return nil
	}
	selector := labels.Set{discoveryv1.LabelServiceName: name}.String()
	return poll.Until(ctx, "the EndpointSlices of Service "+name+" to be gone", removedInterval, func(ctx context.Context) error {
		left, err := t.client.DiscoveryV1().EndpointSlices(t.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if apierrors.IsForbidden(err) || err == nil && len(left.Items) == 0 {
			return nil
		}
		return cmp.Or(err, errors.New("some are still there"))
	})
}

// shareNamespace returns the namespace that the specs of the run share. Where the
// options name none it makes one, if a spec will need it.
func shareNamespace(ctx context.Context, o Options, client kubernetes.Interface, id string) (string, error) {
	needed := slices.ContainsFunc(o.Applicable(), func(c catalog.Claim) bool { return o.takesTurns(c) && o.Forbidden[c.ID] == "" })
	if !o.shared() || o.Namespace != "" || !needed {
		return o.Namespace, nil
	}
	return createNamespace(ctx, o, client, id)
}

// createNamespace makes the one namespace of a run.
func createNamespace(ctx context.Context, o Options, client kubernetes.Interface, id string) (string, error) {
	ns, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "inroads-" + id, Labels: namespaceLabels(id, restricted),
	}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating the namespace of the run: %w", err)
	}
	// The name is given with an error, for the namespace is to go with the run.
	return ns.Name, o.copyPullSecret(ctx, client, ns.Name)
}

// unshareNamespace deletes the namespace that the run has made.
func unshareNamespace(ctx context.Context, o Options, client kubernetes.Interface, name string) error {
	if name == "" || o.Namespace != "" {
		return nil
	}
	err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
