package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// ServerPort is the port on which a server pod speaks HTTP.
	ServerPort = 8080
	// LabelApp is the label by which Services select server pods.
	LabelApp = "app.kubernetes.io/name"
	// clientContainer is the container of a client pod.
	clientContainer = "client"
	serverContainer = "server"
	nobody          = int64(65534)
)

// ClientPod returns a pod whose one container has sh, curl, wget and kubectl and
// waits to be told what to run. Change it before RunPod as the claim needs.
func (e *Env) ClientPod(name string) *corev1.Pod { return clientPod(e.Cluster.Images, name) }

func clientPod(images cluster.Images, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{LabelManagedBy: ManagedBy}},
		Spec: corev1.PodSpec{
			SecurityContext: restrictedPod(), RestartPolicy: corev1.RestartPolicyNever,
			TerminationGracePeriodSeconds: new(int64),
			Containers:                    []corev1.Container{callingContainer(images, clientContainer, "sleep", "3600")},
		},
	}
}

// ClientContainer returns a container of the client image that runs a command.
func (e *Env) ClientContainer(name string, command ...string) corev1.Container {
	return callingContainer(e.Cluster.Images, name, command...)
}

func callingContainer(images cluster.Images, name string, command ...string) corev1.Container {
	return corev1.Container{
		Name: name, Image: images.Client, ImagePullPolicy: corev1.PullIfNotPresent,
		Command: command, SecurityContext: restrictedContainer(),
	}
}

// LibraryContainer returns a container of the image with client libraries, see
// catalog.LibraryImage, that runs a command.
func (e *Env) LibraryContainer(name string, command ...string) corev1.Container {
	c := e.ClientContainer(name, command...)
	c.Image = e.Cluster.Images.Library
	return c
}

// ServerPod returns a pod that runs agnhost with the arguments, labelled with
// its app for Services. Without arguments it is netexec on ServerPort, which
// answers /hostname with the name of the pod; it is ready once that port
// answers.
func (e *Env) ServerPod(name, app string, args ...string) *corev1.Pod {
	return serverPod(e.Cluster.Images, name, app, args...)
}

func serverPod(images cluster.Images, name, app string, args ...string) *corev1.Pod {
	var probe *corev1.Probe
	if len(args) == 0 {
		args = []string{"netexec", fmt.Sprintf("--http-port=%d", ServerPort)}
		probe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(ServerPort)}},
			PeriodSeconds: 1,
		}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{LabelManagedBy: ManagedBy, LabelApp: app}},
		Spec: corev1.PodSpec{
			SecurityContext: restrictedPod(), RestartPolicy: corev1.RestartPolicyNever,
			TerminationGracePeriodSeconds: new(int64),
			AutomountServiceAccountToken:  new(bool),
			Containers: []corev1.Container{{
				Name: serverContainer, Image: images.Server, ImagePullPolicy: corev1.PullIfNotPresent,
				Args: args, SecurityContext: restrictedContainer(), ReadinessProbe: probe,
			}},
		},
	}
}

// Service returns a Service of one unnamed port that selects the server pods of
// an app.
func (e *Env) Service(name, app string, ports ...corev1.ServicePort) *corev1.Service {
	return service(name, app, ports...)
}

func service(name, app string, ports ...corev1.ServicePort) *corev1.Service {
	if len(ports) == 0 {
		ports = []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(ServerPort)}}
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{LabelManagedBy: ManagedBy}},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{LabelApp: app}, Ports: ports},
	}
}

// RunPod creates the pod in the namespace that it names, or else in the spec's,
// and returns it once it is ready. A pod that does not come up makes the claim inconclusive: it was only
// to be the place from which to look.
func (e *Env) RunPod(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	ginkgo.GinkgoHelper()
	return e.WaitReady(ctx, e.CreatePod(ctx, pod))
}

// CreatePod creates the pod in the namespace that it names, or else in the
// spec's, and does not wait.
func (e *Env) CreatePod(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	ginkgo.GinkgoHelper()
	namespace := pod.Namespace
	if namespace == "" {
		namespace = e.Namespace(ctx)
	}
	e.checkPullable(pod)
	created, err := e.Client.CoreV1().Pods(namespace).Create(ctx, run.options.withPullSecret(pod), metav1.CreateOptions{})
	e.Require(err, "creating pod "+pod.Name)
	return created
}

