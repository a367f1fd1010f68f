package harness

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

const (
	// rootCA is the ConfigMap that each namespace gets.
	rootCA = "kube-root-ca.crt"
	// kubernetesNamespace is the label that each namespace gets.
	kubernetesNamespace = "kubernetes.io/metadata.name"
)

// snapshot is what a spec has made in a namespace, as manifests without secrets: as
// it asked for each object, and not as an admission policy changed that.
type snapshot struct {
	namespace string
	created   *created
	// early comes before the pods are waited for, late after, when their addresses
	// are known.
	early, late []string
	// ready are pods that were ready, and without which the request is another.
	ready []string
	// onNodes are pods in the network of their node, where they are met by whoever
	// looks there next.
	onNodes []string
	// addresses are those of pods and load balancers, which will be others.
	addresses []addressOfObject
	// pairs are Secrets with a certificate that nobody has signed, and its key, which
	// are as good anew. The data of secrets is not kept.
	pairs   []keyPair
	secrets []string
}

// keyPair is a Secret with a certificate, for a name and hosts, and its key.
type keyPair struct {
	secret, name string
	hosts        []string
}

// addressOfObject is an address, and how to ask for that of its successor.
type addressOfObject struct{ address, kind, name, path string }

func takeSnapshot(ctx context.Context, client kubernetes.Interface, namespace string, created *created) (snapshot, error) {
	made := snapshot{namespace: namespace, created: created}
	ns, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return made, err
	}
	delete(ns.Labels, kubernetesNamespace)
	delete(ns.Labels, cluster.LabelRun)
	ns.Spec = corev1.NamespaceSpec{}
	made.keep(&made.early, ns)
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
			m.keep(&m.early, o)
		}
	}
	roles, err := client.RbacV1().Roles(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range roles.Items {
		m.keep(&m.early, &roles.Items[i])
	}
	bindings, err := client.RbacV1().RoleBindings(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range bindings.Items {
		m.keep(&m.early, &bindings.Items[i])
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
			m.keep(&m.early, o)
		}
	}
	secrets, err := client.CoreV1().Secrets(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range secrets.Items {
		o := &secrets.Items[i]
		if o.Type == corev1.SecretTypeServiceAccountToken {
			delete(o.Annotations, corev1.ServiceAccountUIDKey)
			m.keep(&m.early, o)
		} else if pair, ok := selfSigned(o); ok {
			m.pairs = append(m.pairs, pair)
		} else {
			m.secrets = append(m.secrets, o.Name)
		}
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
		if o.Spec.HostNetwork {
			m.onNodes = append(m.onNodes, o.Name)
		}
		m.addresses = append(m.addresses, addressOfObject{o.Status.PodIP, "pod", o.Name, ".status.podIP"})
		m.keep(&m.early, o)
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
		m.keep(&m.late, o)
	}
	slices, err := client.DiscoveryV1().EndpointSlices(m.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range slices.Items {
		o := &slices.Items[i]
		if o.Labels[discoveryv1.LabelManagedBy] == "" {
			m.keep(&m.late, o)
		}
	}
	return nil
}

// selfSigned returns what the Secret is, and whether its certificate is one that
// nobody but its own key has signed.
func selfSigned(o *corev1.Secret) (keyPair, bool) {
	block, _ := pem.Decode(o.Data[corev1.TLSCertKey])
	if o.Type != corev1.SecretTypeTLS || block == nil {
		return keyPair{}, false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
		return keyPair{}, false
	}
	return keyPair{o.Name, cert.Subject.CommonName, cert.DNSNames}, true
}

// keep adds the manifest of the object to the list.
func (m *snapshot) keep(to *[]string, object runtime.Object) {
	now, err := meta.Accessor(object)
	if err != nil {
		return
	}
	made := m.created.of(now.GetUID())
	if bare(object) != nil {
		return
	}
	raw, err := json.Marshal(object)
	if err == nil && made != nil {
		// What cannot be told of is made as it is.
		if wanted, err := made.wanted(raw, m.namespace); err == nil {
			raw = wanted
		}
	}
	if err == nil {
		raw, err = yaml.JSONToYAML(raw)
	}
	if err == nil {
		*to = append(*to, string(raw))
	}
}

// wanted returns what the spec asked for, with what has changed since that was there
// by more than its admission: a pod has a node by now, and a spec may have changed
// what it has created.
func (m *made) wanted(now []byte, namespace string) ([]byte, error) {
	asked, err := decode(m.asked)
	if err != nil {
		return nil, err
	}
	got, err := decode(m.got)
	if err != nil {
		return nil, err
	}
	if service, ok := got.(*corev1.Service); ok {
		// The script asks at the addresses that the run has asked at.
		service.Spec.ClusterIP, service.Spec.ClusterIPs, service.Spec.HealthCheckNodePort = "", nil, 0
		for i := range service.Spec.Ports {
			service.Spec.Ports[i].NodePort = 0
		}
	}
	object, err := meta.Accessor(asked)
	if err != nil {
		return nil, err
	}
	object.SetNamespace(namespace)
	before, err := json.Marshal(got)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, now, got)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergePatch(raw, patch, got)
}

func decode(raw []byte) (runtime.Object, error) {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
	if err != nil {
		return nil, err
	}
	return object, bare(object)
}

// bare leaves of an object what one can ask for, but no data of a Secret.
func bare(object runtime.Object) error {
	kinds, _, err := scheme.Scheme.ObjectKinds(object)
	if err != nil {
		return err
	}
	object.GetObjectKind().SetGroupVersionKind(kinds[0])
	of, ok := object.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)
	if !ok {
		return fmt.Errorf("%s has metadata of its own sort", kinds[0].Kind)
	}
	*of = metav1.ObjectMeta{Name: of.Name, Namespace: of.Namespace, Labels: of.Labels, Annotations: of.Annotations}
	delete(of.Annotations, corev1.LastAppliedConfigAnnotation)
	switch o := object.(type) {
	case *corev1.Namespace:
		o.Status = corev1.NamespaceStatus{}
	case *corev1.Pod:
		// A pod is created without them.
		o.Spec.EphemeralContainers = nil
		o.Status = corev1.PodStatus{}
	case *corev1.Service:
		o.Status = corev1.ServiceStatus{}
	case *corev1.Secret:
		o.Data, o.StringData = nil, nil
	}
	return nil
}

