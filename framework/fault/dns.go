package fault

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// dnsDeployment, dnsConfig and dnsService are what kubeadm and others call
	// the cluster's DNS, and dnsLabel selects its pods.
	dnsDeployment = "coredns"
	dnsConfig     = "coredns"
	dnsService    = "kube-dns"
	dnsLabel      = "k8s-app=kube-dns"
	corefile      = "Corefile"
	// keptAnnotation has what a fault has changed in an object, as it was.
	keptAnnotation = "inroads.dev/kept"
	// wrongAddress is what the API's name leads to: the loopback address of
	// whoever asks, where nothing listens.
	wrongAddress = "127.0.0.1"
)

var dnsFaults = []Fault{
	{
		Name: "dns-down", Hop: catalog.HopResolve, Scope: Cluster, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			if err := scaleDNS(ctx, s, func(int32) int32 { return 0 }); err != nil {
				return err
			}
			return restartDNS(ctx, s)
		},
		Took: func(ctx context.Context, s *Site) error { return dnsListens(ctx, s, false) },
		Heal: func(ctx context.Context, s *Site) error {
			return scaleDNS(ctx, s, func(was int32) int32 { return was })
		},
		Healed: dnsHealthy,
	},
	{
		Name: "dns-wrong", Hop: catalog.HopResolve, Scope: Cluster, Spares: throughout,
		Inject: misleadDNS,
		Took:   dnsHealthy,
		Heal:   correctDNS,
		Healed: dnsHealthy,
	},
}

// scaleDNS gives the cluster's DNS another number of replicas, which is made of
// the one that it had before the fault. That is kept until it has it again.
func scaleDNS(ctx context.Context, s *Site, replicas func(was int32) int32) error {
	deployments := s.Client.AppsV1().Deployments(metav1.NamespaceSystem)
	d, err := deployments.Get(ctx, dnsDeployment, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading deployment %q: %w", dnsDeployment, err)
	}
	was := *d.Spec.Replicas
	if text, kept := d.Annotations[keptAnnotation]; kept {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("reading the replicas that deployment %q had: %w", dnsDeployment, err)
		}
		was = int32(n)
	}
	want := replicas(was)
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	if d.Annotations[keptAnnotation] = strconv.Itoa(int(was)); want == was {
		delete(d.Annotations, keptAnnotation)
	}
	d.Spec.Replicas = &want
	if _, err := deployments.Update(ctx, d, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("scaling deployment %q to %d: %w", dnsDeployment, want, err)
	}
	return nil
}

// clusterZone finds the domain of the cluster in a Corefile.
var clusterZone = regexp.MustCompile(`\bkubernetes\s+([a-z0-9.-]+)`)

// misled returns a Corefile with which the API's name has another address.
func misled(corefile string) (string, error) {
	zone := clusterZone.FindStringSubmatch(corefile)
	before, after, block := strings.Cut(corefile, "{\n")
	if zone == nil || !block {
		return "", errors.New("reading the Corefile: it serves no cluster domain")
	}
	name := fmt.Sprintf("%s.%s.svc.%s", access.APIService, metav1.NamespaceDefault, strings.TrimSuffix(zone[1], "."))
	return fmt.Sprintf("%s{\n    hosts {\n        %s %s\n        fallthrough\n    }\n%s", before, wrongAddress, name, after), nil
}

// misleadDNS has the cluster's DNS give a wrong address for the API's name.
func misleadDNS(ctx context.Context, s *Site) error {
	config, err := s.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, dnsConfig, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading ConfigMap %q: %w", dnsConfig, err)
	}
	if _, kept := config.Annotations[keptAnnotation]; kept {
		return fmt.Errorf("changing ConfigMap %q: it has been changed by a fault that was not healed", dnsConfig)
	}
	wrong, err := misled(config.Data[corefile])
	if err != nil {
		return err
	}
	metav1.SetMetaDataAnnotation(&config.ObjectMeta, keptAnnotation, config.Data[corefile])
	config.Data[corefile] = wrong
	if err := updateDNSConfig(ctx, s, config); err != nil {
		return err
	}
	return restartDNS(ctx, s)
}

// correctDNS undoes misleadDNS. What was kept goes last, so that healing that is
// interrupted begins again.
func correctDNS(ctx context.Context, s *Site) error {
	config, err := s.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, dnsConfig, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading ConfigMap %q: %w", dnsConfig, err)
	}
	was, kept := config.Annotations[keptAnnotation]
	if !kept {
		return nil
	}
	config.Data[corefile] = was
	if err := updateDNSConfig(ctx, s, config); err != nil {
		return err
	}
	if err := restartDNS(ctx, s); err != nil {
		return err
	}
	forget := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, keptAnnotation)
	_, err = s.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Patch(ctx, dnsConfig, types.MergePatchType, forget, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("changing ConfigMap %q: %w", dnsConfig, err)
	}
	return nil
}

func updateDNSConfig(ctx context.Context, s *Site, config *corev1.ConfigMap) error {
	if _, err := s.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Update(ctx, config, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("changing ConfigMap %q: %w", dnsConfig, err)
	}
	return nil
}

// restartDNS ends the pods of the cluster's DNS and waits until they are gone.
// Left alone, one that ends serves on for a while, and one that runs looks at its
// configuration every half a minute.
func restartDNS(ctx context.Context, s *Site) error {
	pods := s.Client.CoreV1().Pods(metav1.NamespaceSystem)
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: dnsLabel})
	if err != nil {
		return fmt.Errorf("listing the pods of the cluster's DNS: %w", err)
	}
	soon, old := int64(1), sets.New[types.UID]()
	for _, p := range list.Items {
		old.Insert(p.UID)
		err := pods.Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &soon, Preconditions: metav1.NewUIDPreconditions(string(p.UID))})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("deleting pod %q: %w", p.Name, err)
		}
	}
	return poll.Until(ctx, "the pods of the cluster's DNS to be gone", pollTime, func(ctx context.Context) error {
		list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: dnsLabel})
		if err != nil {
			return fmt.Errorf("listing the pods of the cluster's DNS: %w", err)
		}
		i := slices.IndexFunc(list.Items, func(p corev1.Pod) bool { return old.Has(p.UID) })
		if i >= 0 {
			return fmt.Errorf("pod %q is still there", list.Items[i].Name)
		}
		return nil
	})
}

// dnsHealthy returns nil if the cluster is healthy and its DNS listens.
func dnsHealthy(ctx context.Context, s *Site) error {
	if err := healthy(ctx, s); err != nil {
		return err
	}
	return dnsListens(ctx, s, true)
}

// dnsListens returns nil if each node that can be entered reaches the cluster's
// DNS, or none does: kube-proxy learns of endpoints a moment after the API.
func dnsListens(ctx context.Context, s *Site, want bool) error {
	if s.Ref.Engine == "" {
		return nil
	}
	service, err := s.Client.CoreV1().Services(metav1.NamespaceSystem).Get(ctx, dnsService, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading service %q: %w", dnsService, err)
	}
	dial := fmt.Sprintf("timeout 2 bash -c ': </dev/tcp/%s/53' 2>/dev/null", service.Spec.ClusterIP)
	if !want {
		dial = "! " + dial
	}
	return onEach(ctx, s, everyNode(s), dial+"\n")
}
