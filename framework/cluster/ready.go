package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// What a ready cluster has, beside nodes. Specs start pods in namespaces of
// their own, for which these stand as the sign that the controllers work.
const (
	serviceAccount = "default"
	rootCA         = "kube-root-ca.crt"
	apiService     = "kubernetes"
	coreDNS        = "coredns"
)

// Readiness says what to wait for.
type Readiness struct {
	// Cluster is the cluster's name, for messages.
	Cluster string
	// Nodes are the names of the nodes that must be there; empty means those
	// that registered, at least one.
	Nodes []string
	// OneNode is whether a single Ready node will do, whatever the others are.
	OneNode bool
	// DNS is whether CoreDNS must be available.
	DNS bool
	// Timeout bounds the wait; 0 means that only ctx does.
	Timeout time.Duration
}

// NotReadyError says what a cluster lacked when a wait for it ended.
type NotReadyError struct {
	Cluster string
	// Waited is how long the wait was; 0 when there was only a look.
	Waited time.Duration
	// Missing has what was not there, a phrase each, never empty.
	Missing []string
	// Err is why the wait ended.
	Err error
}

func (e *NotReadyError) Error() string {
	msg := fmt.Sprintf("waiting %s for cluster %q ready: ", e.Waited.Round(time.Second), e.Cluster)
	if e.Waited == 0 {
		msg = fmt.Sprintf("cluster %q is not ready: ", e.Cluster)
	}
	msg += strings.Join(e.Missing, "; ")
	if e.Err != nil && !errors.Is(e.Err, context.DeadlineExceeded) {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *NotReadyError) Unwrap() error { return e.Err }

// WaitReady returns when the cluster is ready: every node Ready, the default
// service account and the root certificate there, the service of the API with
// endpoints, and CoreDNS available when it is asked for. The error is a
// *NotReadyError that names what was missing when r.Timeout or ctx ended.
func WaitReady(ctx context.Context, client kubernetes.Interface, r Readiness) error {
	started := time.Now()
	parent := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	w := watchCluster(ctx, client, r.DNS)
	defer func() {
		cancel()
		w.shutdown()
	}()
	for {
		missing := r.missing(w.snapshot())
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			missing = r.missing(w.snapshot())
			if len(missing) == 0 {
				return nil
			}
			err := ctx.Err()
			if parent.Err() != nil {
				err = context.Cause(parent)
			}
			return &NotReadyError{Cluster: r.Cluster, Waited: time.Since(started), Missing: missing, Err: err}
		}
	}
}

// CheckReady looks once, without waiting. What the caller may not see counts as
// being there. The error is a *NotReadyError, or that of a request that failed.
func CheckReady(ctx context.Context, client kubernetes.Interface, r Readiness) error {
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	var s snapshot
	var broken error
	keep := func(what string, err error) (there bool) {
		switch {
		case err == nil:
			return true
		case apierrors.IsForbidden(err):
			s.hidden = append(s.hidden, what)
		case !apierrors.IsNotFound(err) && broken == nil:
			broken = fmt.Errorf("asking cluster %q for its %s: %w", r.Cluster, what, err)
		}
		return false
	}
	if nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); keep(nodesSeen, err) {
		for i := range nodes.Items {
			s.nodes = append(s.nodes, &nodes.Items[i])
		}
	}
	core := client.CoreV1()
	_, err := core.ServiceAccounts(metav1.NamespaceDefault).Get(ctx, serviceAccount, metav1.GetOptions{})
	s.serviceAccount = keep(accountSeen, err)
	_, err = core.ConfigMaps(metav1.NamespaceDefault).Get(ctx, rootCA, metav1.GetOptions{})
	s.rootCA = keep(rootCASeen, err)
	_, err = core.Services(metav1.NamespaceDefault).Get(ctx, apiService, metav1.GetOptions{})
	s.service = keep(serviceSeen, err)
	slicesOf := labels.Set{discoveryv1.LabelServiceName: apiService}.String()
	if list, err := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: slicesOf}); keep(endpointsSeen, err) {
		for i := range list.Items {
			s.endpoints += addresses(&list.Items[i])
		}
	}
	if r.DNS {
		s.dns, err = client.AppsV1().Deployments(metav1.NamespaceSystem).Get(ctx, coreDNS, metav1.GetOptions{})
		if !keep(dnsSeen, err) {
			s.dns = nil
		}
	}
	if broken != nil {
		return broken
	}
	if missing := r.missing(s); len(missing) > 0 {
		return &NotReadyError{Cluster: r.Cluster, Missing: missing}
	}
	return nil
}

