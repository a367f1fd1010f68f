package pod

import (
	"context"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// documented is the page's script; the two assignments are lines of it.
	documented        = "pod-without-proxy"
	assignServer      = "APISERVER=" + byName
	assignVolume      = "SERVICEACCOUNT=" + volume
	otherVolume       = "/var/run/inroads"
	otherAudience     = "https://audience.invalid"
	otherName         = "kubernetes.invalid"
	otherVolumeName   = "other-audience"
	projectedLifetime = int64(600)

	// scriptTime bounds the script, in seconds; timeout then exits with
	// exitTimedOut.
	scriptTime   = 10
	exitTimedOut = 124
)

var _ = harness.Area(catalog.PathInPod, func() {
	harness.Prove("aap/without-proxy", func(ctx context.Context, env *harness.Env) {
		service, err := env.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, "kubernetes", metav1.GetOptions{})
		env.Require(err, "reading the Service kubernetes")
		pod := env.ClientPod(clientName)
		// A name that is not in the certificate, for the address that is behind
		// the documented one.
		pod.Spec.HostAliases = []corev1.HostAlias{{IP: service.Spec.ClusterIP, Hostnames: []string{otherName}}}
		pod.Spec.Volumes = append(pod.Spec.Volumes, otherAudienceVolume())
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: otherVolumeName, MountPath: otherVolume, ReadOnly: true})
		p := prober{env, env.RunPod(ctx, pod)}
		script := fixtures.Command(documented)

		ginkgo.By("the documented script prints the versions of the API")
		expectVersions(env, p.script(ctx, "the pod runs the documented script", script, catalog.Reached))

		ginkgo.By("with a token for another audience the API server knows nobody")
		p.script(ctx, "the pod runs it with a token for another audience", replace(env, script, assignVolume, "SERVICEACCOUNT="+otherVolume), catalog.Unauthorized)

		ginkgo.By("under another name curl does not trust the server")
		p.script(ctx, "the pod runs it with a name that the certificate lacks", replace(env, script, assignServer, "APISERVER=https://"+otherName), catalog.Untrusted)
	})
})

// script runs a documented script, whose curl waits for ever and exits 0 whatever
// the API server says: a time limit and the Status in the body tell.
func (p prober) script(ctx context.Context, what, script string, want catalog.Outcome) access.Result {
	container := access.Container{Namespace: p.pod.Namespace, Pod: p.pod.Name, Container: p.pod.Spec.Containers[0].Name}
	p.env.WalkFrom(p.pod, container.Container)
	r := container.Exec(ctx, p.env.Config, p.env.Client, "timeout", strconv.Itoa(scriptTime), "sh", "-ec", script)
	if status, own := access.APIStatus(r); own {
		r.Status = int(status.Code)
	}
	r = access.CurlOutcome(r)
	if r.Exit == exitTimedOut {
		r.Outcome = catalog.TimedOut
	}
	return meet(p.env, what, r, want)
}

// replace changes one line of a documented script.
func replace(env *harness.Env, script, line, by string) string {
	env.At(catalog.HopTool)
	Expect(strings.Count(script, line+"\n")).To(Equal(1), "the line %q of the documented script", line)
	return strings.Replace(script, line+"\n", by+"\n", 1)
}

// otherAudienceVolume is laid out as the volume that the cluster gives a pod,
// but for the audience of the token.
func otherAudienceVolume() corev1.Volume {
	return corev1.Volume{Name: otherVolumeName, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: otherAudience, ExpirationSeconds: ptr(projectedLifetime), Path: "token"}},
		{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: rootCAName}, Items: []corev1.KeyToPath{{Key: rootCAKey, Path: rootCAKey}}}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}}},
	}}}}
}
