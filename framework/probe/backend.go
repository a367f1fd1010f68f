package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// BackendTarget is the way to a Service, a pod or a node through the API
// server's proxy.
type BackendTarget struct {
	// Target is the way to the API server. Its attributes do not count: the
	// walk asks for the right to proxy to just this backend.
	Target
	// Namespace is that of the Service or the pod.
	Namespace string
	// Service, Pod and Node name the backend; just one of them is set.
	Service, Pod, Node string
	// Port is the name or the number of a Service's port, or the number of
	// a pod's or a node's. Empty leaves it to the API server: a Service's
	// port without a name, a pod's first port, the kubelet's.
	Port string
	// HTTPS has the API server speak TLS to the backend.
	HTTPS bool
	// Path is what the backend is asked for, with its leading slash. Empty
	// means "/", and /healthz of a node.
	Path string
}

// backendHops are those behind the API server.
var backendHops = []catalog.Hop{catalog.HopService, catalog.HopEndpoint, catalog.HopNode, catalog.HopBackend}

// throughHops are the hops from a kubeconfig to a backend.
var throughHops = slices.Concat(kubeconfigHops, backendHops)

// DefaultBackendTimeout bounds a request to a backend. The API server gives up
// dialling after 30 seconds, so that an answer that is not there by then is one
// that the backend owes.
const DefaultBackendTimeout = 35 * time.Second

const (
	servicesResource = "services"
	podsResource     = "pods"
	nodesResource    = "nodes"
	proxyResource    = "proxy"
	kubeletHealth    = "/healthz"
)

// WalkBackend goes to the API server as Walk does and from there to the
// backend. It changes nothing in the cluster, provided that a GET of the
// backend does not. Objects that the caller may not see are no obstacle: their
// hops are skipped, and the request itself tells.
func WalkBackend(ctx context.Context, t BackendTarget) Trace {
	t.Attributes = t.attributes()
	w := &backendWalk{walk: newWalk(catalog.PathAPIServerProxy, t.Target, throughHops...), to: t}
	defer w.close()
	return w.through(ctx, w.config, w.authn, w.authz, w.api, w.service, w.endpoint, w.node, w.backend)
}

// backendWalk is a walk to a backend, with what is known of it so far.
type backendWalk struct {
	*walk
	to BackendTarget
	// portName is the name of the Service's port, once known is true.
	portName string
	known    bool
	// nodes are those that the backend's pods are on, sorted.
	nodes []string
	// unready says which of the nodes is not Ready, and why.
	unready string
}

// resource returns the resource and the name of the backend.
func (t BackendTarget) resource() (resource, name string) {
	switch {
	case t.Service != "":
		return servicesResource, t.Service
	case t.Pod != "":
		return podsResource, t.Pod
	default:
		return nodesResource, t.Node
	}
}

// id is how the API server's proxy names the backend: [https:]NAME[:PORT].
func (t BackendTarget) id() string {
	_, id := t.resource()
	if t.Port != "" || t.HTTPS {
		id += ":" + t.Port
	}
	if t.HTTPS {
		id = "https:" + id
	}
	return id
}

// attributes are the right to ask the backend.
func (t BackendTarget) attributes() *authorizationv1.ResourceAttributes {
	resource, _ := t.resource()
	a := &authorizationv1.ResourceAttributes{Verb: "get", Version: "v1", Resource: resource, Subresource: proxyResource, Name: t.id()}
	if t.Node == "" {
		a.Namespace = t.Namespace
	}
	return a
}

// object is the path of the API at which the backend's object is.
func (t BackendTarget) object() string {
	resource, name := t.resource()
	if resource == nodesResource {
		return nodePath(name)
	}
	return "/api/v1/namespaces/" + url.PathEscape(t.Namespace) + "/" + resource + "/" + url.PathEscape(name)
}

func nodePath(name string) string { return "/api/v1/nodes/" + url.PathEscape(name) }

// request is the path of the API at which the backend is asked.
func (t BackendTarget) request() string {
	path := t.Path
	if path == "" && t.Node != "" {
		path = kubeletHealth
	}
	_, name := t.resource()
	return strings.TrimSuffix(t.object(), url.PathEscape(name)) + url.PathEscape(t.id()) + "/proxy" + cmp.Or(path, "/")
}

// String names the backend ("service prod/web:80", "node a").
func (t BackendTarget) String() string {
	resource, _ := t.resource()
	name := t.id()
	if t.Node == "" {
		name = t.Namespace + "/" + name
	}
	return strings.TrimSuffix(resource, "s") + " " + name
}

