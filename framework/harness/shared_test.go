package harness

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

// memory is an API server that knows objects by their path, and nothing else.
type memory struct {
	mu sync.Mutex
	// uids are those of the objects that are there.
	uids map[string]string
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	answer := func(code int, object any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(object)
	}
	status := func(code int, reason metav1.StatusReason) {
		answer(code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason})
	}
	switch r.Method {
	case http.MethodPost:
		var object metav1.PartialObjectMetadata
		_ = json.Unmarshal(body, &object)
		object.UID = "uid-of-spec"
		if !r.URL.Query().Has("dryRun") {
			m.uids[r.URL.Path+"/"+object.Name] = "uid-of-spec"
		}
		answer(http.StatusCreated, object)
	case http.MethodDelete:
		var options metav1.DeleteOptions
		_ = json.Unmarshal(body, &options)
		uid, there := m.uids[r.URL.Path]
		switch {
		case !there:
			status(http.StatusNotFound, metav1.StatusReasonNotFound)
		case options.Preconditions == nil || string(*options.Preconditions.UID) != uid:
			status(http.StatusConflict, metav1.StatusReasonConflict)
		default:
			delete(m.uids, r.URL.Path)
			answer(http.StatusOK, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
		}
	default:
		uid, there := m.uids[r.URL.Path]
		switch {
		case strings.HasSuffix(r.URL.Path, "/endpointslices"):
			answer(http.StatusOK, map[string]any{"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "items": []any{}})
		case there:
			answer(http.StatusOK, map[string]any{"kind": "Secret", "apiVersion": "v1", "metadata": map[string]any{"uid": uid, "creationTimestamp": metav1.Now()}})
		default:
			status(http.StatusNotFound, metav1.StatusReasonNotFound)
		}
	}
}

// TestTurnRemovesWhatItMade proves that a spec leaves a namespace that it shares as
// it was: without what it created, and with all else.
func TestTurnRemovesWhatItMade(t *testing.T) {
	const core = "/api/v1/namespaces/mine/"
	m := &memory{uids: map[string]string{core + "pods/theirs": "x", core + "secrets/applied": "y", "/api/v1/namespaces/other/pods/p": "z"}}
	server := httptest.NewServer(m)
	defer server.Close()
	plain := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON, AcceptContentTypes: runtime.ContentTypeJSON}}
	client, err := kubernetes.NewForConfig(plain)
	if err != nil {
		t.Fatal(err)
	}
	var known [][]cluster.Object
	turn := &turn{namespace: "mine", client: client, created: &created{keep: func(objects []*made) error {
		var now []cluster.Object
		for _, o := range objects {
			now = append(now, o.Object)
		}
		known = append(known, now)
		return nil
	}}}
	spec, err := turn.created.client(plain)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	create := func(namespace, name string, o metav1.CreateOptions) {
		t.Helper()
		if _, err := spec.CoreV1().Services(namespace).Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}}, o); err != nil {
			t.Fatal(err)
		}
	}
	create("mine", "web", metav1.CreateOptions{})
	create("mine", "tried", metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	create("other", "web", metav1.CreateOptions{})
	create("mine", "replaced", metav1.CreateOptions{})
	m.uids[core+"services/replaced"] = "of-somebody-else"
	for _, name := range []string{"applied", "never"} {
		if err := turn.created.add(&made{Object: cluster.Object{Path: core + "secrets/" + name}, namespace: "mine"}); err != nil {
			t.Fatal(err)
		}
	}
	if first, then := known[0][0], known[1][0]; first.Path != core+"services/web" || first.UID != "" || first.Noted.IsZero() || then.UID != "uid-of-spec" {
		t.Errorf("noted %v before it was there, and %v after", first, then)
	}
	if n := len(turn.created.objects); n != 5 {
		t.Errorf("%d objects noted, and not 5", n)
	}
	if err := turn.removeAll(ctx); err != nil {
		t.Fatal(err)
	}
	var left []string
	for path := range m.uids {
		left = append(left, path)
	}
	slices.Sort(left)
	want := []string{core + "pods/theirs", core + "services/replaced", "/api/v1/namespaces/other/pods/p", "/api/v1/namespaces/other/services/web"}
	if !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
	if last := known[len(known)-1]; len(last) > 0 {
		t.Errorf("still noted: %v", last)
	}
}

// TestTakesTurns proves whose specs share a namespace.
func TestTakesTurns(t *testing.T) {
	creates, err := catalog.Lookup("aap/env-vars")
	if err != nil {
		t.Fatal(err)
	}
	several, err := catalog.Lookup("aap/namespace-path")
	if err != nil {
		t.Fatal(err)
	}
	asks, err := catalog.Lookup("kubectl-proxy/api-root")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name          string
		options       Options
		turn, several bool
	}{
		{"a cluster of the run's own", Options{}, false, true},
		{"a cluster that is there", Options{Context: "c"}, true, false},
		{"with leave", Options{Context: "c", ClusterScoped: true}, false, true},
		{"a namespace that is there", Options{Context: "c", Namespace: "mine"}, true, false},
		{"a namespace that is there, with leave", Options{Context: "c", Namespace: "mine", ClusterScoped: true}, true, true},
	} {
		if got := row.options.takesTurns(creates); got != row.turn {
			t.Errorf("%s: takes turns: %v, want %v", row.name, got, row.turn)
		}
		if row.options.takesTurns(asks) || row.options.takesTurns(several) {
			t.Errorf("%s: a claim takes turns that needs no namespace, or several", row.name)
		}
		if got := row.options.mayClusterScoped(); got != row.several {
			t.Errorf("%s: may create cluster-scoped objects: %v, want %v", row.name, got, row.several)
		}
	}
}
