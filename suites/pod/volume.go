package pod

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	initName      = "before"
	sidecarName   = "beside"
	ephemeralName = "debugger"
	rootCAName    = "kube-root-ca.crt"
	rootCAKey     = "ca.crt"

	// printClaims prints the middle part of the token, which says what the
	// token is and is worth nothing without the signature.
	printClaims = `cut -d. -f2 ` + tokenFile
	absent      = `test ! -e ` + volume
	// settleTime is how long a controller or an authorizer may take to see a
	// change; it is a matter of milliseconds.
	settleTime = 20 * time.Second
	pollTime   = 200 * time.Millisecond
)

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("aap/token-path", func(ctx context.Context, env *harness.Env) {
		quiet := env.ServiceAccount(ctx, "quiet")
		quiet.AutomountServiceAccountToken = new(bool)
		quiet, err := env.Client.CoreV1().ServiceAccounts(quiet.Namespace).Update(ctx, quiet, metav1.UpdateOptions{})
		env.Require(err, "turning automounting off")

		pod := env.ClientPod(clientName)
		sleep := pod.Spec.Containers[0].Command
		pod.Spec.Containers = append(pod.Spec.Containers, env.ClientContainer(sidecarName, sleep...))
		pod = env.CreatePod(ctx, pod)
		debugged := pod.DeepCopy()
		debugged.ResourceVersion = "" // the scheduler changes it meanwhile
		debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: ephemeral(env.ClientContainer(ephemeralName, sleep...))}}
		_, err = env.Client.CoreV1().Pods(debugged.Namespace).UpdateEphemeralContainers(ctx, debugged.Name, debugged, metav1.UpdateOptions{})
		env.Require(err, "adding an ephemeral container")
		obedient := env.CreatePod(ctx, podOf(env, "obedient", quiet.Name, nil))
		insistent := podOf(env, "insistent", quiet.Name, ptr(true))
		// Without a token it still ends well, for the pod to come up.
		insistent.Spec.InitContainers = []corev1.Container{env.ClientContainer(initName, "sh", "-c", printClaims+" || true")}
		insistent = env.CreatePod(ctx, insistent)
		refusing := env.CreatePod(ctx, podOf(env, "refusing", "", ptr(false)))

		ginkgo.By("each ordinary container has a token of the pod")
		p := prober{env, env.WaitReady(ctx, pod)}
		for _, c := range p.pod.Spec.Containers {
			r := env.Meet(catalog.HopMount, "container "+c.Name+" reads its token", env.InContainer(ctx, p.pod, c.Name, printClaims), catalog.Reached)
			expectPodToken(env, r.Stdout, p.pod)
		}

		ginkgo.By("an ephemeral container has none")
		env.WaitPod(ctx, debugged, ephemeralRuns)
		env.Meet(catalog.HopMount, "the ephemeral container looks for the folder", env.InContainer(ctx, p.pod, ephemeralName, absent), catalog.Reached)

		ginkgo.By("automountServiceAccountToken leaves it out")
		for _, pod := range []*corev1.Pod{obedient, refusing} {
			ready := prober{env, env.WaitReady(ctx, pod)}
			ready.run(ctx, catalog.HopMount, "pod "+pod.Name+" looks for its token", absent)
		}

		ginkgo.By("the pod's word counts, and an init container has a token too")
		env.WaitPod(ctx, insistent, initEnded)
		log, err := access.Container{Namespace: insistent.Namespace, Pod: insistent.Name, Container: initName}.Log(ctx, env.Client)
		env.Require(err, "reading what the init container printed")
		expectPodToken(env, log, insistent)
	})

	harness.Prove("aap/ca-path", func(ctx context.Context, env *harness.Env) {
		p := prober{env, env.RunPod(ctx, env.ClientPod(clientName))}
		configMaps := env.Client.CoreV1().ConfigMaps(p.pod.Namespace)
		published, err := configMaps.Get(ctx, rootCAName, metav1.GetOptions{})
		env.Require(err, "reading the ConfigMap "+rootCAName)
		bundle := published.Data[rootCAKey]

		ginkgo.By("the file is the published bundle, and verifies the API server")
		file := p.run(ctx, catalog.HopMount, "the pod reads its bundle", "cat "+caFile)
		Expect(file).To(Equal(bundle), "the file and the ConfigMap "+rootCAName)
		p.meet(ctx, "the pod asks with the bundle", request{path: apiPath}, catalog.Reached)

		ginkgo.By("without it the server is not trusted")
		p.meet(ctx, "the pod asks without the bundle", request{path: apiPath, distrustful: true}, catalog.Untrusted)

		ginkgo.By("a changed ConfigMap is put right")
		published.Data = map[string]string{rootCAKey: "changed"}
		_, err = configMaps.Update(ctx, published, metav1.UpdateOptions{})
		env.Require(err, "changing the ConfigMap "+rootCAName)
		env.At(catalog.HopController)
		Eventually(ctx, func(ctx context.Context) (string, error) {
			now, err := configMaps.Get(ctx, rootCAName, metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			return now.Data[rootCAKey], nil
		}).WithTimeout(settleTime).WithPolling(pollTime).Should(Equal(bundle), "the ConfigMap "+rootCAName+" after it was changed")
	})

	harness.Prove("aap/namespace-path", func(ctx context.Context, env *harness.Env) {
		first, second := env.ClientPod("first"), env.ClientPod("second")
		first.Namespace, second.Namespace = env.Namespace(ctx), env.NewNamespace(ctx)
		first, second = env.CreatePod(ctx, first), env.CreatePod(ctx, second)
		for _, pod := range []*corev1.Pod{first, second} {
			p := prober{env, env.WaitReady(ctx, pod)}
			file := p.run(ctx, catalog.HopMount, "pod "+pod.Name+" reads its namespace", "cat "+namespaceFile)
			Expect(file).To(Equal(pod.Namespace), "the file and the namespace of pod "+pod.Name)
		}
	})

	harness.Prove("aap/sa-credentials-used", func(ctx context.Context, env *harness.Env) {
		reader, stranger := env.ServiceAccount(ctx, "reader"), env.ServiceAccount(ctx, "stranger")
		binding := env.Grant(ctx, reader, listPods)
		readers := env.CreatePod(ctx, podOf(env, reader.Name, reader.Name, nil))
		strangers := env.CreatePod(ctx, podOf(env, stranger.Name, stranger.Name, nil))
		pods := request{path: podsPath(reader.Namespace)}

		ginkgo.By("each pod is its own ServiceAccount")
		p, other := prober{env, env.WaitReady(ctx, readers)}, prober{env, env.WaitReady(ctx, strangers)}
		for _, each := range []prober{p, other} {
			who := each.whoami(ctx, request{})
			env.At(catalog.HopAuthn)
			Expect(who.Username).To(Equal(userName(each.pod.Namespace, each.pod.Name)), "the ServiceAccount of the pod has its name")
			expectBound(env, who, each.pod)
		}

		ginkgo.By("and may do what its ServiceAccount may")
		p.meet(ctx, "the pod whose ServiceAccount may list pods lists them", pods, catalog.Reached)
		other.meet(ctx, "the pod whose ServiceAccount may not lists them", pods, catalog.Forbidden)

		ginkgo.By("until its RoleBinding is removed")
		env.Require(env.Client.RbacV1().RoleBindings(binding.Namespace).Delete(ctx, binding.Name, metav1.DeleteOptions{}), "deleting the RoleBinding")
		env.At(catalog.HopAuthz)
		Eventually(ctx, func(ctx context.Context) catalog.Outcome {
			return access.ReadCurl(env.InPod(ctx, p.pod, pods.script())).Outcome
		}).WithTimeout(settleTime).WithPolling(pollTime).Should(Equal(catalog.Forbidden), "what the pod may do after its RoleBinding is gone")
	})
})

