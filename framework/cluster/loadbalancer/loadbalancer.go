// Package loadbalancer gives a cluster a provider of load balancers for Services:
// MetalLB, whose speakers answer for the addresses on the nodes' own network.
package loadbalancer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	manifest "github.com/inroads-k8s/inroads/fixtures/loadbalancer"
	"github.com/inroads-k8s/inroads/framework/poll"
)

// Names of MetalLB's own objects, and of those that Install adds.
const (
	Namespace = "metallb-system"
	// Controller is the Deployment that gives addresses, and Speaker the DaemonSet
	// that answers for them. The containers have the same names.
	Controller = "controller"
	Speaker    = "speaker"
	// PoolName is that of the IPAddressPool and of its L2Advertisement.
	PoolName = "inroads"

	group        = "metallb.io"
	version      = "v1beta1"
	groupVersion = group + "/" + version
	webhooks     = "metallb-webhook-configuration"
	// certificate is the Secret from which the controller serves its webhooks.
	certificate = "metallb-webhook-cert"
	// ControllerPods and SpeakerPods select pods.
	ControllerPods = "app=metallb,component=controller"
	SpeakerPods    = "app=metallb,component=speaker"
)

var (
	pools          = schema.GroupVersionResource{Group: group, Version: version, Resource: "ipaddresspools"}
	advertisements = schema.GroupVersionResource{Group: group, Version: version, Resource: "l2advertisements"}
	definitions    = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// pollTime is how often the webhooks are tried until they answer.
const pollTime = 200 * time.Millisecond

// Options say what to add to which cluster.
type Options struct {
	// Config is that of a user who may do all.
	Config *rest.Config
	// Images replace the manifest's images, by the name of the container; they are
	// on the nodes. None leaves the manifest's, for the nodes to pull.
	Images map[string]string
	// Pool has the addresses.
	Pool Pool
}

// Install adds the provider to a cluster that has none, and returns when a Service
// gets an address from it. The cluster is not put back after an error.
func Install(ctx context.Context, o Options) error {
	client, err := kubernetes.NewForConfig(o.Config)
	if err != nil {
		return fmt.Errorf("making a client for %q: %w", o.Config.Host, err)
	}
	objects, err := dynamic.NewForConfig(o.Config)
	if err != nil {
		return fmt.Errorf("making a client for %q: %w", o.Config.Host, err)
	}
	all, err := decode(manifest.Manifest, o.Images)
	if err != nil {
		return err
	}
	resources, err := restmapper.GetAPIGroupResources(client.Discovery())
	if err != nil {
		return fmt.Errorf("asking for the resources of the API: %w", err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(resources)
	for _, object := range all {
		if err := create(ctx, objects, mapper, object); err != nil {
			return err
		}
	}
	if err := wait(ctx, client, objects); err != nil {
		return err
	}
	return configure(ctx, objects, o.Pool)
}

// decode reads the manifest and puts the images into it. Pods then say by
// themselves every second whether they are ready, which the manifest has them do
// first after ten.
func decode(manifest []byte, images map[string]string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), len(manifest))
	for {
		u := &unstructured.Unstructured{}
		err := d.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err == nil && (u.GetKind() == "Deployment" || u.GetKind() == "DaemonSet") {
			err = adapt(u, images)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the manifest of MetalLB: %w", err)
		}
		all = append(all, u)
	}
}

func adapt(u *unstructured.Unstructured, images map[string]string) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(u.Object, path...)
	if err != nil {
		return err
	}
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok {
			return fmt.Errorf("%s %q has a container that is none", u.GetKind(), u.GetName())
		}
		if image := images[fmt.Sprint(container["name"])]; image != "" {
			container["image"], container["imagePullPolicy"] = image, "Never"
		} else if len(images) > 0 {
			return fmt.Errorf("%s %q has a container %q, for which there is no image", u.GetKind(), u.GetName(), container["name"])
		}
		if probe, ok := container["readinessProbe"].(map[string]any); ok {
			probe["initialDelaySeconds"], probe["periodSeconds"] = int64(0), int64(1)
		}
	}
	return unstructured.SetNestedSlice(u.Object, containers, path...)
}

