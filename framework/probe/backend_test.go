package probe_test

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// apiWith is an honest API server that has these objects and proxies besides.
type apiWith map[string]http.HandlerFunc

func (a apiWith) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := a[r.URL.Path]; ok {
		h(w, r)
		return
	}
	api{}.ServeHTTP(w, r)
}

const (
	serviceObject = "/api/v1/namespaces/prod/services/web"
	slicesObject  = "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices"
	podObject     = "/api/v1/namespaces/prod/pods/web-0"
	nodeObject    = "/api/v1/nodes/n1"
	askService    = "/api/v1/namespaces/prod/services/web/proxy/"
	askPod        = "/api/v1/namespaces/prod/pods/web-0/proxy/"
	askNode       = "/api/v1/nodes/n1/proxy/healthz"
)

func object(o any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, o) }
}

func ready(is bool) *bool { return &is }

// endpoint is one on n1; that of no pod has no target.
func endpoint(isReady, pod bool) discoveryv1.Endpoint {
	node := "n1"
	e := discoveryv1.Endpoint{Addresses: []string{"10.1.0.5"}, NodeName: &node, Conditions: discoveryv1.EndpointConditions{Ready: ready(isReady)}}
	if pod {
		e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: "web-0"}
	}
	return e
}

func endpoints(port string, all ...discoveryv1.Endpoint) http.HandlerFunc {
	return object(discoveryv1.EndpointSliceList{Items: []discoveryv1.EndpointSlice{{Ports: []discoveryv1.EndpointPort{{Name: &port}}, Endpoints: all}}})
}

func node(status corev1.ConditionStatus) http.HandlerFunc {
	return object(corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, Message: "Kubelet stopped posting node status."}}}})
}

// whole returns an API server behind which all is there.
func whole() apiWith {
	return apiWith{
		serviceObject: object(corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}, {Name: "admin", Port: 8081}}}}),
		slicesObject:  endpoints("", endpoint(true, true)),
		podObject: object(corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "web-0"}, Spec: corev1.PodSpec{NodeName: "n1"},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.1.0.5"},
		}),
		nodeObject: node(corev1.ConditionTrue),
		askService: say(http.StatusOK, "hello"),
		askPod:     say(http.StatusOK, "hello"),
		askNode:    say(http.StatusOK, "ok"),
	}
}

func (a apiWith) with(path string, h http.HandlerFunc) apiWith {
	a[path] = h
	return a
}

// toBackend walks to a backend of an API server.
func toBackend(a apiWith, change func(*probe.BackendTarget)) func(*world) probe.Trace {
	return func(w *world) probe.Trace {
		w.cluster.Server = "https://" + serve(w.t, a, w.tls())
		w.save()
		t := probe.BackendTarget{Target: w.target, Namespace: "prod", Service: "web"}
		if change != nil {
			change(&t)
		}
		return probe.WalkBackend(w.ctx, t)
	}
}

func toPod(t *probe.BackendTarget)  { t.Service, t.Pod = "", "web-0" }
func toNode(t *probe.BackendTarget) { t.Service, t.Namespace, t.Node = "", "", "n1" }

func unreachable(why string) http.HandlerFunc {
	return status(http.StatusServiceUnavailable, "error trying to reach service: "+why)
}