// WaitReady returns the pod as it is once it is ready.
func (e *Env) WaitReady(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	ginkgo.GinkgoHelper()
	return e.WaitPod(ctx, pod, podReady)
}

// WaitPod returns the pod as it is once done says so; until then done says what
// is still missing.
func (e *Env) WaitPod(ctx context.Context, pod *corev1.Pod, done func(*corev1.Pod) (bool, string)) *corev1.Pod {
	ginkgo.GinkgoHelper()
	unpulled := ""
	seen, err := poll.ForObject(ctx, "pod "+pod.Name, e.Client.CoreV1().Pods(pod.Namespace), pod.Name, func(p *corev1.Pod) error {
		if unpulled = run.pulls.see(p); unpulled != "" {
			return nil
		}
		return lacking(done)(p)
	})
	e.Require(err, "running a pod")
	if unpulled != "" {
		e.Inconclusive(unpulled)
	}
	return seen
}

// lacking returns what is still missing as an error.
func lacking(done func(*corev1.Pod) (bool, string)) func(*corev1.Pod) error {
	return func(p *corev1.Pod) error {
		if ok, missing := done(p); !ok {
			return errors.New(missing)
		}
		return nil
	}
}

// CreateService creates the Service in the spec's namespace.
func (e *Env) CreateService(ctx context.Context, svc *corev1.Service) *corev1.Service {
	ginkgo.GinkgoHelper()
	created, err := e.Client.CoreV1().Services(e.Namespace(ctx)).Create(ctx, svc, metav1.CreateOptions{})
	e.Require(err, "creating Service "+svc.Name)
	return created
}

// InPod runs a shell script in the pod's first container, with sh -ec.
func (e *Env) InPod(ctx context.Context, pod *corev1.Pod, script string) access.Result {
	return e.InContainer(ctx, pod, pod.Spec.Containers[0].Name, script)
}

// EachInPod runs shell scripts in the pod's first container, each with sh -ec, all
// at the same time, and returns what each gave.
func (e *Env) EachInPod(ctx context.Context, pod *corev1.Pod, scripts ...string) []access.Result {
	return e.shellIn(pod, pod.Spec.Containers[0].Name).Scripts(ctx, scripts...)
}

// InContainer runs a shell script in a container of the pod, with sh -ec.
func (e *Env) InContainer(ctx context.Context, pod *corev1.Pod, container, script string) access.Result {
	return e.shellIn(pod, container).Script(ctx, script)
}

// shellIn returns the shell that the spec has in the container until it ends.
func (e *Env) shellIn(pod *corev1.Pod, container string) *access.InnerShell {
	c := access.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: container}
	e.shellsLock.Lock()
	defer e.shellsLock.Unlock()
	s := e.shells[c]
	if s == nil {
		s = access.NewInnerShell(c, e.Config, e.Client)
		e.shells[c] = s
	}
	return s
}

// leaveShells leaves the containers in which the spec has shells.
func (e *Env) leaveShells() {
	for _, s := range e.shells {
		s.Close()
	}
}

func podReady(p *corev1.Pod) (bool, string) {
	var why []string
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return true, ""
		}
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			why = append(why, fmt.Sprintf("%s: %s", c.Type, c.Message))
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			why = append(why, fmt.Sprintf("container %s: %s %s", c.Name, w.Reason, w.Message))
		}
		if t := c.State.Terminated; t != nil {
			why = append(why, fmt.Sprintf("container %s ended with exit code %d %s", c.Name, t.ExitCode, t.Message))
		}
	}
	return false, strings.TrimSpace(string(p.Status.Phase) + " " + strings.Join(why, "; "))
}

// restrictedPod and restrictedContainer are what Pod Security restricted asks.
func restrictedPod() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot: ptr(true), RunAsUser: ptr(nobody), RunAsGroup: ptr(nobody),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func restrictedContainer() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

func ptr[T any](v T) *T { return &v }