// listPods is the right that specs grant and take away.
var listPods = rbacv1.PolicyRule{APIGroups: []string{corev1.GroupName}, Resources: []string{"pods"}, Verbs: []string{"list"}}

func podsPath(namespace string) string { return "/api/v1/namespaces/" + namespace + "/pods" }

// podOf returns a client pod of a ServiceAccount, "" for the default one, with
// its word on automounting, nil for none.
func podOf(env *harness.Env, name, account string, automount *bool) *corev1.Pod {
	pod := env.ClientPod(name)
	pod.Spec.ServiceAccountName, pod.Spec.AutomountServiceAccountToken = account, automount
	return pod
}

// expectPodToken asserts that the middle part of a token says that it is of the
// pod and expires.
func expectPodToken(env *harness.Env, part string, pod *corev1.Pod) {
	ginkgo.GinkgoHelper()
	env.At(catalog.HopMount)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(part))
	Expect(err).NotTo(HaveOccurred(), "the middle part of a token")
	var claims struct {
		Subject    string   `json:"sub"`
		Audience   []string `json:"aud"`
		Expires    int64    `json:"exp"`
		Kubernetes struct {
			Pod struct {
				UID string `json:"uid"`
			} `json:"pod"`
		} `json:"kubernetes.io"`
	}
	Expect(json.Unmarshal(raw, &claims)).To(Succeed(), "the claims of a token: %q", raw)
	Expect(claims.Subject).To(Equal(userName(pod.Namespace, pod.Spec.ServiceAccountName)), "whose token it is")
	Expect(claims.Kubernetes.Pod.UID).To(Equal(string(pod.UID)), "the pod that the token is bound to")
	Expect(claims.Audience).NotTo(BeEmpty(), "the audience of the token")
	Expect(time.Unix(claims.Expires, 0)).To(BeTemporally(">", time.Now()), "when the token expires")
}

// ephemeral returns the container as one that is added to a running pod.
func ephemeral(c corev1.Container) corev1.EphemeralContainerCommon {
	return corev1.EphemeralContainerCommon{
		Name: c.Name, Image: c.Image, ImagePullPolicy: c.ImagePullPolicy, Command: c.Command, SecurityContext: c.SecurityContext,
	}
}

func initEnded(pod *corev1.Pod) (bool, string) {
	return anyIs(pod.Status.InitContainerStatuses, func(s corev1.ContainerState) bool { return s.Terminated != nil }, "no init container has ended")
}

func ephemeralRuns(pod *corev1.Pod) (bool, string) {
	return anyIs(pod.Status.EphemeralContainerStatuses, func(s corev1.ContainerState) bool { return s.Running != nil }, "no ephemeral container runs")
}

// anyIs is whether one of the containers is in the state, or why not.
func anyIs(statuses []corev1.ContainerStatus, is func(corev1.ContainerState) bool, none string) (bool, string) {
	for _, c := range statuses {
		if is(c.State) {
			return true, ""
		}
		if c.State.Waiting != nil {
			return false, c.State.Waiting.Reason + " " + c.State.Waiting.Message
		}
	}
	return false, none
}

func ptr[T any](v T) *T { return &v }
