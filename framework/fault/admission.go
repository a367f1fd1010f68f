package fault

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

const (
	// rootCAName is the ConfigMap in which each namespace has the authority.
	rootCAName = "kube-root-ca.crt"
	// triedName is the name of what is made in a dry run.
	triedName = "inroads-try"
)

// written is a kind of object that a policy changes when it is written.
type written struct {
	group, resource string
	operations      []admissionv1.OperationType
	// try makes such an object in a dry run and returns what became of it.
	try func(ctx context.Context, c kubernetes.Interface, namespace string) (metav1.Object, error)
}

var (
	creating = []admissionv1.OperationType{admissionv1.Create}
	writing  = []admissionv1.OperationType{admissionv1.Create, admissionv1.Update}
	dryRun   = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
)

var (
	createdPods = written{corev1.GroupName, "pods", creating, func(ctx context.Context, c kubernetes.Interface, namespace string) (metav1.Object, error) {
		return c.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: triedName}, Spec: unscheduled("")}, dryRun)
	}}
	createdServices = written{corev1.GroupName, "services", creating, func(ctx context.Context, c kubernetes.Interface, namespace string) (metav1.Object, error) {
		return c.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: triedName},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{noneLabel: triedName}, Ports: []corev1.ServicePort{{Port: unservedPort}}},
		}, dryRun)
	}}
	createdAccounts = written{corev1.GroupName, "serviceaccounts", creating, func(ctx context.Context, c kubernetes.Interface, namespace string) (metav1.Object, error) {
		return c.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: triedName}}, dryRun)
	}}
	writtenConfigMaps = written{corev1.GroupName, "configmaps", writing, func(ctx context.Context, c kubernetes.Interface, namespace string) (metav1.Object, error) {
		return c.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: triedName}}, dryRun)
	}}
	writtenSlices = written{discoveryv1.GroupName, "endpointslices", writing, func(ctx context.Context, c kubernetes.Interface, namespace string) (metav1.Object, error) {
		return c.DiscoveryV1().EndpointSlices(namespace).Create(ctx, &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Name: triedName}, AddressType: discoveryv1.AddressTypeIPv4,
		}, dryRun)
	}}
)

// policyName is the name of a fault's policy and of its binding.
func policyName(fault string) string { return keptPrefix + fault }

// injectPolicy makes a policy with the mutations for the namespaces of runs, and
// one more, by which all that it has changed can be told.
func injectPolicy(ctx context.Context, s *Site, fault string, of written, mutations []mutation) error {
	// The namespace to try in is there before the policy, for healing to find.
	if _, err := s.newNamespace(ctx, fault, map[string]string{cluster.LabelManagedBy: cluster.ManagedBy}); err != nil {
		return err
	}
	meta := metav1.ObjectMeta{Name: policyName(fault), Labels: madeBy(fault)}
	fail := admissionv1.Fail
	policy := &admissionv1.MutatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.MutatingAdmissionPolicySpec{
		FailurePolicy:      &fail,
		ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
		MatchConstraints: &admissionv1.MatchResources{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{cluster.LabelManagedBy: cluster.ManagedBy}},
			ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: of.operations,
				Rule:       admissionv1.Rule{APIGroups: []string{of.group}, APIVersions: []string{"v1"}, Resources: []string{of.resource}},
			}}},
		},
	}}
	for _, m := range append(mutations, mark(fault)...) {
		policy.Spec.Mutations = append(policy.Spec.Mutations, admissionv1.Mutation{
			PatchType: admissionv1.PatchTypeJSONPatch, JSONPatch: &admissionv1.JSONPatch{Expression: m.expression()},
		})
	}
	if _, err := s.Client.AdmissionregistrationV1().MutatingAdmissionPolicies().Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating an admission policy: %w", err)
	}
	binding := &admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: meta.Name}}
	if _, err := s.Client.AdmissionregistrationV1().MutatingAdmissionPolicyBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("binding an admission policy: %w", err)
	}
	return nil
}

// mark has an object carry the name of the fault. It is an annotation, because
// the controller of EndpointSlices would put labels right.
func mark(fault string) []mutation {
	const has = "has(object.metadata.annotations)"
	return []mutation{
		{"!" + has, []patch{{"add", `"/metadata/annotations"`, fmt.Sprintf("{%q: %q}", LabelFault, fault)}}},
		{has, []patch{{"add", fmt.Sprintf(`"/metadata/annotations/" + jsonpatch.escapeKey(%q)`, LabelFault), strconv.Quote(fault)}}},
	}
}

// policyChanges is whether the policy changes what is written in the namespace.
func policyChanges(ctx context.Context, s *Site, fault, namespace string, of written) (bool, error) {
	tried, err := of.try(ctx, s.Client, namespace)
	if err != nil {
		return false, fmt.Errorf("trying to write %s in namespace %q: %w", of.resource, namespace, err)
	}
	return tried.GetAnnotations()[LabelFault] == fault, nil
}

// policyWorks returns nil once the API server goes by the policy, which it sees a
// moment after it is there.
func policyWorks(fault string, of written) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		namespaces, err := s.namespacesOf(ctx, fault)
		switch {
		case err != nil:
			return err
		case len(namespaces) == 0:
			return errors.New("there is no namespace to try in")
		}
		changes, err := policyChanges(ctx, s, fault, namespaces[0], of)
		if err == nil && !changes {
			err = fmt.Errorf("%s are written as they were", of.resource)
		}
		return err
	}
}

// healPolicy removes the policy and, once the API server has forgotten it, the
// namespace in which that is tried.
func healPolicy(fault string, of written) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		api := s.Client.AdmissionregistrationV1()
		for _, remove := range []func(context.Context, string, metav1.DeleteOptions) error{
			api.MutatingAdmissionPolicyBindings().Delete, api.MutatingAdmissionPolicies().Delete,
		} {
			if err := remove(ctx, policyName(fault), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("removing an admission policy: %w", err)
			}
		}
		namespaces, err := s.namespacesOf(ctx, fault)
		if err != nil {
			return err
		}
		for _, namespace := range namespaces {
			changes, err := policyChanges(ctx, s, fault, namespace, of)
			if err == nil && changes {
				err = fmt.Errorf("%s are still changed", of.resource)
			}
			if err != nil {
				return err
			}
		}
		return removeNamespaces(fault)(ctx, s)
	}
}

// policyGone returns nil once neither the policy nor its namespace is there.
func policyGone(fault string) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		_, err := s.Client.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(ctx, policyName(fault), metav1.GetOptions{})
		switch {
		case err == nil:
			return errors.New("the admission policy is still there")
		case !apierrors.IsNotFound(err):
			return fmt.Errorf("looking for the admission policy: %w", err)
		}
		return namespacesGone(fault)(ctx, s)
	}
}
