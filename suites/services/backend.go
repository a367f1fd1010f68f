package services

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// The backend speaks HTTP on one port and HTTPS, and nothing else, on
	// another; the Service names them.
	backendName = "backend"
	portHTTP    = "http"
	portHTTPS   = "https"
	plainPort   = int32(harness.ServerPort)
	tlsPort     = int32(8443)
	servicePort = int32(80)
	serviceTLS  = int32(443)
	// closedPort is one that the backend does not listen on.
	closedPort = int32(8444)

	tlsContainer = "tls"
	keyVolume    = "keypair"
	keyFolder    = "/etc/keypair"
	keyMode      = int32(0o400)

	// hostname makes the backend say the name of its pod, and healthy is a path
	// of the kubelet.
	hostname = "/hostname"
	healthy  = "/healthz"
)

// backend is a pod that speaks HTTP and HTTPS, and the Services of it.
type backend struct {
	pod *corev1.Pod
	// both has both ports, named; plain and tls have one unnamed port each.
	both, plain, tls *corev1.Service
}

// newBackend runs the backend and waits until the API server can proxy to it.
func newBackend(ctx context.Context, env *harness.Env) backend {
	overHTTP := corev1.ServicePort{Port: servicePort, TargetPort: intstr.FromInt32(plainPort)}
	overHTTPS := corev1.ServicePort{Port: serviceTLS, TargetPort: intstr.FromInt32(tlsPort), AppProtocol: ptr(portHTTPS)}
	b := backend{
		plain: env.CreateService(ctx, env.Service("plain", backendName, overHTTP)),
		tls:   env.CreateService(ctx, env.Service("secure", backendName, overHTTPS)),
	}
	overHTTP.Name, overHTTPS.Name = portHTTP, portHTTPS
	b.both = env.CreateService(ctx, env.Service(backendName, backendName, overHTTP, overHTTPS))
	b.pod = newBackendPod(ctx, env)
	for _, svc := range []*corev1.Service{b.plain, b.tls, b.both} {
		waitEndpoints(ctx, env, svc, 1)
	}
	return b
}

// newBackendPod runs the pod of the backend.
func newBackendPod(ctx context.Context, env *harness.Env) *corev1.Pod {
	pod := env.ServerPod(backendName, backendName)
	server := &pod.Spec.Containers[0]
	server.Ports = []corev1.ContainerPort{{ContainerPort: plainPort}}
	// The key is for its owner alone, which the group of the pod makes the
	// kubelet widen to the group.
	pod.Spec.SecurityContext.FSGroup = pod.Spec.SecurityContext.RunAsGroup
	pod.Spec.Volumes = []corev1.Volume{{Name: keyVolume, VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: newKeyPair(ctx, env), DefaultMode: ptr(keyMode)},
	}}}
	secure := env.ServerPod(backendName, backendName, "netexec", fmt.Sprintf("--http-port=%d", tlsPort), "--udp-port=-1",
		"--tls-cert-file="+keyFolder+"/"+corev1.TLSCertKey, "--tls-private-key-file="+keyFolder+"/"+corev1.TLSPrivateKeyKey).Spec.Containers[0]
	secure.Name = tlsContainer
	secure.VolumeMounts = []corev1.VolumeMount{{Name: keyVolume, MountPath: keyFolder, ReadOnly: true}}
	secure.ReadinessProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(tlsPort)}},
		PeriodSeconds: 1,
	}
	pod.Spec.Containers = append(pod.Spec.Containers, secure)
	return env.RunPod(ctx, pod)
}

// waitEndpoints waits until the Service has n ready endpoints, at least one, and
// until the API server's proxy knows of one.
func waitEndpoints(ctx context.Context, env *harness.Env, svc *corev1.Service, n int) {
	env.At(catalog.HopEndpoint)
	Expect(env.WaitEndpoints(ctx, svc, n)).To(Succeed(), "the endpoints of Service %q, whose pods are ready", svc.Name)
	c := user(env, catalog.HopBackend)
	path := servicePath(svc, fmt.Sprintf("%s:%d", svc.Name, svc.Spec.Ports[0].Port), hostname)
	// Who waits for an answer in vain waits for an endpoint's.
	Eventually(ctx, func(ctx context.Context) bool { return access.NoEndpoints(c.getWithin(ctx, askTime, path)) }).
		WithTimeout(settleTime).WithPolling(pollTime).Should(BeFalse(), "the API server knows of no endpoint of Service %q", svc.Name)
}

// servicePath is the path of the API server's proxy to a Service, by an id of it.
func servicePath(svc *corev1.Service, id, suffix string) string {
	return access.ServiceProxyPath(svc.Namespace, id, suffix)
}

// podPath is the path of the API server's proxy to a pod, by an id of it.
func podPath(pod *corev1.Pod, id, suffix string) string {
	return access.PodProxyPath(pod.Namespace, id, suffix)
}

// echo is a path at which the backend answers with a status and a text.
func echo(status int, text string) string {
	return fmt.Sprintf("/echo?code=%d&msg=%s", status, text)
}

// overloaded is a backend's own 503.
var overloaded = echo(http.StatusServiceUnavailable, "overloaded")

// newKeyPair stores a self-signed certificate, which nobody has reason to trust,
// and its key in a Secret, and returns the name of that.
func newKeyPair(ctx context.Context, env *harness.Env) string {
	cert, key, err := access.SelfSigned(pkix.Name{CommonName: backendName}, x509.ExtKeyUsageServerAuth, backendName)
	env.Require(err, "making a key pair")
	secret, err := env.Client.CoreV1().Secrets(env.Namespace(ctx)).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: backendName, Labels: map[string]string{harness.LabelManagedBy: harness.ManagedBy}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: []byte(key.Reveal())},
	}, metav1.CreateOptions{})
	env.Require(err, "storing the key pair")
	return secret.Name
}

func ptr[T any](v T) *T { return &v }