// The parts of a snapshot, as messages name them.
const (
	nodesSeen     = "nodes"
	accountSeen   = `service account default/` + serviceAccount
	rootCASeen    = `config map default/` + rootCA
	serviceSeen   = `service default/` + apiService
	endpointsSeen = `endpoints of service default/` + apiService
	dnsSeen       = `deployment kube-system/` + coreDNS
)

// snapshot is what was last seen of a cluster.
type snapshot struct {
	nodes          []*corev1.Node
	serviceAccount bool
	rootCA         bool
	service        bool
	// endpoints is the number of addresses behind the service of the API.
	endpoints int
	dns       *appsv1.Deployment
	// hidden has the parts that the caller may not see.
	hidden []string
	// err is the last error of a watch, nil when all of them work.
	err error
}

// missing lists what the snapshot lacks, in a fixed order.
func (r Readiness) missing(s snapshot) []string {
	var out []string
	lacks := func(part string, there bool) {
		if !there && !slices.Contains(s.hidden, part) {
			out = append(out, part+" is not there")
		}
	}
	if !slices.Contains(s.hidden, nodesSeen) {
		out = append(out, r.missingNodes(s.nodes)...)
	}
	if r.DNS && !slices.Contains(s.hidden, dnsSeen) {
		switch {
		case s.dns == nil:
			lacks(dnsSeen, false)
		case !available(s.dns):
			out = append(out, fmt.Sprintf("%s %d/%d available", dnsSeen, s.dns.Status.AvailableReplicas, replicas(s.dns)))
		}
	}
	lacks(accountSeen, s.serviceAccount)
	lacks(rootCASeen, s.rootCA)
	lacks(serviceSeen, s.service)
	if s.service {
		lacks(endpointsSeen, s.endpoints > 0)
	}
	if len(out) > 0 && s.err != nil {
		out = append(out, "last error: "+s.err.Error())
	}
	return out
}

func (r Readiness) missingNodes(nodes []*corev1.Node) []string {
	var out []string
	slices.SortFunc(nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	for _, name := range r.Nodes {
		if !slices.ContainsFunc(nodes, func(n *corev1.Node) bool { return n.Name == name }) {
			out = append(out, fmt.Sprintf("node %q not registered", name))
		}
	}
	if len(nodes) == 0 && len(r.Nodes) == 0 {
		out = append(out, "no node registered")
	}
	for _, n := range nodes {
		why, ok := nodeReady(n)
		if ok && r.OneNode {
			return nil
		} else if !ok {
			out = append(out, fmt.Sprintf("node %q not Ready (%s)", n.Name, why))
		}
	}
	return out
}

// nodeReady is whether the node says that it is Ready, and if not, why not.
func nodeReady(n *corev1.Node) (why string, ok bool) {
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		return shorten(c.Reason + ": " + c.Message), c.Status == corev1.ConditionTrue
	}
	return "it has not reported", false
}

// reasonLength is how much of a node's reason a message has. The reason itself
// comes last in the kubelet's long ones ("… message:Network plugin returns
// error: cni plugin not initialized").
const reasonLength = 160

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	reason, message, _ := strings.Cut(s, ": ")
	if len(s) > reasonLength && len(message) > reasonLength {
		s = reason + ": …" + message[len(message)-reasonLength:]
	}
	return s
}

func replicas(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// available is whether the deployment is, in its present form, by its own condition:
// of CoreDNS that lets one pod be missing, and the kubelet may be ten seconds late to
// see that one is ready.
func available(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas >= replicas(d) &&
		slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
			return c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue
		})
}

func addresses(s *discoveryv1.EndpointSlice) int {
	n := 0
	for _, e := range s.Endpoints {
		n += len(e.Addresses)
	}
	return n
}

// clusterWatch keeps a snapshot current.
type clusterWatch struct {
	// changed gets a value when the snapshot may have changed.
	changed  chan struct{}
	shutdown func()

	nodes, dns, accounts, configMaps, services, endpoints cache.Store

	mu   sync.Mutex
	errs map[string]error
}

