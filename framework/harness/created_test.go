package harness

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
)

// TestWantedIsWhatWasAskedFor proves that a script makes an object as the spec asked
// for it, not as admission changed it, with what has changed since.
func TestWantedIsWhatWasAskedFor(t *testing.T) {
	raw := func(o any) []byte {
		t.Helper()
		out, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kind := metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}
	asked := corev1.Service{TypeMeta: kind, ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"goes": "away"}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}}}
	got := *asked.DeepCopy()
	got.UID, got.Namespace = "1", "run"
	got.Annotations = map[string]string{"policy": "was-here"}
	got.Spec.Selector, got.Spec.Ports[0].TargetPort = map[string]string{"none": "none"}, intstr.FromInt32(9)
	got.Spec.ClusterIP, got.Spec.ClusterIPs, got.Spec.Ports[0].NodePort = "10.0.0.1", []string{"10.0.0.1"}, 30000
	now := *got.DeepCopy()
	now.Labels = nil
	now.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
	if err := bare(&now); err != nil {
		t.Fatal(err)
	}
	out, err := (&made{asked: raw(asked), got: raw(got)}).wanted(raw(now), "run")
	if err != nil {
		t.Fatal(err)
	}
	var wanted corev1.Service
	if err := json.Unmarshal(out, &wanted); err != nil {
		t.Fatal(err)
	}
	want := asked
	want.Namespace, want.Labels = "run", nil
	want.Spec.ClusterIP, want.Spec.ClusterIPs, want.Spec.Ports[0].NodePort = "10.0.0.1", []string{"10.0.0.1"}, 30000
	want.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
	if string(raw(wanted)) != string(raw(want)) {
		t.Errorf("got  %s\nwant %s", raw(wanted), raw(want))
	}
}

// TestCreatedHasNoDataOfSecrets proves that what is kept of a Secret has no data, and
// that nothing is created which cannot be noted.
func TestCreatedHasNoDataOfSecrets(t *testing.T) {
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		var secret corev1.Secret
		_ = json.NewDecoder(r.Body).Decode(&secret)
		secret.UID = "1"
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(secret)
	}))
	defer server.Close()
	c := &created{}
	client, err := c.client(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	create := func(ctx context.Context) error {
		_, err := client.CoreV1().Secrets("mine").Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "key"}, Data: map[string][]byte{"a": []byte("what nobody may read")}, StringData: map[string]string{"b": "what nobody may read"},
		}, metav1.CreateOptions{})
		return err
	}
	if err := create(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := c.of("1")
	if m == nil || m.namespace != "mine" || !strings.Contains(string(m.asked), `"name":"key"`) {
		t.Fatalf("noted %+v", m)
	}
	for _, kept := range []string{string(m.asked), string(m.got)} {
		if strings.Contains(kept, `"data":`) || strings.Contains(kept, `"stringData":`) || strings.Contains(kept, "nobody") {
			t.Errorf("kept %s", kept)
		}
	}
	c.keep = func([]*made) error { return errors.New("the disk is full") }
	if err := create(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is full") || reached != 1 {
		t.Errorf("got %v after %d requests", err, reached)
	}
}
