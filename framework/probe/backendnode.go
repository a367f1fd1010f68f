package probe

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// endpoint looks for ready endpoints of the Service's port. Those of a pod are
// known with the pod.
func (w *backendWalk) endpoint(ctx context.Context) *broken {
	switch {
	case w.to.Pod != "":
		return nil
	case w.to.Service == "":
		w.skip(catalog.HopEndpoint, "the backend is a node")
		return nil
	}
	selector := url.Values{"labelSelector": {discoveryv1.LabelServiceName + "=" + w.to.Service}}
	path := "/apis/discovery.k8s.io/v1/namespaces/" + url.PathEscape(w.to.Namespace) + "/endpointslices?" + selector.Encode()
	var slicesOf discoveryv1.EndpointSliceList
	found, took, b := w.look(ctx, catalog.HopEndpoint, path, APIUnexpected, &slicesOf)
	if b != nil {
		return b
	}
	if !found {
		w.skip(catalog.HopEndpoint, maySee)
		return nil
	}
	ready, strangers, all := w.endpointsOf(slicesOf.Items)
	if len(ready) == 0 {
		saw := "there is none; the selector fits no pod that has an address"
		switch {
		case len(strangers) > 0:
			saw = "the API server's proxy goes to pods alone, and of no pod is " + strings.Join(strangers, ", ")
		case all > 0:
			saw = fmt.Sprintf("%d there, none ready", all)
		}
		return &broken{finding: finding{EndpointNone, w.to.String(), saw, fmt.Errorf("looking for ready endpoints of service %q: %s", w.to.Service, saw)}, hop: catalog.HopEndpoint, took: took}
	}
	w.pass(catalog.HopEndpoint, w.to.String(), fmt.Sprintf("%d of %d ready: %s", len(ready), all, strings.Join(ready, ", ")), took)
	return nil
}

// endpointsOf returns the addresses of the port's ready endpoints that are pods,
// those of the ready ones that are none, both sorted, and the number of all; it
// takes down the nodes of the first.
func (w *backendWalk) endpointsOf(list []discoveryv1.EndpointSlice) (ready, strangers []string, all int) {
	for _, s := range list {
		if w.known && !slices.ContainsFunc(s.Ports, func(p discoveryv1.EndpointPort) bool {
			return p.Name == nil && w.portName == "" || p.Name != nil && *p.Name == w.portName
		}) {
			continue
		}
		for _, e := range s.Endpoints {
			all++
			// Nil means unknown, which is to be taken for ready.
			if e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			if e.TargetRef == nil || e.TargetRef.Kind != "Pod" {
				strangers = append(strangers, e.Addresses...)
				continue
			}
			ready = append(ready, e.Addresses...)
			if e.NodeName != nil {
				w.nodes = append(w.nodes, *e.NodeName)
			}
		}
	}
	slices.Sort(ready)
	slices.Sort(strangers)
	return ready, strangers, all
}

// node looks whether the nodes are Ready. That of a node for its own sake has
// to be there; that behind a Service or a pod is remembered, for a backend
// answers on a node that is not Ready too.
func (w *backendWalk) node(ctx context.Context) *broken {
	names := slices.Compact(slices.Sorted(slices.Values(w.nodes)))
	if w.to.Node != "" {
		names = []string{w.to.Node}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	if len(names) == 0 {
		w.skip(catalog.HopNode, "it is not known which one the backend is on")
		return nil
	}
	var said, unready []string
	for _, name := range names {
		var n corev1.Node
		found, took, b := w.look(ctx, catalog.HopNode, nodePath(name), NodeMissing, &n)
		switch {
		case b != nil && b.code == NodeMissing && w.to.Node == "":
			unready = append(unready, fmt.Sprintf("node %s is not there", name))
		case b != nil:
			return b
		case !found:
			said = append(said, fmt.Sprintf("node %s: %s", name, maySee))
		case notReady(n) == "":
			said = append(said, fmt.Sprintf("node %s is Ready", name))
		default:
			unready = append(unready, fmt.Sprintf("node %s is not Ready: %s", name, notReady(n)))
		}
		saw := strings.Join(slices.Concat(unready, said), ", ")
		w.pass(catalog.HopNode, strings.Join(names, ", "), saw, took)
	}
	w.unready = strings.Join(unready, ", ")
	return nil
}

// notReady returns why a node is not Ready, or "" if it is.
func notReady(n corev1.Node) string {
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		if c.Status == corev1.ConditionTrue {
			return ""
		}
		return cmp.Or(c.Message, c.Reason, string(c.Status))
	}
	return "it has no condition Ready"
}

