package pod

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// What agnhost's inclusterclient, a program of client-go's in-cluster
// configuration, prints: a line before each request, the salted hash of its
// Authorization header, and a line for each request that failed.
const (
	inClusterClient = "inclusterclient"
	saysAsking      = "calling /healthz"
	saysHeader      = "authz_header="
	saysFailed      = "status=failed"
	saysError       = "error checking /healthz"
	saysFatal       = " err: "
	everySecond     = "--poll-interval=1"

	// inClusterProgram is the program of fixtures/clients that asks nobody.
	inClusterProgram = "incluster.go"

	// answerTime is how long the program is waited for before its way is walked, and
	// again each time that this finds nothing broken, until the program gives up by
	// itself.
	answerTime   = 5 * time.Second
	givesUpAfter = 30 * time.Second

	// hashHeader prints the same hash of the header that the pod's token makes,
	// in hexadecimal.
	hashHeader = `token=$(cat ` + tokenFile + `); printf 'salt|Bearer %s' "$token" | sha256sum | cut -d' ' -f1`
)

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("aap/client-libs-easiest", func(ctx context.Context, env *harness.Env) {
		// One pod with the program and a container to look into; one in which
		// the program is alone and knows no address.
		pod := env.ClientPod("inside")
		pod.Spec.Containers = append(pod.Spec.Containers, inCluster(env))
		pod = env.CreatePod(ctx, pod)
		lost := env.ClientPod("lost")
		lost.Spec.Containers = []corev1.Container{inCluster(env)}
		lost.Spec.Containers[0].Env = []corev1.EnvVar{{Name: envHost}}
		lost = env.CreatePod(ctx, lost)

		ginkgo.By("the client library asks the API server with the pod's token")
		asksInCluster(ctx, env, pod)

		ginkgo.By("and says that it is not in a cluster when the environment names none")
		lost = env.WaitPod(ctx, lost, ended)
		out, err := access.Container{Namespace: lost.Namespace, Pod: lost.Name, Container: inClusterClient}.Log(ctx, env.Client)
		env.Require(err, "reading what the program printed")
		env.At(catalog.HopTool)
		Expect(lost.Status.Phase).To(Equal(corev1.PodFailed), "the pod without an address")
		Expect(out).To(ContainSubstring(rest.ErrNotInCluster.Error()), "what the program says without an address")
	})

	harness.Prove("go-client/pod-see-next", func(ctx context.Context, env *harness.Env) {
		pod := env.ClientPod("inside")
		pod.Spec.Containers = append(pod.Spec.Containers, inCluster(env))
		asksInCluster(ctx, env, env.CreatePod(ctx, pod))

		r := env.Saw(catalog.HopTool, "a program with the same configuration runs outside", env.RunGoProgram(ctx, env.Host, inClusterProgram))
		Expect(r.Outcome).NotTo(Equal(catalog.Reached), "the configuration of a pod outside")
		Expect(r.Stderr).To(ContainSubstring(rest.ErrNotInCluster.Error()), "what the program says outside")
	})
})

// asksInCluster asserts that the program asks the API server from the pod, with
// the pod's token.
func asksInCluster(ctx context.Context, env *harness.Env, pod *corev1.Pod) {
	ginkgo.GinkgoHelper()
	p := prober{env, env.WaitPod(ctx, pod, started)}
	env.WalkFrom(p.pod, p.pod.Spec.Containers[0].Name)
	program := access.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: inClusterClient}
	var lines []string
	var err error
	patient, cancel := context.WithTimeout(ctx, givesUpAfter)
	defer cancel()
	late := true
	// A busy node is slow, which is no hop that broke.
	for broken := false; late && !broken && patient.Err() == nil; broken = late && env.WayBroken() {
		lines, late, err = follow(patient, env, program)
	}
	log := strings.Join(lines, "\n")
	said := complaint(log)
	if late {
		said.Outcome = catalog.TimedOut
	}
	env.Blame(blame(said, catalog.Reached), said, catalog.Reached)
	Expect(err).NotTo(HaveOccurred(), "the program asks the API server")
	Expect(log).NotTo(ContainSubstring(saysFailed), "what the program says of its request")
	sum := strings.TrimSpace(p.run(ctx, catalog.HopMount, "the pod hashes the header that its token makes", hashHeader))
	want, err := hex.DecodeString(sum)
	env.Require(err, "reading the hash of the token")
	env.At(catalog.HopAuthn)
	Expect(log).To(ContainSubstring(saysHeader+base64.RawURLEncoding.EncodeToString(want)), "the header that the program sent is that of the pod's token")
}

// follow reads what the program prints until it has its first answer, or for
// answerTime, and then it is late.
func follow(ctx context.Context, env *harness.Env, program access.Container) (lines []string, late bool, err error) {
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	lines, err = program.FollowLog(asking, env.Client, askedOnce)
	return lines, asking.Err() != nil, err
}

// inCluster returns the container of the program.
func inCluster(env *harness.Env) corev1.Container {
	c := env.ServerPod(inClusterClient, inClusterClient, inClusterClient, everySecond).Spec.Containers[0]
	c.Name = inClusterClient
	return c
}

// complaint returns what the program's first complaint tells of its request.
func complaint(log string) access.Result {
	_, text, found := strings.Cut(log, saysError)
	if !found {
		_, text, _ = strings.Cut(log, saysFatal)
	}
	return access.Result{Outcome: access.OutcomeOf(text), Stderr: text}
}

// askedOnce is whether the program has an answer to its first request: it says
// that one failed, or it makes the next.
func askedOnce(lines []string) bool {
	last := lines[len(lines)-1]
	return strings.Contains(last, saysError) || strings.Contains(last, saysAsking) && strings.Count(strings.Join(lines, "\n"), saysAsking) > 1
}

// started is whether each container runs or has ended, which the program does at
// once when it finds no configuration.
func started(pod *corev1.Pod) (bool, string) {
	if len(pod.Status.ContainerStatuses) < len(pod.Spec.Containers) {
		return false, string(pod.Status.Phase)
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running == nil && c.State.Terminated == nil {
			return false, "container " + c.Name + " has not started"
		}
	}
	return true, ""
}

func ended(pod *corev1.Pod) (bool, string) {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded, string(pod.Status.Phase)
}