// look reads an object for a hop. The caller may not be allowed to, which is
// told apart from a lack of the object.
func (w *backendWalk) look(ctx context.Context, hop catalog.Hop, path string, missing Code, into any) (found bool, took time.Duration, _ *broken) {
	a, b := w.ask(ctx, hop, http.MethodGet, path, nil)
	if b != nil {
		return false, 0, b
	}
	status, kubernetes := a.kubernetesStatus()
	switch {
	case a.ok():
		if err := json.Unmarshal(a.body, into); err != nil {
			return false, a.took, a.broken(APINotKubernetes, a.text(), fmt.Errorf("reading %q: %w", path, err))
		}
		return true, a.took, nil
	case a.status == http.StatusForbidden && kubernetes:
		return false, a.took, nil
	case a.status == http.StatusNotFound && kubernetes:
		a.target = w.to.String()
		return false, a.took, a.broken(missing, status.Message, fmt.Errorf("reading %q: 404 %s", path, status.Message))
	}
	return false, a.took, w.refusal(a)
}

const maySee = "the caller may not see it"

// service looks whether the Service, or the pod, is there and has the port.
func (w *backendWalk) service(ctx context.Context) *broken {
	switch {
	case w.to.Service != "":
		return w.serviceObject(ctx)
	case w.to.Pod != "":
		return w.podObject(ctx)
	}
	w.skip(catalog.HopService, "the backend is a node")
	return nil
}

func (w *backendWalk) serviceObject(ctx context.Context) *broken {
	var s corev1.Service
	found, took, b := w.look(ctx, catalog.HopService, w.to.object(), ServiceMissing, &s)
	if b != nil {
		return b
	}
	if !found {
		w.skip(catalog.HopService, maySee)
		return nil
	}
	port, ok := portOf(s.Spec.Ports, w.to.Port)
	if !ok {
		saw := fmt.Sprintf("it has %s, and was asked for %s", describePorts(s.Spec.Ports), describePort(w.to.Port))
		return &broken{finding: finding{ServiceNoPort, w.to.String(), saw, fmt.Errorf("choosing a port of service %q: %s", w.to.Service, saw)}, hop: catalog.HopService, took: took}
	}
	w.portName, w.known = port.Name, true
	w.pass(catalog.HopService, w.to.String(), "port "+describePorts([]corev1.ServicePort{port}), took)
	return nil
}

// portOf chooses the port of a Service as the API server's proxy does: by
// number or by name, and without either only a port that has no name.
func portOf(ports []corev1.ServicePort, want string) (corev1.ServicePort, bool) {
	number, err := strconv.ParseInt(want, 10, 32)
	i := slices.IndexFunc(ports, func(p corev1.ServicePort) bool {
		if err == nil {
			return int64(p.Port) == number
		}
		return p.Name == want
	})
	if i < 0 {
		return corev1.ServicePort{}, false
	}
	return ports[i], true
}

func describePort(port string) string {
	if port == "" {
		return "the port without a name"
	}
	return fmt.Sprintf("port %q", port)
}

func describePorts(ports []corev1.ServicePort) string {
	var all []string
	for _, p := range ports {
		text := fmt.Sprintf("%d to %s", p.Port, p.TargetPort.String())
		if p.Name != "" {
			text = p.Name + " " + text
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return "no port"
	}
	return strings.Join(all, ", ")
}

func (w *backendWalk) podObject(ctx context.Context) *broken {
	var p corev1.Pod
	found, took, b := w.look(ctx, catalog.HopService, w.to.object(), ServiceMissing, &p)
	if b != nil {
		return b
	}
	if !found {
		w.skip(catalog.HopService, maySee)
		w.skip(catalog.HopEndpoint, maySee)
		return nil
	}
	w.pass(catalog.HopService, w.to.String(), "the pod is "+string(p.Status.Phase), took)
	if p.Status.PodIP == "" {
		saw := fmt.Sprintf("the pod is %s and has no address", cmp.Or(string(p.Status.Phase), "of no phase"))
		return &broken{finding: finding{EndpointNone, w.to.String(), saw, fmt.Errorf("finding the address of pod %q: it has none", w.to.Pod)}, hop: catalog.HopEndpoint}
	}
	w.pass(catalog.HopEndpoint, p.Status.PodIP, "its address"+unlessReady(p), 0)
	w.nodes = append(w.nodes, p.Spec.NodeName)
	return nil
}

func unlessReady(p corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status != corev1.ConditionTrue {
			return strings.TrimSuffix(", though it is not ready: "+cmp.Or(c.Message, c.Reason), ": ")
		}
	}
	return ""
}
