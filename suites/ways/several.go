package ways

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	apiRoot = "/api"
	// mark is the parameter, of no meaning to the API server, by which the audit
	// log tells the requests of the ways apart.
	mark = "inroads-way"

	credentialVolume = probe.DefaultServiceAccountDir
	// The containers of the pod from which the API is asked: one that holds no
	// credential, and two with kubectl proxy, of which the second listens to the
	// API server's proxy too.
	besideContainer, sidecarContainer, openContainer = "beside", "sidecar", "open"
	sidecarPort, openPort                            = 8001, 8002
	curlTime                                         = 10
)

// way is one way of asking the API server.
type way struct {
	name string
	// serving is the hop that is blamed where nothing answers on the way, and
	// behind the one where what answers does not reach the API server.
	serving, behind catalog.Hop
	// user is who the API server must take the caller for, and inside whether the
	// request comes from a pod.
	user   authenticationv1.UserInfo
	inside bool
	ask    func(ctx context.Context, path, body string) access.Result
}

var _ = harness.Area(catalog.PathEvery, func() {
	harness.Prove("meta/several-ways", func(ctx context.Context, env *harness.Env) {
		r := direct(env, env.Config, "")(ctx, apiRoot, "")
		env.Meet(access.Blame(r, catalog.Reached), "the kubeconfig's user asks for the root of the API", r, catalog.Reached)
		namespace := env.Namespace(ctx)
		reader := env.ServiceAccount(ctx, "reader")
		env.Grant(ctx, reader, rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods"}})
		pod := env.RunPod(ctx, callerPod(env, reader.Name))
		env.WalkFrom(pod, sidecarContainer)
		for _, container := range []string{sidecarContainer, openContainer} {
			env.Meet(catalog.HopMount, "container "+container+" looks for a credential", env.InContainer(ctx, pod, container, `test -e `+credentialVolume+`/token`), catalog.Reached)
			_, err := access.Container{Namespace: namespace, Pod: pod.Name, Container: container}.FollowLog(ctx, env.Client, access.KubectlProxyServes)
			env.At(catalog.HopLocalProxy)
			Expect(err).NotTo(HaveOccurred(), "kubectl proxy serves in container %s", container)
		}
		all := waysOf(ctx, env, reader, pod)

		ginkgo.By("each way gives the same list of pods, and says who asks")
		list := "/api/v1/namespaces/" + namespace + "/pods?" + mark + "="
		var first []byte
		for _, w := range all {
			r := w.meet(ctx, env, "for the pods", list+url.QueryEscape(w.name), "")
			env.At(catalog.HopAPI)
			pods := normal(r)
			if first == nil {
				first = pods
				Expect(string(first)).To(ContainSubstring(pod.Name), "the pods that %s gives", w.name)
			}
			Expect(pods).To(MatchJSON(first), "the pods that %s gives, and %s", w.name, all[0].name)

			r = w.meet(ctx, env, "who it is", access.ReviewPath, access.Review)
			env.At(catalog.HopAPI)
			who := harness.Reviewed(r)
			env.At(catalog.HopAuthn)
			expectUser(who, w)
		}

		ginkgo.By("who has no credential is given none of it")
		bare, server, err := access.APIClient(rest.AnonymousClientConfig(env.Config))
		env.Require(err, "making a client without a credential")
		r = access.Do(ctx, bare, access.Request{URL: server + list + "nobody"})
		env.Meet(access.Blame(r, catalog.Forbidden), "nobody asks for the pods", r, catalog.Forbidden)

		ginkgo.By("the audit log has each request, with its user, groups and source")
		events := auditEvents(ctx, env, namespace, len(all)+1)
		env.At(catalog.HopAPI)
		for _, w := range all {
			e := eventOf(events, w.name)
			Expect(e).NotTo(BeNil(), "the audit log has no list of pods by %s", w.name)
			expectUser(e.User, w)
			Expect(fromPod(ctx, env, e.SourceIPs, pod)).To(Equal(w.inside), "whether %s comes from a pod: %v", w.name, e.SourceIPs)
			env.Note(catalog.HopAPI, fmt.Sprintf("%s: %s in %s from %s with %s", w.name, e.User.Username, strings.Join(e.User.Groups, ", "), strings.Join(e.SourceIPs, ", "), e.UserAgent))
		}
		e := eventOf(events, "nobody")
		Expect(e).NotTo(BeNil(), "the audit log has no list of pods by nobody")
		Expect(e.User.Username).To(Equal("system:anonymous"), "who nobody is in the audit log")
	})
})

// waysOf returns every way that the page documents.
func waysOf(ctx context.Context, env *harness.Env, reader *corev1.ServiceAccount, pod *corev1.Pod) []way {
	ginkgo.GinkgoHelper()
	review, err := env.Client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	env.Require(err, "asking who the kubeconfig's user is")
	admin := review.Status.UserInfo
	account := authenticationv1.UserInfo{
		Username: "system:serviceaccount:" + reader.Namespace + ":" + reader.Name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + reader.Namespace, "system:authenticated"},
	}
	env.At(catalog.HopLocalProxy)
	here, err := env.Host.StartKubectlProxy(ctx, "--port=0")
	Expect(err).NotTo(HaveOccurred(), "kubectl proxy does not serve on this machine")
	ginkgo.DeferCleanup(here.Stop)

	certificate := rest.AnonymousClientConfig(env.Config)
	certificate.TLSClientConfig = env.Config.TLSClientConfig
	through := "/api/v1/namespaces/" + pod.Namespace + "/pods/" + fmt.Sprintf("http:%s:%d", pod.Name, openPort) + "/proxy"
	return []way{
		{"kubectl", catalog.HopTool, catalog.HopTool, admin, false, func(ctx context.Context, path, body string) access.Result {
			if body != "" {
				return env.Host.RunKubectlWith(ctx, body, "create", "--raw", path, "-f", "-")
			}
			return env.Host.RunKubectl(ctx, "get", "--raw", path)
		}},
		{"kubectl proxy", catalog.HopLocalProxy, catalog.HopConfig, admin, false, func(ctx context.Context, path, body string) access.Result {
			return access.Do(ctx, access.PlainClient(), request(here.URL(path), body))
		}},
		{"client certificate", catalog.HopDial, catalog.HopAPI, admin, false, direct(env, certificate, "")},
		{"token", catalog.HopDial, catalog.HopAPI, account, false, direct(env, env.As(ctx, reader), "")},
		{"pod", catalog.HopService, catalog.HopAPI, account, true, func(ctx context.Context, path, body string) access.Result {
			return access.ReadCurl(env.InContainer(ctx, pod, sidecarContainer, curl(path, body, "https://kubernetes.default.svc",
				`--cacert `+credentialVolume+`/ca.crt --header @-`, `printf 'Authorization: Bearer %s' "$(cat `+credentialVolume+`/token)" | `)))
		}},
		{"sidecar", catalog.HopLocalProxy, catalog.HopService, account, true, func(ctx context.Context, path, body string) access.Result {
			return access.ReadCurl(env.InContainer(ctx, pod, besideContainer, curl(path, body, fmt.Sprintf("http://127.0.0.1:%d", sidecarPort), "", "")))
		}},
		{"the API server's proxy", catalog.HopLocalProxy, catalog.HopService, account, true, direct(env, env.Config, through)},
	}
}

