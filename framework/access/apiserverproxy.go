package access

import (
	"encoding/json"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// ServiceProxyPath returns the path of the API at which the API server proxies
// to a Service. The id is "name", "name:port", "scheme:name:port" or
// "scheme:name:"; the suffix is what the backend is to be asked, with its
// leading slash ("/hostname?x=1"). Without a suffix the API server redirects.
func ServiceProxyPath(namespace, id, suffix string) string {
	return "/api/v1/namespaces/" + namespace + "/services/" + id + "/proxy" + suffix
}

// PodProxyPath is ServiceProxyPath for a pod, whose port is a number.
func PodProxyPath(namespace, id, suffix string) string {
	return "/api/v1/namespaces/" + namespace + "/pods/" + id + "/proxy" + suffix
}

// NodeProxyPath is ServiceProxyPath for a node; without a port it leads to the
// kubelet.
func NodeProxyPath(id, suffix string) string {
	return "/api/v1/nodes/" + id + "/proxy" + suffix
}

// APIStatus returns the Status object that the API server put into the body of
// a response, and whether there is one. A backend behind the API server's proxy
// answers with the same codes; the object tells the two apart.
func APIStatus(r Result) (metav1.Status, bool) {
	var s metav1.Status
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil || s.Kind != "Status" || s.APIVersion != "v1" {
		return metav1.Status{}, false
	}
	return s, true
}

// What the API server's proxy says in a Status of 503, which has one code for
// three different causes.
const (
	noEndpoints   = "no endpoints available for service"
	noServicePort = "no service port"
	unreachable   = "error trying to reach service"
)

// ProxyHop returns the hop that an answer to a request through the API server's
// proxy speaks of: the API server's own refusals name the hop that refused, and
// everything else, no answer too, is the doing of the target. That is the hop to
// blame when the API server could not reach what it found: HopBackend or HopNode.
func ProxyHop(r Result, target catalog.Hop) catalog.Hop {
	status, own := APIStatus(r)
	switch {
	case !own:
		return target
	case status.Code == http.StatusUnauthorized:
		return catalog.HopAuthn
	case status.Code == http.StatusForbidden:
		return catalog.HopAuthz
	case status.Code == http.StatusNotFound, status.Code == http.StatusBadRequest, strings.HasPrefix(status.Message, noServicePort):
		return catalog.HopService
	case strings.HasPrefix(status.Message, noEndpoints):
		return catalog.HopEndpoint
	default:
		return target
	}
}

// NoEndpoints is whether the API server's proxy found no endpoint to send the
// request to.
func NoEndpoints(r Result) bool { return saidByProxy(r, noEndpoints) }

// Unreachable is whether the API server's proxy could not speak with the
// endpoint that it chose.
func Unreachable(r Result) bool { return saidByProxy(r, unreachable) }

func saidByProxy(r Result, message string) bool {
	status, own := APIStatus(r)
	return own && status.Code == http.StatusServiceUnavailable && strings.Contains(status.Message, message)
}
