package harness

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

const (
	// rootCA is the ConfigMap that each namespace gets.
	rootCA = "kube-root-ca.crt"
	// mountedToken begins the name of the volume that a pod gets by itself.
	mountedToken = "kube-api-access-"
	// kubernetesNamespace is the label that each namespace gets.
	kubernetesNamespace = "kubernetes.io/metadata.name"
)

// snapshot is what a spec has made in a namespace, as manifests without secrets.
type snapshot struct {
	namespace string
	// early comes before the pods are waited for, late after, when their addresses
	// are known.
	early, late []string
	// ready are pods that were ready, and without which the request is another.
	ready []string
	// addresses are those of pods and load balancers, which will be others.
	addresses []addressOfObject
	// secrets have data that is not kept.
	secrets []string
}

// addressOfObject is an address, and how to ask for that of its successor.
type addressOfObject struct{ address, kind, name, path string }

func takeSnapshot(ctx context.Context, client kubernetes.Interface, namespace string) (snapshot, error) {
	made := snapshot{namespace: namespace}
	ns, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return made, err
	}
	delete(ns.Labels, kubernetesNamespace)
	delete(ns.Labels, cluster.LabelRun)
	ns.Spec, ns.Status = corev1.NamespaceSpec{}, corev1.NamespaceStatus{}
	made.keep(&made.early, ns, &ns.ObjectMeta)
	for _, take := range []func(context.Context, kubernetes.Interface) error{made.accounts, made.stored, made.pods, made.services} {
		if err := take(ctx, client); err != nil {
			return made, err
		}
	}
	return made, nil
}

