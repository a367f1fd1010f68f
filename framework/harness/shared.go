package harness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// removedInterval is how often it is asked whether an object is gone.
	removedInterval = 100 * time.Millisecond
	// services is the resource whose objects leave EndpointSlices for a moment.
	services = "services"
)

// made is an object that a spec has created in the namespace that all share.
type made struct {
	// path is that of the object in the API.
	path string
	// uid is "" for an object that another program was to create, until it is
	// looked for.
	uid types.UID
}

// turn is the turn that one spec has in the shared namespace. It keeps what the
// spec creates there, to remove it again and nothing else.
type turn struct {
	namespace string
	client    kubernetes.Interface
	mu        sync.Mutex
	objects   []made
}

// takeTurn gives the spec a client that keeps what it creates, which is removed
// after it.
func (e *Env) takeTurn() {
	t := &turn{namespace: run.namespace, client: e.Client}
	noted := rest.CopyConfig(e.Config)
	// What is created is read in JSON; the clientset would speak protobuf.
	noted.ContentType, noted.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	noted.Wrap(func(next http.RoundTripper) http.RoundTripper { return noting{next, t} })
	client, err := kubernetes.NewForConfig(noted)
	e.Require(err, "making a client")
	e.Client, e.turn = client, t
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) error { return t.removeAll(ctx) })
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
	_, there, err := e.turn.find(ctx, path)
	e.Require(err, "looking for what the spec is to create")
	if there {
		e.Inconclusive(fmt.Sprintf("namespace %q has an object %s/%s of somebody else's; give another with --namespace", e.turn.namespace, resource, name))
	}
	e.turn.note(made{path: path})
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

func (t *turn) note(m made) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.objects = append(t.objects, m)
}

// find returns the uid of the object, and whether it is there.
func (t *turn) find(ctx context.Context, path string) (types.UID, bool, error) {
	raw, err := t.client.CoreV1().RESTClient().Get().AbsPath(path).DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &object); err != nil {
		return "", false, fmt.Errorf("reading %s: %w", path, err)
	}
	return object.UID, true, nil
}

// removeAll deletes what the spec has created, last first, and returns when it is
// gone: the next spec gives its objects the same names.
func (t *turn) removeAll(ctx context.Context) error {
	var errs []error
	for _, m := range slices.Backward(t.objects) {
		if m.uid == "" {
			uid, there, err := t.find(ctx, m.path)
			if err != nil || !there {
				errs = append(errs, err)
				continue
			}
			m.uid = uid
		}
		errs = append(errs, t.remove(ctx, m))
	}
	return errors.Join(errs...)
}

func (t *turn) remove(ctx context.Context, m made) error {
	background := metav1.DeletePropagationBackground
	options := &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &m.uid}, PropagationPolicy: &background}
	err := poll.Until(ctx, m.path+" to be gone", removedInterval, func(ctx context.Context) error {
		err := t.client.CoreV1().RESTClient().Delete().AbsPath(m.path).Body(options).Do(ctx).Error()
		// A conflict is about the uid: the object is another by now.
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		return cmp.Or(err, errors.New("it is still there"))
	})
	if err != nil {
		return err
	}
	list, name := m.path[:strings.LastIndex(m.path, "/")], m.path[strings.LastIndex(m.path, "/")+1:]
	if !strings.HasSuffix(list, "/"+services) {
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

// noting keeps what is created through it in the namespace of the turn.
type noting struct {
	next http.RoundTripper
	turn *turn
}

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := n.next.RoundTrip(r)
	if err != nil || r.Method != http.MethodPost || response.StatusCode != http.StatusCreated || r.URL.Query().Has("dryRun") {
		return response, err
	}
	// A subresource, whose path is longer, is no object of its own.
	_, resource, ok := strings.Cut(r.URL.Path, "/namespaces/"+n.turn.namespace+"/")
	if !ok || strings.Contains(resource, "/") {
		return response, nil
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return response, err
	}
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(body, &object); err != nil || object.Name == "" {
		return response, fmt.Errorf("reading what was created at %s: %w", r.URL.Path, cmp.Or(err, errors.New("it has no name")))
	}
	n.turn.note(made{r.URL.Path + "/" + object.Name, object.UID})
	return response, nil
}

// shareNamespace returns the namespace that the specs of the run share. Where the
// options name none it makes one, if a spec will need it.
func shareNamespace(ctx context.Context, o Options, client kubernetes.Interface, id string) (string, error) {
	needed := slices.ContainsFunc(o.Applicable(), func(c catalog.Claim) bool { return o.takesTurns(c) && o.Forbidden[c.ID] == "" })
	if !o.shared() || o.Namespace != "" || !needed {
		return o.Namespace, nil
	}
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
