package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// LabelManagedBy marks everything that a run creates in a cluster, with the
	// value ManagedBy.
	LabelManagedBy = cluster.LabelManagedBy
	// ManagedBy is described with LabelManagedBy.
	ManagedBy = cluster.ManagedBy
	// labelEnforce is Pod Security admission's label.
	labelEnforce = "pod-security.kubernetes.io/enforce"
	// restricted and privileged are levels of the Pod Security Standards.
	restricted = "restricted"
	privileged = "privileged"
	// reasonPulling is the reason of kubelet's event before it pulls an image.
	reasonPulling = "Pulling"
	// defaultServiceAccount exists in every namespace once its controller has
	// seen it.
	defaultServiceAccount = "default"
	// goneInterval is how often it is asked whether the run's namespaces are gone.
	goneInterval = 500 * time.Millisecond
)

// Namespace returns the spec's own namespace. The first call creates it, under
// Pod Security restricted, and waits for its default ServiceAccount. Where specs
// share a namespace it is that one, and it is the spec's turn.
func (e *Env) Namespace(ctx context.Context) string {
	ginkgo.GinkgoHelper()
	switch {
	case e.namespace != "":
	case e.turn != nil:
		e.BareNamespace(ctx)
		e.waitServiceAccount(ctx, e.namespace)
	default:
		e.namespace = e.NewNamespace(ctx)
	}
	return e.namespace
}

// BareNamespace is Namespace without the wait, for a spec about what controllers
// put into a namespace.
func (e *Env) BareNamespace(ctx context.Context) string {
	ginkgo.GinkgoHelper()
	switch {
	case e.namespace != "":
	case e.turn != nil:
		e.checkAlone(ctx)
		e.namespace = e.turn.namespace
	default:
		e.namespace = e.createNamespace(ctx, restricted)
	}
	return e.namespace
}

// PrivilegedNamespace is Namespace under Pod Security privileged, for a spec that
// has to look from a node's own network. It comes before any call of Namespace.
func (e *Env) PrivilegedNamespace(ctx context.Context) string {
	ginkgo.GinkgoHelper()
	if e.namespace == "" {
		e.namespace = e.createNamespace(ctx, privileged)
		e.waitServiceAccount(ctx, e.namespace)
	}
	return e.namespace
}

// NewNamespace creates another namespace, which is deleted with the spec, or with
// the cluster.
func (e *Env) NewNamespace(ctx context.Context) string {
	ginkgo.GinkgoHelper()
	name := e.createNamespace(ctx, restricted)
	e.waitServiceAccount(ctx, name)
	return name
}

func (e *Env) waitServiceAccount(ctx context.Context, namespace string) {
	ginkgo.GinkgoHelper()
	e.Require(waitServiceAccount(ctx, e.Client, namespace), "preparing the namespace")
}

func waitServiceAccount(ctx context.Context, client kubernetes.Interface, namespace string) error {
	_, err := poll.ForObject(ctx, "the default ServiceAccount of "+namespace, client.CoreV1().ServiceAccounts(namespace), defaultServiceAccount,
		func(*corev1.ServiceAccount) error { return nil })
	return err
}

func (e *Env) createNamespace(ctx context.Context, podSecurity string) string {
	ginkgo.GinkgoHelper()
	group, _, _ := strings.Cut(string(e.Claim.ID), "/")
	ns, err := e.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "inroads-" + group + "-",
		Labels:       namespaceLabels(run.id, podSecurity),
	}}, metav1.CreateOptions{})
	e.Require(err, "creating a namespace")
	e.namespaces = append(e.namespaces, ns.Name)
	client := e.Client
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) error {
		if run.options.Discard {
			all := func(resource string) error {
				return client.CoreV1().RESTClient().Delete().Namespace(ns.Name).Resource(resource).Do(ctx).Error()
			}
			return errors.Join(all("pods"), all(services))
		}
		err := client.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if slices.Contains(e.Claim.Needs, catalog.Pods) {
		e.Require(run.options.copyPullSecret(ctx, client, ns.Name), "preparing the namespace")
	}
	return ns.Name
}

// namespaceLabels say whose a namespace is, and what Pod Security asks there.
func namespaceLabels(runID, podSecurity string) map[string]string {
	return map[string]string{LabelManagedBy: ManagedBy, cluster.LabelRun: runID, labelEnforce: podSecurity}
}

// checkNothingPulled asserts that the spec ran on images that were on the nodes
// already, where the cluster was made so.
func (e *Env) checkNothingPulled(ctx context.Context) {
	ginkgo.GinkgoHelper()
	if e.namespace == "" || !e.Cluster.Preloaded {
		return
	}
	events, err := e.Client.CoreV1().Events(e.namespace).List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("reason", reasonPulling).String()})
	e.Require(err, "listing events")
	if len(events.Items) > 0 {
		e.Inconclusive("an image was pulled that should have been on the node: " + events.Items[0].Message)
	}
}

// waitGone waits until every namespace of the run is gone, where its user may see
// that.
func waitGone(ctx context.Context, client kubernetes.Interface, runID string) error {
	of := metav1.ListOptions{LabelSelector: cluster.LabelRun + "=" + runID}
	return poll.Until(ctx, "the run's namespaces to be gone", goneInterval, func(ctx context.Context) error {
		left, err := client.CoreV1().Namespaces().List(ctx, of)
		switch {
		case apierrors.IsForbidden(err):
			return nil // each spec has asked for the removal of its own
		case err != nil:
			return err
		case len(left.Items) == 0 || goneSince(ctx, client, of, left):
			return nil
		}
		return fmt.Errorf("%d are left, %s among them", len(left.Items), left.Items[0].Name)
	})
}

// goneSince is whether all of the list were seen to go. They were not where the user
// may not watch, or the watch ends before.
func goneSince(ctx context.Context, client kubernetes.Interface, of metav1.ListOptions, left *corev1.NamespaceList) bool {
	of.ResourceVersion = left.ResourceVersion
	w, err := client.CoreV1().Namespaces().Watch(ctx, of)
	if err != nil {
		return false
	}
	defer w.Stop()
	gone := 0
	for ev := range w.ResultChan() {
		if ev.Type == watch.Deleted {
			gone++
		}
		if gone == len(left.Items) {
			return true
		}
	}
	return false
}