func create(ctx context.Context, objects dynamic.Interface, mapper meta.RESTMapper, u *unstructured.Unstructured) error {
	kind := u.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err == nil {
		var of dynamic.ResourceInterface = objects.Resource(mapping.Resource)
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			of = objects.Resource(mapping.Resource).Namespace(u.GetNamespace())
		}
		_, err = of.Create(ctx, u, metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("creating %s %q: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

// wait watches until the provider runs and its webhooks have a certificate.
func wait(ctx context.Context, client kubernetes.Interface, objects dynamic.Interface) error {
	for _, r := range []schema.GroupVersionResource{pools, advertisements} {
		name := r.GroupResource().String()
		_, err := poll.ForObject[unstructured.Unstructured](ctx, "API of "+name, objects.Resource(definitions), name, established)
		if err != nil {
			return err
		}
	}
	// The controller fills the Secret that it has mounted, and waits to see that in
	// its volume, which the kubelet looks after once a minute. A new pod begins with
	// it.
	_, err := poll.ForObject(ctx, "the certificate of the webhooks", client.CoreV1().Secrets(Namespace), certificate, func(s *corev1.Secret) error {
		if len(s.Data["tls.crt"]) == 0 {
			return errors.New("it is empty")
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = client.CoreV1().Pods(Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: ControllerPods})
	if err != nil {
		return fmt.Errorf("restarting deployment %q: %w", Controller, err)
	}
	if _, err := poll.ForObject(ctx, "deployment "+Controller, client.AppsV1().Deployments(Namespace), Controller, controllerReady); err != nil {
		return err
	}
	if _, err := poll.ForObject(ctx, "daemon set "+Speaker, client.AppsV1().DaemonSets(Namespace), Speaker, speakerReady); err != nil {
		return err
	}
	_, err = poll.ForObject(ctx, "webhooks of MetalLB", client.AdmissionregistrationV1().ValidatingWebhookConfigurations(), webhooks, func(c *admissionv1.ValidatingWebhookConfiguration) error {
		for _, w := range c.Webhooks {
			if len(w.ClientConfig.CABundle) == 0 {
				return fmt.Errorf("webhook %q has no authority", w.Name)
			}
		}
		return nil
	})
	return err
}

func established(definition *unstructured.Unstructured) error {
	conditions, _, err := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == "Established" && condition["status"] == string(metav1.ConditionTrue) {
			return nil
		}
	}
	return errors.Join(err, errors.New("it is not established"))
}

func controllerReady(d *appsv1.Deployment) error {
	if d.Status.ObservedGeneration < d.Generation || d.Status.AvailableReplicas < 1 || d.Status.UnavailableReplicas > 0 {
		return fmt.Errorf("%d of its pods are available", d.Status.AvailableReplicas)
	}
	return nil
}

func speakerReady(d *appsv1.DaemonSet) error {
	if d.Status.ObservedGeneration < d.Generation || d.Status.DesiredNumberScheduled == 0 || d.Status.NumberReady < d.Status.DesiredNumberScheduled {
		return fmt.Errorf("%d of its %d pods are ready", d.Status.NumberReady, d.Status.DesiredNumberScheduled)
	}
	return nil
}

// Ready looks once and returns nil if the provider runs, and else what does not.
func Ready(ctx context.Context, client kubernetes.Interface) error {
	d, err := client.AppsV1().Deployments(Namespace).Get(ctx, Controller, metav1.GetOptions{})
	if err == nil {
		err = controllerReady(d)
	}
	if err != nil {
		return fmt.Errorf("deployment %q: %w", Controller, err)
	}
	set, err := client.AppsV1().DaemonSets(Namespace).Get(ctx, Speaker, metav1.GetOptions{})
	if err == nil {
		err = speakerReady(set)
	}
	if err != nil {
		return fmt.Errorf("daemon set %q: %w", Speaker, err)
	}
	return nil
}

// configure gives the provider its addresses. Until kube-proxy leads to them its
// webhooks do not answer, which the API server calls an internal error.
func configure(ctx context.Context, objects dynamic.Interface, pool Pool) error {
	for _, o := range []struct {
		of   schema.GroupVersionResource
		kind string
		spec map[string]any
	}{
		{pools, "IPAddressPool", map[string]any{"addresses": []any{pool.String()}}},
		{advertisements, "L2Advertisement", map[string]any{"ipAddressPools": []any{PoolName}}},
	} {
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": groupVersion, "kind": o.kind,
			"metadata": map[string]any{"name": PoolName, "namespace": Namespace}, "spec": o.spec,
		}}
		err := poll.Until(ctx, "the webhooks of MetalLB to take "+o.kind+" "+PoolName, pollTime, func(ctx context.Context) error {
			_, err := objects.Resource(o.of).Namespace(Namespace).Create(ctx, u, metav1.CreateOptions{})
			if err != nil && !apierrors.IsInternalError(err) {
				return poll.Permanent(err)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Addresses returns the range that the provider gives addresses of, as MetalLB and
// nftables write one.
func Addresses(ctx context.Context, config *rest.Config) (Pool, error) {
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return Pool{}, fmt.Errorf("making a client for %q: %w", config.Host, err)
	}
	u, err := objects.Resource(pools).Namespace(Namespace).Get(ctx, PoolName, metav1.GetOptions{})
	if err != nil {
		return Pool{}, fmt.Errorf("reading IPAddressPool %q: %w", PoolName, err)
	}
	ranges, _, err := unstructured.NestedStringSlice(u.Object, "spec", "addresses")
	if err == nil && len(ranges) != 1 {
		err = fmt.Errorf("it has %d ranges", len(ranges))
	}
	if err != nil {
		return Pool{}, fmt.Errorf("reading IPAddressPool %q: %w", PoolName, err)
	}
	from, to, _ := strings.Cut(ranges[0], "-")
	first, err := netip.ParseAddr(from)
	last, lastErr := netip.ParseAddr(to)
	if err := errors.Join(err, lastErr); err != nil {
		return Pool{}, fmt.Errorf("reading IPAddressPool %q: %w", PoolName, err)
	}
	return Pool{first, last}, nil
}

// AutoAssign says whether the pool gives addresses to Services that ask for none
// by name.
func AutoAssign(ctx context.Context, config *rest.Config, yes bool) error {
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client for %q: %w", config.Host, err)
	}
	patch := fmt.Appendf(nil, `{"spec":{"autoAssign":%t}}`, yes)
	_, err = objects.Resource(pools).Namespace(Namespace).Patch(ctx, PoolName, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("changing IPAddressPool %q: %w", PoolName, err)
	}
	return nil
}