func watchCluster(ctx context.Context, client kubernetes.Interface, dns bool) *clusterWatch {
	w := &clusterWatch{changed: make(chan struct{}, 1), errs: map[string]error{}}
	named := func(name string) informers.SharedInformerOption {
		return informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		})
	}
	var factories []informers.SharedInformerFactory
	watch := func(what, namespace string, option informers.SharedInformerOption, of func(informers.SharedInformerFactory) cache.SharedIndexInformer) cache.Store {
		options := []informers.SharedInformerOption{informers.WithNamespace(namespace)}
		if option != nil {
			options = append(options, option)
		}
		f := informers.NewSharedInformerFactoryWithOptions(client, 0, options...)
		factories = append(factories, f)
		informer := of(f)
		// Neither can fail before the informer has started.
		_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { w.broke(what, err) })
		_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { w.saw(what) },
			UpdateFunc: func(any, any) { w.saw(what) },
			DeleteFunc: func(any) { w.saw(what) },
		})
		return informer.GetStore()
	}
	ns := metav1.NamespaceDefault
	w.nodes = watch(nodesSeen, metav1.NamespaceAll, nil, func(f informers.SharedInformerFactory) cache.SharedIndexInformer {
		return f.Core().V1().Nodes().Informer()
	})
	w.accounts = watch(accountSeen, ns, named(serviceAccount), func(f informers.SharedInformerFactory) cache.SharedIndexInformer {
		return f.Core().V1().ServiceAccounts().Informer()
	})
	w.configMaps = watch(rootCASeen, ns, named(rootCA), func(f informers.SharedInformerFactory) cache.SharedIndexInformer {
		return f.Core().V1().ConfigMaps().Informer()
	})
	w.services = watch(serviceSeen, ns, named(apiService), func(f informers.SharedInformerFactory) cache.SharedIndexInformer {
		return f.Core().V1().Services().Informer()
	})
	byService := informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector = labels.Set{discoveryv1.LabelServiceName: apiService}.String()
	})
	w.endpoints = watch(endpointsSeen, ns, byService, func(f informers.SharedInformerFactory) cache.SharedIndexInformer {
		return f.Discovery().V1().EndpointSlices().Informer()
	})
	if dns {
		w.dns = watch(dnsSeen, metav1.NamespaceSystem, named(coreDNS), func(f informers.SharedInformerFactory) cache.SharedIndexInformer {
			return f.Apps().V1().Deployments().Informer()
		})
	}
	for _, f := range factories {
		f.StartWithContext(ctx)
	}
	w.shutdown = func() {
		for _, f := range factories {
			f.Shutdown()
		}
	}
	return w
}

func (w *clusterWatch) saw(what string) {
	w.mu.Lock()
	delete(w.errs, what)
	w.mu.Unlock()
	w.signal()
}

func (w *clusterWatch) broke(what string, err error) {
	if errors.Is(err, io.EOF) {
		return // the server ends each watch after a while
	}
	w.mu.Lock()
	w.errs[what] = fmt.Errorf("watching %s: %w", what, err)
	w.mu.Unlock()
	w.signal()
}

func (w *clusterWatch) signal() {
	select {
	case w.changed <- struct{}{}:
	default: // one is waiting already
	}
}

func (w *clusterWatch) snapshot() snapshot {
	s := snapshot{
		nodes:          all[*corev1.Node](w.nodes),
		serviceAccount: len(w.accounts.List()) > 0,
		rootCA:         len(w.configMaps.List()) > 0,
		service:        len(w.services.List()) > 0,
	}
	for _, slice := range all[*discoveryv1.EndpointSlice](w.endpoints) {
		s.endpoints += addresses(slice)
	}
	if w.dns != nil {
		if found := all[*appsv1.Deployment](w.dns); len(found) > 0 {
			s.dns = found[0]
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range []string{nodesSeen, dnsSeen, accountSeen, rootCASeen, serviceSeen, endpointsSeen} {
		if err := w.errs[what]; err != nil {
			s.err = err
			break
		}
	}
	return s
}

func all[T runtime.Object](store cache.Store) []T {
	var out []T
	for _, o := range store.List() {
		if typed, ok := o.(T); ok {
			out = append(out, typed)
		}
	}
	return out
}