// direct asks with client-go's HTTP client.
func direct(env *harness.Env, config *rest.Config, prefix string) func(context.Context, string, string) access.Result {
	ginkgo.GinkgoHelper()
	client, server, err := access.APIClient(config)
	env.Require(err, "making a client")
	return func(ctx context.Context, path, body string) access.Result {
		return access.Do(ctx, client, request(server+prefix+path, body))
	}
}

func request(url, body string) access.Request {
	q := access.Request{URL: url, Body: body}
	if body != "" {
		q.Method, q.Header = http.MethodPost, http.Header{"Content-Type": {"application/json"}}
	}
	return q
}

// curl returns the request for sh; before is a command whose output it reads.
func curl(path, body, server, options, before string) string {
	script := fmt.Sprintf(`%scurl --silent --show-error --max-time %d --write-out '%s' %s '%s%s'`, before, curlTime, access.CurlStatus, options, server, path)
	if body != "" {
		script += fmt.Sprintf(` --header 'Content-Type: application/json' --data '%s'`, body)
	}
	return script
}

// meet asks, and asserts that there is an answer.
func (w way) meet(ctx context.Context, env *harness.Env, what, path, body string) access.Result {
	ginkgo.GinkgoHelper()
	r := w.ask(ctx, path, body)
	hop := access.Blame(r, catalog.Reached)
	switch r.Outcome {
	case catalog.Refused, catalog.TimedOut:
		hop = w.serving
	case catalog.ServerError:
		hop = w.behind
	}
	return env.Meet(hop, w.name+" asks "+what, r, catalog.Reached)
}

// normal returns a list less what depends on when it was asked for.
func normal(r access.Result) []byte {
	ginkgo.GinkgoHelper()
	var list corev1.PodList
	Expect(r.Into(&list)).To(Succeed(), "a list of pods")
	list.ResourceVersion = ""
	raw, err := json.Marshal(list)
	Expect(err).NotTo(HaveOccurred())
	return raw
}

func expectUser(got authenticationv1.UserInfo, w way) {
	ginkgo.GinkgoHelper()
	Expect(got.Username).To(Equal(w.user.Username), "who %s is", w.name)
	Expect(got.Groups).To(ConsistOf(w.user.Groups), "the groups of %s", w.name)
}

// fromPod is whether a request came from the pod: its address, or that of its
// node where the network hides it.
func fromPod(ctx context.Context, env *harness.Env, sources []string, pod *corev1.Pod) bool {
	ginkgo.GinkgoHelper()
	nodes, err := env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	env.Require(err, "listing the nodes")
	inside := []string{pod.Status.PodIP}
	for _, n := range nodes.Items {
		for _, a := range n.Status.Addresses {
			inside = append(inside, a.Address)
		}
	}
	return slices.ContainsFunc(sources, func(s string) bool { return slices.Contains(inside, s) })
}

// callerPod returns the pod from which the API is asked.
func callerPod(env *harness.Env, account string) *corev1.Pod {
	pod := env.ClientPod("caller")
	pod.Spec.ServiceAccountName = account
	const empty = "no-credential"
	pod.Spec.Volumes = []corev1.Volume{{Name: empty, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	beside := env.ClientContainer(besideContainer, "sleep", "3600")
	// The cluster mounts nothing where a container mounts something itself.
	beside.VolumeMounts = []corev1.VolumeMount{{Name: empty, MountPath: credentialVolume}}
	pod.Spec.Containers = []corev1.Container{
		beside,
		env.ClientContainer(sidecarContainer, "kubectl", "proxy", fmt.Sprintf("--port=%d", sidecarPort)),
		env.ClientContainer(openContainer, "kubectl", "proxy", fmt.Sprintf("--port=%d", openPort), "--address=0.0.0.0", "--accept-hosts=.*"),
	}
	return pod
}