// What the API server's proxy says in a Status of 503, which has one code for
// several causes.
const (
	saysNoEndpoints = "no endpoints available for service"
	saysNoPort      = "no service port"
	saysUnreachable = "error trying to reach service"
)

// plainToBackend is how a backend with TLS, written in Go, answers plain HTTP.
const plainToBackend = "sent an HTTP request to an HTTPS server"

// backend asks the backend itself.
func (w *backendWalk) backend(ctx context.Context) *broken {
	path := w.to.request()
	a, b := w.ask(ctx, catalog.HopBackend, http.MethodGet, path, nil)
	if b != nil {
		return w.blame(b)
	}
	a.target = w.to.String()
	if b := w.saidByProxy(a); b != nil {
		return w.blame(b)
	}
	if b := w.saidByBackend(a); b != nil {
		return w.blame(b)
	}
	if w.to.Node != "" {
		step := w.step(catalog.HopNode)
		w.pass(catalog.HopNode, w.to.Node, strings.TrimPrefix(step.Saw+", its kubelet answers the API server", ", "), step.Duration)
	}
	w.pass(catalog.HopBackend, w.line.base()+path, a.text(), a.took)
	return nil
}

// saidByProxy tells what the API server's own refusal to proxy means, or returns
// nil for an answer of the backend.
func (w *backendWalk) saidByProxy(a *answer) *broken {
	status, kubernetes := a.kubernetesStatus()
	if !kubernetes {
		return nil
	}
	err := fmt.Errorf("requesting %q: %s", a.target, a.text())
	switch {
	case strings.Contains(status.Message, saysUnreachable):
		return a.broken(unreachable(status.Message), status.Message, err)
	case strings.HasPrefix(status.Message, saysNoEndpoints):
		return a.broken(EndpointNone, status.Message, err)
	case strings.HasPrefix(status.Message, saysNoPort):
		return a.broken(ServiceNoPort, status.Message, err)
	case a.status == http.StatusForbidden && strings.Contains(status.Message, "/"+proxyResource):
		return a.broken(AuthzDenied, status.Message, err)
	case a.status == http.StatusNotFound && w.to.Node != "":
		return a.broken(NodeMissing, status.Message, err)
	case a.status == http.StatusNotFound && (strings.HasPrefix(status.Message, servicesResource+" ") || strings.HasPrefix(status.Message, podsResource+" ")):
		return a.broken(ServiceMissing, status.Message, err)
	}
	// A backend may be an API server too.
	return nil
}

// unreachable returns the diagnosis of the API server's not having got an answer
// from the backend, by the reason that it gives.
func unreachable(message string) Code {
	switch Behind(message) {
	case TLSNotTLS:
		return BackendNotTLS
	case APIBroken:
		return BackendBroken
	case APITimeout:
		return BackendTimeout
	default:
		return BackendDown
	}
}

func (w *backendWalk) saidByBackend(a *answer) *broken {
	err := fmt.Errorf("requesting %q: %s", a.target, a.text())
	switch {
	case a.status < http.StatusBadRequest:
		return nil
	case a.status == http.StatusBadRequest && strings.Contains(string(a.body), plainToBackend):
		return a.broken(BackendNotTLS, a.text(), err)
	case w.to.Node != "" && w.to.Port == "" && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden):
		return a.broken(NodeRefuses, a.text(), err)
	}
	return a.broken(BackendStatus, a.text(), err)
}

// lost are the diagnoses of a backend from which no whole answer came.
var lost = []Code{BackendDown, BackendNotTLS, BackendBroken, BackendTimeout}

// blame gives a request that broke at the API's own hop to the backend, and one
// that got no answer to the node, if that is the kubelet or not Ready.
func (w *backendWalk) blame(b *broken) *broken {
	switch b.code {
	case APITimeout:
		b.code = BackendTimeout
	case APIBroken:
		b.code = BackendBroken
	}
	if !slices.Contains(lost, b.code) {
		return b
	}
	b.target = w.to.String()
	switch {
	case w.to.Node != "" && w.to.Port == "":
		b.code, b.target = NodeUnreachable, w.to.Node
	case w.unready != "":
		b.code, b.saw = NodeUnreachable, w.unready+"; "+b.saw
	}
	return b
}
