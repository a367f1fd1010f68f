package pod

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// volume is where a container finds what the cluster gives its pod.
	volume        = "/var/run/secrets/kubernetes.io/serviceaccount"
	tokenFile     = volume + "/token"
	caFile        = volume + "/ca.crt"
	namespaceFile = volume + "/namespace"

	envHost      = "KUBERNETES_SERVICE_HOST"
	envPortHTTPS = "KUBERNETES_SERVICE_PORT_HTTPS"

	// byEnv is the API's address from the environment, as a word for sh; byName
	// is its documented DNS name.
	byEnv  = `https://$host:$` + envPortHTTPS
	byName = "https://kubernetes.default.svc"

	apiPath = "/api"

	// curlTime bounds each curl in a pod, and connectTime its connection, which
	// sees a packet sent twice; in seconds.
	curlTime    = 10
	connectTime = 3
	loopback    = "127.0.0.1"

	// saysNoToken is how the Python client says that there is no volume.
	saysNoToken = "Service token file does not exist"
)

// request is one request to the API that a container makes with curl. The zero
// value asks nothing; without server it goes to byEnv.
type request struct {
	server, path string
	// body makes it a POST.
	body string
	// bare sends no token, and distrustful gives curl no authority.
	bare, distrustful bool
	// write is what curl prints after the body, before the status.
	write string
}

// script returns the request for sh. The token goes through standard input: an
// argument list is for all to read.
func (q request) script() string {
	if q.server == "" {
		q.server = byEnv
	}
	lines := []string{
		// An IPv6 address in a URL wants brackets.
		fmt.Sprintf(`case "$%[1]s" in *:*) host="[$%[1]s]";; *) host="$%[1]s";; esac`, envHost),
	}
	curl := fmt.Sprintf(`curl --silent --show-error --connect-timeout %d --max-time %d --write-out '%s%s'`, connectTime, curlTime, q.write, access.CurlStatus)
	if !q.distrustful {
		curl += " --cacert " + caFile
	}
	if q.body != "" {
		curl += fmt.Sprintf(` --header 'Content-Type: application/json' --data '%s'`, q.body)
	}
	if !q.bare {
		lines = append(lines, `token=$(cat `+tokenFile+`)`)
		curl = `printf '%s: Bearer %s' Authorization "$token" | ` + curl + ` --header @-`
	}
	return strings.Join(append(lines, curl+` "`+q.server+q.path+`"`), "\n")
}

// prober asks from the containers of one pod.
type prober struct {
	env *harness.Env
	pod *corev1.Pod
}

// meet makes the request from the pod's first container and asserts the outcome.
func (p prober) meet(ctx context.Context, what string, q request, want catalog.Outcome) access.Result {
	return p.meetIn(ctx, p.pod.Spec.Containers[0].Name, what, q, want)
}

func (p prober) meetIn(ctx context.Context, container, what string, q request, want catalog.Outcome) access.Result {
	p.env.WalkFrom(p.pod, container)
	return meet(p.env, what, access.ReadCurl(p.env.InContainer(ctx, p.pod, container, q.script())), want)
}

// whoami returns who the API server says that the pod is.
func (p prober) whoami(ctx context.Context, q request) authenticationv1.UserInfo {
	q.path, q.body = access.ReviewPath, access.Review
	r := p.meet(ctx, "the pod asks who it is", q, catalog.Reached)
	var answer authenticationv1.SelfSubjectReview
	p.env.At(catalog.HopAPI)
	Expect(r.Into(&answer)).To(Succeed(), "who the pod is")
	return answer.Status.UserInfo
}

// run runs a script in the pod's first container, which must succeed, and
// returns what it prints.
func (p prober) run(ctx context.Context, hop catalog.Hop, what, script string) string {
	p.env.WalkFrom(p.pod, p.pod.Spec.Containers[0].Name)
	return p.env.Meet(hop, what, p.env.InPod(ctx, p.pod, script), catalog.Reached).Stdout
}

// meet asserts the outcome and blames the hop that the result speaks of.
func meet(env *harness.Env, what string, r access.Result, want catalog.Outcome) access.Result {
	return env.Meet(blame(r, want), what, r, want)
}

// blame returns the hop that an unexpected result speaks of. From a pod, the API
// server is behind the address of a Service, and the credentials in a volume.
func blame(r access.Result, want catalog.Outcome) catalog.Hop {
	failed := r.Outcome == catalog.Failed || r.Outcome == catalog.NotFound
	switch hop := access.Blame(r, want); {
	case hop == catalog.HopDial && strings.Contains(r.Stderr, "Resolving timed out"):
		return catalog.HopResolve
	case hop == catalog.HopDial:
		return catalog.HopService
	case failed && (strings.Contains(r.Stderr, volume) || strings.Contains(r.Stderr, saysNoToken)):
		return catalog.HopMount
	case failed && r.Status == 0:
		return catalog.HopTool
	default:
		return hop
	}
}

// expectVersions asserts that the result is the API's list of versions.
func expectVersions(env *harness.Env, r access.Result) {
	env.At(catalog.HopAPI)
	var versions metav1.APIVersions
	Expect(r.Into(&versions)).To(Succeed(), "the versions of the API")
	Expect(versions.Kind).To(Equal("APIVersions"), "what the API answers at its root")
	Expect(versions.Versions).To(ContainElement("v1"), "the versions of the API")
}

// userName returns the name that the API server gives a ServiceAccount.
func userName(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

// Extras by which the API server tells what a caller's token is bound to.
const (
	keyPodName  = "authentication.kubernetes.io/pod-name"
	keyPodUID   = "authentication.kubernetes.io/pod-uid"
	keyNodeName = "authentication.kubernetes.io/node-name"
)

// expectBound asserts that the caller's token is bound to the pod, which also
// tells that the API asked is that of the pod's cluster.
func expectBound(env *harness.Env, who authenticationv1.UserInfo, pod *corev1.Pod) {
	env.At(catalog.HopAuthn)
	Expect(who.Extra).To(HaveKeyWithValue(keyPodUID, ConsistOf(string(pod.UID))), "the pod that the caller's token is bound to")
	Expect(who.Extra).To(HaveKeyWithValue(keyPodName, ConsistOf(pod.Name)), "the pod that the caller's token is bound to")
	// API servers before 1.32 do not tell the node.
	if node, told := who.Extra[keyNodeName]; told {
		Expect(node).To(ConsistOf(pod.Spec.NodeName), "the node of the pod that the caller's token is bound to")
	}
}
