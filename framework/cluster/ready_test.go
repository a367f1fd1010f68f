package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func node(name string, ready corev1.ConditionStatus, labels ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, l := range labels {
		n.Labels[l] = ""
	}
	c := corev1.NodeCondition{Type: corev1.NodeReady, Status: ready, Reason: "KubeletReady", Message: "kubelet is posting ready status"}
	if ready != corev1.ConditionTrue {
		c.Reason, c.Message = "KubeletNotReady", "cni plugin not initialized"
	}
	if ready != "" {
		n.Status.Conditions = []corev1.NodeCondition{c}
	}
	return n
}

// dns is CoreDNS with so many of its pods, of which one may be missing.
func dns(available, want int32) *appsv1.Deployment {
	enough := corev1.ConditionFalse
	if available >= want-1 {
		enough = corev1.ConditionTrue
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: coreDNS},
		Spec:       appsv1.DeploymentSpec{Replicas: &want},
		Status: appsv1.DeploymentStatus{
			AvailableReplicas: available, UpdatedReplicas: want,
			Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: enough}},
		},
	}
}

// ready are all objects of a ready cluster of two nodes.
func ready() []runtime.Object {
	inDefault := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name}
	}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: inDefault(apiService), Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: apiService}
	return []runtime.Object{
		node("x-control-plane", corev1.ConditionTrue, controlPlaneLabel), node("x-worker", corev1.ConditionTrue),
		dns(2, 2),
		&corev1.ServiceAccount{ObjectMeta: inDefault(serviceAccount)},
		&corev1.ConfigMap{ObjectMeta: inDefault(rootCA)},
		&corev1.Service{ObjectMeta: inDefault(apiService)},
		slice,
	}
}