var backendRows = []pathRow{
	{name: "service", walk: toBackend(whole(), nil), saw: []string{"get services/proxy web in prod", "1 of 1 ready: 10.1.0.5", "node n1 is Ready", "200 OK: hello"}},
	{name: "service by number", walk: toBackend(whole().with("/api/v1/namespaces/prod/services/web:80/proxy/x", say(http.StatusOK, "by number")), func(t *probe.BackendTarget) { t.Port, t.Path = "80", "/x?y=1" }), saw: []string{"by number"}},
	{name: "service by name and HTTPS", walk: toBackend(whole().with(slicesObject, endpoints("admin", endpoint(true, true))).with("/api/v1/namespaces/prod/services/https:web:admin/proxy/", say(http.StatusOK, "by name")), func(t *probe.BackendTarget) { t.Port, t.HTTPS = "admin", true }), saw: []string{"by name", "get services/proxy https:web:admin in prod"}},
	{name: "pod", walk: toBackend(whole(), toPod), saw: []string{"the pod is Running", "10.1.0.5"}},
	{name: "node", walk: toBackend(whole(), toNode), saw: []string{"its kubelet answers", "the backend is a node"}},
	{name: "objects that the caller may not see", walk: toBackend(whole().
		with(serviceObject, status(http.StatusForbidden, "forbidden")).with(slicesObject, status(http.StatusForbidden, "forbidden")), nil), saw: []string{"may not see it", "it is not known which one", "200 OK"}},
	{name: "pod that the caller may not see", walk: toBackend(whole().with(podObject, status(http.StatusForbidden, "forbidden")), toPod), saw: []string{"may not see it"}},
	{name: "node that is not Ready and answers", walk: toBackend(whole().with(nodeObject, node(corev1.ConditionUnknown)), nil), saw: []string{"node n1 is not Ready: Kubelet stopped posting"}},

	{name: "no kubeconfig", walk: func(w *world) probe.Trace {
		return probe.WalkBackend(w.ctx, probe.BackendTarget{Target: w.target, Namespace: "prod", Service: "web"})
	}, code: probe.ConfigMissing},
	{name: "denied", walk: toBackend(whole().with(authzPath, allow(false, "no RBAC policy matched")), nil), code: probe.AuthzDenied, target: "get services/proxy web in prod"},
	{name: "server error", walk: toBackend(whole().with(serviceObject, status(http.StatusInternalServerError, "etcdserver: no leader")), nil), code: probe.APIServerError},
	{name: "no such service", walk: toBackend(whole().with(serviceObject, status(http.StatusNotFound, `services "web" not found`)), nil), code: probe.ServiceMissing, target: "service prod/web"},
	{name: "no such service, as of the proxy", walk: toBackend(whole().with(serviceObject, status(http.StatusForbidden, "")).with(slicesObject, status(http.StatusForbidden, "")).
		with(askService, status(http.StatusNotFound, `services "web" not found`)), nil), code: probe.ServiceMissing},
	{name: "no such pod", walk: toBackend(whole().with(podObject, status(http.StatusNotFound, `pods "web-0" not found`)), toPod), code: probe.ServiceMissing},
	{name: "no such port", walk: toBackend(whole(), func(t *probe.BackendTarget) { t.Port = "81" }), code: probe.ServiceNoPort, saw: []string{`port "81"`, "80 to"}},
	{name: "no port without a name", walk: toBackend(whole().with(serviceObject, object(corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}})), nil), code: probe.ServiceNoPort, saw: []string{"without a name"}},
	{name: "no port, as of the proxy", walk: toBackend(whole().with(askService, status(http.StatusServiceUnavailable, `no service port 80 found for service "web"`)), nil), code: probe.ServiceNoPort},
	{name: "no endpoint", walk: toBackend(whole().with(slicesObject, endpoints("")), nil), code: probe.EndpointNone, saw: []string{"fits no pod"}},
	{name: "no ready endpoint", walk: toBackend(whole().with(slicesObject, endpoints("", endpoint(false, true))), nil), code: probe.EndpointNone, saw: []string{"1 there, none ready"}},
	{name: "endpoint of no pod", walk: toBackend(whole().with(slicesObject, endpoints("", endpoint(true, false))), nil), code: probe.EndpointNone, saw: []string{"goes to pods alone"}},
	{name: "no endpoint, as of the proxy", walk: toBackend(whole().with(askService, status(http.StatusServiceUnavailable, `no endpoints available for service "web"`)), nil), code: probe.EndpointNone},
	{name: "pod without an address", walk: toBackend(whole().with(podObject, object(corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}})), toPod), code: probe.EndpointNone, saw: []string{"Pending"}},

	{name: "no such node", walk: toBackend(whole().with(nodeObject, status(http.StatusNotFound, `nodes "n1" not found`)), toNode), code: probe.NodeMissing},
	{name: "kubelet is down", walk: toBackend(whole().with(askNode, unreachable("dial tcp 10.0.0.7:10250: connect: connection refused")), toNode), code: probe.NodeUnreachable, target: "n1", saw: []string{"connection refused"}},
	{name: "kubelet of another authority", walk: toBackend(whole().with(askNode, unreachable("tls: failed to verify certificate: x509: certificate signed by unknown authority")), toNode), code: probe.NodeUnreachable, saw: []string{"unknown authority"}},
	{name: "kubelet is silent", walk: toBackend(whole().with(askNode, hang), func(t *probe.BackendTarget) { toNode(t); t.Timeout = later }), code: probe.NodeUnreachable},
	{name: "kubelet refuses", walk: toBackend(whole().with(askNode, say(http.StatusForbidden, "Forbidden (user=kube-apiserver, verb=get, resource=nodes, subresource=proxy)")), toNode), code: probe.NodeRefuses, saw: []string{"kube-apiserver"}},
	{name: "kubelet does not know the API server", walk: toBackend(whole().with(askNode, say(http.StatusUnauthorized, "Unauthorized")), toNode), code: probe.NodeRefuses},
	{name: "node is not Ready and nothing answers", walk: toBackend(whole().with(nodeObject, node(corev1.ConditionUnknown)).with(askService, unreachable("dial tcp 10.1.0.5:80: i/o timeout")), nil), code: probe.NodeUnreachable, saw: []string{"not Ready", "i/o timeout"}},
	{name: "node of the pod is gone", walk: toBackend(whole().with(nodeObject, status(http.StatusNotFound, "")).with(askPod, unreachable("dial tcp 10.1.0.5:80: no route to host")), toPod), code: probe.NodeUnreachable, saw: []string{"n1 is not there"}},

	{name: "backend is down", walk: toBackend(whole().with(askService, unreachable("dial tcp 10.1.0.5:80: connect: connection refused")), nil), code: probe.BackendDown, saw: []string{"connection refused"}},
	{name: "backend's own 503", walk: toBackend(whole().with(askService, say(http.StatusServiceUnavailable, "overloaded")), nil), code: probe.BackendStatus, saw: []string{"503", "overloaded"}},
	{name: "backend's own 404", walk: toBackend(whole().with(askService, say(http.StatusNotFound, "404 page not found")), nil), code: probe.BackendStatus},
	{name: "backend that is an API server", walk: toBackend(whole().with(askService, status(http.StatusForbidden, `User "system:anonymous" cannot get path "/"`)), nil), code: probe.BackendStatus},
	{name: "denied, as of the proxy", walk: toBackend(whole().with(askService, status(http.StatusForbidden, `services "web" is forbidden: User "alice" cannot get resource "services/proxy"`)), nil), code: probe.AuthzDenied},
	{name: "backend speaks plain HTTP", walk: toBackend(whole().with(askService, unreachable("tls: first record does not look like a TLS handshake")), nil), code: probe.BackendNotTLS},
	{name: "backend wants TLS", walk: toBackend(whole().with(askService, say(http.StatusBadRequest, "Client sent an HTTP request to an HTTPS server.")), nil), code: probe.BackendNotTLS},
	{name: "backend hangs up", walk: toBackend(whole().with(askService, unreachable("EOF")), nil), code: probe.BackendBroken},
	{name: "answer is cut off", walk: toBackend(whole().with(askService, resetInBody), nil), code: probe.BackendBroken},
	{name: "no answer", walk: toBackend(whole().with(askService, hang), func(t *probe.BackendTarget) { t.Timeout = later }), code: probe.BackendTimeout},
	{name: "no answer, as of the proxy", walk: toBackend(whole().with(askService, unreachable("net/http: timeout awaiting response headers")), nil), code: probe.BackendTimeout},
}

func TestWalkBackend(t *testing.T) {
	testPaths(t, backendRows, append(append([]catalog.Hop{}, kubeconfigHops...), catalog.HopService, catalog.HopEndpoint, catalog.HopNode, catalog.HopBackend)...)
}

// TestThreeOf503 wants a code for each of the causes of one status.
func TestThreeOf503(t *testing.T) {
	codes := map[probe.Code]string{}
	for _, r := range backendRows {
		switch r.name {
		case "no such service", "no endpoint", "backend's own 503", "backend is down":
			if other, twice := codes[r.code]; twice {
				t.Errorf("%q and %q are both %s", other, r.name, r.code)
			}
			codes[r.code] = r.name
		}
	}
	if len(codes) != 4 || strings.Contains(strings.Join([]string{codes[probe.BackendStatus]}, ""), "no ") {
		t.Errorf("got %v", codes)
	}
}