// write has the script make all of it, and take it away when it ends.
func (m *snapshot) write(s *script) {
	name := m.namespace
	s.line("\n# What the run had in its namespace, which is made for this and deleted after it.")
	s.line("kubectl wait --for=delete namespace/%s --timeout=90s >/dev/null", name)
	if len(m.onNodes) > 0 {
		s.removals = append(s.removals, fmt.Sprintf(`kubectl --kubeconfig "$dir/config" delete pod %s --namespace %s --ignore-not-found --timeout=20s >/dev/null || true; `, strings.Join(m.onNodes, " "), name))
	}
	s.line("trap '%skubectl --kubeconfig \"$dir/config\" delete namespace %s --wait=false --ignore-not-found >/dev/null || true; leave' EXIT", strings.Join(s.removals, ""), strings.Join(s.namespaces(name), " "))
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
			for _, pair := range m.pairs {
				pair.write(s, name)
			}
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

// write has the script make a key, a certificate for the same names, and the Secret.
func (p keyPair) write(s *script, namespace string) {
	names := make([]string, 0, len(p.hosts))
	for _, host := range p.hosts {
		names = append(names, "DNS:"+host)
	}
	args := []string{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=" + p.name}
	if len(names) > 0 {
		args = append(args, "-addext", "subjectAltName="+strings.Join(names, ","))
	}
	s.line("\n# The run's own key and certificate are not kept; these are as good.")
	s.line("command -v openssl >/dev/null || unable \"there is no openssl, to make a certificate with\"")
	s.line(`%s -keyout "$dir/tls.key" -out "$dir/tls.crt" 2>/dev/null`, s.words(args...))
	s.line(`kubectl create secret tls %s --namespace %s --cert "$dir/tls.crt" --key "$dir/tls.key" >/dev/null`, p.secret, namespace)
}

// namespaces notes one and returns all that the script makes.
func (s *script) namespaces(name string) []string {
	s.made = append(s.made, name)
	return s.made
}