func TestMissing(t *testing.T) {
	whole := func() snapshot {
		return snapshot{
			nodes:          []*corev1.Node{node("x-worker", corev1.ConditionTrue), node("x-control-plane", corev1.ConditionTrue)},
			serviceAccount: true, rootCA: true, service: true, endpoints: 1, dns: dns(2, 2),
		}
	}
	long := strings.Repeat("waiting ", 60) + "cni plugin not initialized"
	for _, tc := range []struct {
		name  string
		nodes []string
		but   func(*snapshot)
		want  []string
	}{
		{"nothing", nil, func(*snapshot) {}, nil},
		{"all nodes by name", []string{"x-control-plane", "x-worker"}, func(*snapshot) {}, nil},
		{"a node that did not register", []string{"x-worker2"}, func(*snapshot) {}, []string{`node "x-worker2" not registered`}},
		{"all nodes", nil, func(s *snapshot) { s.nodes = nil }, []string{"no node registered"}},
		{"a ready node", nil, func(s *snapshot) { s.nodes[0] = node("x-worker", corev1.ConditionFalse) },
			[]string{`node "x-worker" not Ready (KubeletNotReady: cni plugin not initialized)`}},
		{"a node that answers", nil, func(s *snapshot) { s.nodes[0] = node("x-worker", corev1.ConditionUnknown) },
			[]string{`node "x-worker" not Ready (KubeletNotReady: cni plugin not initialized)`}},
		{"a node's report", nil, func(s *snapshot) { s.nodes[0] = node("x-worker", "") },
			[]string{`node "x-worker" not Ready (it has not reported)`}},
		{"CoreDNS", nil, func(s *snapshot) { s.dns = nil }, []string{"deployment kube-system/coredns is not there"}},
		{"the pods of CoreDNS", nil, func(s *snapshot) { s.dns = dns(0, 2) }, []string{"deployment kube-system/coredns 0/2 available"}},
		{"one pod of CoreDNS", nil, func(s *snapshot) { s.dns = dns(1, 2) }, nil},
		{"the service account", nil, func(s *snapshot) { s.serviceAccount = false }, []string{"service account default/default is not there"}},
		{"the root certificate", nil, func(s *snapshot) { s.rootCA = false }, []string{"config map default/kube-root-ca.crt is not there"}},
		{"the service", nil, func(s *snapshot) { s.service, s.endpoints = false, 0 }, []string{"service default/kubernetes is not there"}},
		{"endpoints", nil, func(s *snapshot) { s.endpoints = 0 }, []string{"endpoints of service default/kubernetes is not there"}},
		{"what is hidden", nil, func(s *snapshot) {
			s.nodes, s.dns, s.rootCA = nil, nil, false
			s.hidden = []string{nodesSeen, dnsSeen, rootCASeen}
		}, nil},
		{"two things, in order, and the last error", nil, func(s *snapshot) { s.dns, s.rootCA, s.err = nil, false, errors.New("connection refused") },
			[]string{"deployment kube-system/coredns is not there", "config map default/kube-root-ca.crt is not there", "last error: connection refused"}},
		{"a reason of reasonable length", nil, func(s *snapshot) {
			s.nodes[0] = node("x-worker", corev1.ConditionFalse)
			s.nodes[0].Status.Conditions[0].Message = long
		}, []string{`node "x-worker" not Ready (KubeletNotReady: …` + long[len(long)-reasonLength:] + `)`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := whole()
			tc.but(&s)
			got := Readiness{Cluster: "x", Nodes: tc.nodes, DNS: true}.missing(s)
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("missing:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestNotReadyErrorNamesWhatWasMissing(t *testing.T) {
	err := &NotReadyError{Cluster: "x", Waited: 3 * time.Minute, Err: context.DeadlineExceeded,
		Missing: []string{`node "x-worker" not Ready (KubeletNotReady: cni plugin not initialized)`, "deployment kube-system/coredns 0/2 available"}}
	const want = `waiting 3m0s for cluster "x" ready: node "x-worker" not Ready (KubeletNotReady: cni plugin not initialized); deployment kube-system/coredns 0/2 available`
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWaitReadyEndsWhenTheLastThingComes(t *testing.T) {
	objects := ready()
	client := fake.NewClientset(objects[1:]...)
	done := make(chan error, 1)
	go func() {
		done <- WaitReady(t.Context(), client, Readiness{Cluster: "x", Nodes: []string{"x-control-plane", "x-worker"}, DNS: true})
	}()
	if err := client.Tracker().Add(objects[0]); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWaitReadySaysWhyItEnded(t *testing.T) {
	client := fake.NewClientset(append(ready()[:1], ready()[2:]...)...)
	r := Readiness{Cluster: "x", Nodes: []string{"x-control-plane", "x-worker"}, DNS: true, Timeout: 300 * time.Millisecond}

	err := WaitReady(t.Context(), client, r)
	var notReady *NotReadyError
	if !errors.As(err, &notReady) || !errors.Is(err, context.DeadlineExceeded) || len(notReady.Missing) != 1 || notReady.Missing[0] != `node "x-worker" not registered` {
		t.Errorf("after its time: %v", err)
	}

	interrupt := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupt)
	if err := WaitReady(ctx, client, r); !errors.Is(err, interrupt) || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("after an interrupt: %v", err)
	}
}

func TestCheckReady(t *testing.T) {
	forbid := func(resource string) clienttesting.ReactionFunc {
		return func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
		}
	}
	t.Run("ready", func(t *testing.T) {
		if err := CheckReady(t.Context(), fake.NewClientset(ready()...), Readiness{Cluster: "x", DNS: true}); err != nil {
			t.Error(err)
		}
	})
	t.Run("without CoreDNS", func(t *testing.T) {
		client := fake.NewClientset(append(ready()[:2], ready()[3:]...)...)
		if err := CheckReady(t.Context(), client, Readiness{Cluster: "x"}); err != nil {
			t.Error(err)
		}
		if err := CheckReady(t.Context(), client, Readiness{Cluster: "x", DNS: true}); err == nil || !strings.Contains(err.Error(), "coredns") {
			t.Errorf("with CoreDNS wanted: %v", err)
		}
	})
	t.Run("one node will do", func(t *testing.T) {
		objects := ready()
		objects[1] = node("x-worker", corev1.ConditionFalse)
		if err := CheckReady(t.Context(), fake.NewClientset(objects...), Readiness{Cluster: "x", OneNode: true}); err != nil {
			t.Error(err)
		}
		objects[0] = node("x-control-plane", corev1.ConditionFalse)
		err := CheckReady(t.Context(), fake.NewClientset(objects...), Readiness{Cluster: "x", OneNode: true})
		if err == nil || !strings.HasPrefix(err.Error(), `cluster "x" is not ready: node "x-control-plane" not Ready`) {
			t.Errorf("with none: %v", err)
		}
	})
	t.Run("what is forbidden is no fault", func(t *testing.T) {
		client := fake.NewClientset(ready()...)
		for _, resource := range []string{"nodes", "endpointslices", "configmaps"} {
			client.PrependReactor("*", resource, forbid(resource))
		}
		if err := CheckReady(t.Context(), client, Readiness{Cluster: "x", DNS: true}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a request that fails is", func(t *testing.T) {
		client := fake.NewClientset(ready()...)
		client.PrependReactor("list", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, errors.New("connection refused")
		})
		err := CheckReady(t.Context(), client, Readiness{Cluster: "x"})
		if err == nil || err.Error() != `asking cluster "x" for its nodes: connection refused` {
			t.Errorf("got %v", err)
		}
	})
}

func TestDescribe(t *testing.T) {
	for _, tc := range []struct {
		name     string
		nodes    []runtime.Object
		forbid   bool
		want     []Node
		topology catalog.Topology
	}{
		{"a control plane and a worker", ready()[:2], false, []Node{{"x-control-plane", true}, {"x-worker", false}}, catalog.TopologyMultiNode},
		{"one node", ready()[:1], false, []Node{{"x-control-plane", true}}, ""},
		{"an old control plane", []runtime.Object{node("a", corev1.ConditionTrue, masterLabel)}, false, []Node{{"a", true}}, ""},
		{"nodes that may not be listed", ready()[:2], true, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := fake.NewClientset(tc.nodes...)
			client.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{GitVersion: "v1.37.2"}
			if tc.forbid {
				client.PrependReactor("list", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "nodes"}, "", errors.New("no"))
				})
			}
			ref := Ref{Name: "x"}
			if err := ref.Describe(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if ref.KubernetesVersion != "v1.37.2" || ref.Topology != tc.topology || len(ref.Nodes) != len(tc.want) {
				t.Fatalf("got %+v", ref)
			}
			for i, n := range tc.want {
				if ref.Nodes[i] != n {
					t.Errorf("node %d: got %+v, want %+v", i, ref.Nodes[i], n)
				}
			}
		})
	}
}