func (m *snapshot) accounts(ctx context.Context, client kubernetes.Interface) error {
	accounts, err := client.CoreV1().ServiceAccounts(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range accounts.Items {
		if o := &accounts.Items[i]; o.Name != defaultServiceAccount {
			m.keep(&m.early, o, &o.ObjectMeta)
		}
	}
	roles, err := client.RbacV1().Roles(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range roles.Items {
		m.keep(&m.early, &roles.Items[i], &roles.Items[i].ObjectMeta)
	}
	bindings, err := client.RbacV1().RoleBindings(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range bindings.Items {
		m.keep(&m.early, &bindings.Items[i], &bindings.Items[i].ObjectMeta)
	}
	return nil
}

func (m *snapshot) stored(ctx context.Context, client kubernetes.Interface) error {
	maps, err := client.CoreV1().ConfigMaps(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range maps.Items {
		if o := &maps.Items[i]; o.Name != rootCA {
			m.keep(&m.early, o, &o.ObjectMeta)
		}
	}
	secrets, err := client.CoreV1().Secrets(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range secrets.Items {
		o := &secrets.Items[i]
		o.Data = nil
		if o.Type != corev1.SecretTypeServiceAccountToken {
			m.secrets = append(m.secrets, o.Name)
			continue
		}
		delete(o.Annotations, corev1.ServiceAccountUIDKey)
		m.keep(&m.early, o, &o.ObjectMeta)
	}
	return nil
}

func (m *snapshot) pods(ctx context.Context, client kubernetes.Interface) error {
	pods, err := client.CoreV1().Pods(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range pods.Items {
		o := &pods.Items[i]
		if ready, _ := podReady(o); ready {
			m.ready = append(m.ready, o.Name)
		}
		m.addresses = append(m.addresses, addressOfObject{o.Status.PodIP, "pod", o.Name, ".status.podIP"})
		o.Status = corev1.PodStatus{}
		o.Spec.Priority, o.Spec.PreemptionPolicy = nil, nil
		var volumes []corev1.Volume
		for _, v := range o.Spec.Volumes {
			if !strings.HasPrefix(v.Name, mountedToken) {
				volumes = append(volumes, v)
			}
		}
		o.Spec.Volumes = volumes
		for _, containers := range [][]corev1.Container{o.Spec.Containers, o.Spec.InitContainers} {
			for j := range containers {
				var mounts []corev1.VolumeMount
				for _, v := range containers[j].VolumeMounts {
					if !strings.HasPrefix(v.Name, mountedToken) {
						mounts = append(mounts, v)
					}
				}
				containers[j].VolumeMounts = mounts
			}
		}
		m.keep(&m.early, o, &o.ObjectMeta)
	}
	return nil
}

func (m *snapshot) services(ctx context.Context, client kubernetes.Interface) error {
	services, err := client.CoreV1().Services(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range services.Items {
		o := &services.Items[i]
		for _, at := range o.Status.LoadBalancer.Ingress {
			m.addresses = append(m.addresses, addressOfObject{at.IP, "service", o.Name, ".status.loadBalancer.ingress[0].ip"})
		}
		o.Status = corev1.ServiceStatus{}
		m.keep(&m.late, o, &o.ObjectMeta)
	}
	slices, err := client.DiscoveryV1().EndpointSlices(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range slices.Items {
		o := &slices.Items[i]
		if o.Labels[discoveryv1.LabelManagedBy] == "" {
			m.keep(&m.late, o, &o.ObjectMeta)
		}
	}
	return nil
}

// keep adds the manifest of the object to the list.
func (m *snapshot) keep(to *[]string, object runtime.Object, meta *metav1.ObjectMeta) {
	kinds, _, err := scheme.Scheme.ObjectKinds(object)
	if err != nil {
		return
	}
	object.GetObjectKind().SetGroupVersionKind(kinds[0])
	*meta = metav1.ObjectMeta{Name: meta.Name, Namespace: meta.Namespace, Labels: meta.Labels, Annotations: meta.Annotations}
	delete(meta.Annotations, corev1.LastAppliedConfigAnnotation)
	raw, err := yaml.Marshal(object)
	if err == nil {
		*to = append(*to, string(raw))
	}
}

// write has the script make all of it, and take it away when it ends.
func (m *snapshot) write(s *script) {
	name := m.namespace
	s.line("\n# What the run had in its namespace, which is made for this and deleted after it.")
	s.line("kubectl wait --for=delete namespace/%s --timeout=90s >/dev/null", name)
	s.line("trap 'kubectl --kubeconfig \"$dir/config\" delete namespace %s --wait=false --ignore-not-found >/dev/null || true; leave' EXIT", strings.Join(s.namespaces(name), " "))
	apply := func(manifests []string) {
		if len(manifests) == 0 {
			return
		}
		manifest := s.word(strings.Join(manifests, "---\n"))
		s.line("printf %%s %s | kubectl create -f - >/dev/null || unable \"what the run had in its namespace cannot be made\"", manifest)
	}
	for _, part := range append([][]string{m.early[:1]}, m.early[1:]) {
		apply(part)
		if len(part) == 1 && part[0] == m.early[0] {
			s.line("kubectl wait --for=create serviceaccount/%s --namespace %s --timeout=30s >/dev/null", defaultServiceAccount, name)
		}
	}
	if len(m.ready) > 0 {
		s.line("kubectl wait --for=condition=Ready --namespace %s --timeout=60s pod/%s >/dev/null || unable %s", name, strings.Join(m.ready, " pod/"), s.word("not all of its pods get ready, as in the run they were"))
	}
	for i, a := range m.addresses {
		if a.address == "" {
			continue
		}
		s.variable(a.address, fmt.Sprintf("address%d_%d", len(s.made), i), fmt.Sprintf("$(kubectl get %s %s --namespace %s -o jsonpath='{%s}')", a.kind, a.name, name, a.path))
	}
	apply(m.late)
	for _, secret := range m.secrets {
		s.note(fmt.Sprintf("Secret %q of the run is not here, for what is in it is not kept.", secret))
	}
}

// namespaces notes one and returns all that the script makes.
func (s *script) namespaces(name string) []string {
	s.made = append(s.made, name)
	return s.made
}
