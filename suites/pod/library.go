package pod

import (
	"context"
	"fmt"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/fixtures/clients"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// The containers in which a library runs, beside one from which to look: with
	// what the cluster gives a pod, with another authority in its place, and with a
	// token for another audience.
	libraryName     = "library"
	distrustingName = "distrusting"
	strangerName    = "stranger"

	readerName         = "reader"
	otherAuthorityName = "other-authority"
	authorityNote      = "inroads.example/authority"

	inClusterFlag = "--in-cluster"
	saysForbidden = "ApiException 403"
	saysUnknown   = "ApiException 401"

	// libraryTime bounds a call of a program, in seconds: it would wait for an
	// answer without end, and on a busy machine takes long to load. lateExit is the
	// exit code of one that takes longer.
	libraryTime = 45
	lateExit    = 124
)

// library is a client library whose program of fixtures/clients runs in a pod.
type library struct {
	name string
	// program is the text of the program, which a container has in a variable, and
	// command begins the one that runs it.
	program []byte
	command string
	// outside runs the same program on this machine, where it says lost.
	outside func(ctx context.Context, env *harness.Env, args ...string) access.Result
	lost    string
}

var (
	python = library{
		name: "the Python client", program: clients.Read(clients.Python, "client.py"), command: `python3 -c "$` + access.EnvProgram + `"`,
		outside: func(ctx context.Context, env *harness.Env, args ...string) access.Result {
			return env.RunPython(ctx, env.Host, "client.py", args...)
		},
		lost: "ConfigException: Service host/port is not set",
	}
	javaScript = library{
		name: "the JavaScript client", program: clients.Read(clients.JavaScript, "client.mjs"), command: `node --input-type=module -e "$` + access.EnvProgram + `" --`,
		outside: func(ctx context.Context, env *harness.Env, args ...string) access.Result {
			return env.RunNode(ctx, env.Host, "client.mjs", args...)
		},
		lost: "https://undefined:undefined",
	}
)

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("py-client/in-pod", python.inPod)
	harness.Prove("js-client/in-pod", javaScript.inPod)
})

// inPod asserts that the library makes of what the cluster gives a pod what there
// is to make of it.
func (l library) inPod(ctx context.Context, env *harness.Env) {
	reader := env.ServiceAccount(ctx, readerName)
	env.Grant(ctx, reader, listPods)
	pod := env.RunPod(ctx, l.pod(ctx, env, reader.Name))

	ginkgo.By("it finds the API server, trusts it and is the pod's ServiceAccount")
	r := l.meet(ctx, env, pod, libraryName, pod.Namespace, "lists the pods of its namespace", catalog.Reached)
	user, pods := access.Listed(r)
	env.At(catalog.HopAuthn)
	Expect(user).To(Equal(userName(pod.Namespace, reader.Name)), "whom the API server takes %s for", l.name)
	env.At(catalog.HopTool)
	Expect(pods).To(ConsistOf(pod.Name), "the pods that %s lists", l.name)

	ginkgo.By("it may do what that may")
	r = l.meet(ctx, env, pod, libraryName, metav1.NamespaceDefault, "lists the pods of another namespace", catalog.Forbidden)
	l.says(env, r, saysForbidden)

	ginkgo.By("it does not trust a server of another authority, and a token for another audience is nobody's")
	l.meet(ctx, env, pod, distrustingName, pod.Namespace, "asks with another authority in its volume", catalog.Untrusted)
	r = l.meet(ctx, env, pod, strangerName, pod.Namespace, "asks with a token for another audience in its volume", catalog.Unauthorized)
	l.says(env, r, saysUnknown)

	ginkgo.By("outside it finds no cluster that it is in")
	r = env.Saw(catalog.HopTool, l.name+" runs the same program outside", l.outside(ctx, env, inClusterFlag, pod.Namespace))
	Expect(r.Outcome).NotTo(Equal(catalog.Reached), "the program outside")
	l.says(env, r, l.lost)
}

// meet runs the program in a container and asserts the outcome.
func (l library) meet(ctx context.Context, env *harness.Env, pod *corev1.Pod, container, namespace, what string, want catalog.Outcome) access.Result {
	ginkgo.GinkgoHelper()
	env.WalkFrom(pod, clientName)
	r := env.InContainer(ctx, pod, container, fmt.Sprintf("timeout %d %s %s %s", libraryTime, l.command, inClusterFlag, namespace))
	if r.Exit == lateExit {
		r.Outcome = catalog.TimedOut
		beside := access.ReadCurl(env.InContainer(ctx, pod, clientName, request{path: apiPath}.script()))
		if beside.Outcome == catalog.Reached {
			env.Inconclusive(fmt.Sprintf("%s %s: no answer in %d s, and curl beside it has one", l.name, what, libraryTime))
		}
	}
	return meet(env, l.name+" "+what, r, want)
}

// says asserts what the program says of why it ends.
func (l library) says(env *harness.Env, r access.Result, words string) {
	ginkgo.GinkgoHelper()
	env.At(catalog.HopTool)
	Expect(r.Stderr).To(ContainSubstring(words), "what %s says", l.name)
}

// pod returns the pod in which the program runs, of a ServiceAccount.
func (l library) pod(ctx context.Context, env *harness.Env, account string) *corev1.Pod {
	pod := podOf(env, clientName, account, nil)
	pod.Annotations = map[string]string{authorityNote: string(env.OtherAuthority(ctx))}
	pod.Spec.Volumes = []corev1.Volume{otherAuthorityVolume(), otherAudienceVolume()}
	pod.Spec.Containers = append(pod.Spec.Containers, l.container(env, libraryName))
	for i, name := range []string{distrustingName, strangerName} {
		c := l.container(env, name)
		// The cluster gives a container nothing where it has a volume of its own.
		c.VolumeMounts = []corev1.VolumeMount{{Name: pod.Spec.Volumes[i].Name, MountPath: volume, ReadOnly: true}}
		pod.Spec.Containers = append(pod.Spec.Containers, c)
	}
	return pod
}

// container returns a container that waits to run the program.
func (l library) container(env *harness.Env, name string) corev1.Container {
	c := env.LibraryContainer(name, "sleep", "3600")
	c.Env = []corev1.EnvVar{{Name: access.EnvProgram, Value: string(l.program)}}
	return c
}

// otherAuthorityVolume has a token of the pod, and the authority of the pod's
// annotation.
func otherAuthorityVolume() corev1.Volume {
	return corev1.Volume{Name: otherAuthorityName, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: ptr(projectedLifetime), Path: "token"}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: rootCAKey, FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + authorityNote + "']"}}}}},
	}}}}
}
