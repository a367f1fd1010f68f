package cluster_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// TestObjectsAreRemovedThatAreTheRuns proves that a sweep removes what a run has
// created in a namespace, by UID or by the time at which it was, and nothing else.
func TestObjectsAreRemovedThatAreTheRuns(t *testing.T) {
	const core = "/api/v1/namespaces/mine/"
	start, until := time.Now().Add(-time.Hour), time.Now().Add(-50*time.Minute)
	type object struct {
		uid     string
		created time.Time
	}
	there := map[string]object{
		core + "pods/web":         {"1", start},
		core + "pods/another":     {"3", start},
		core + "secrets/applied":  {"4", start.Add(time.Minute)},
		core + "secrets/before":   {"5", start.Add(-2 * time.Hour)},
		core + "secrets/after":    {"6", time.Now()},
		core + "secrets/not-ours": {"7", start},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, found := there[r.URL.Path]
		var options metav1.DeleteOptions
		_ = json.NewDecoder(r.Body).Decode(&options)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !found:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
		case r.Method == http.MethodGet:
			fmt.Fprintf(w, `{"kind":"Secret","apiVersion":"v1","metadata":{"uid":%q,"creationTimestamp":%q}}`, o.uid, o.created.UTC().Format(time.RFC3339))
		case options.Preconditions == nil || string(*options.Preconditions.UID) != o.uid:
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","code":409}`)
		default:
			delete(there, r.URL.Path)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Success"}`)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	config := `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"x","cluster":{"server":"` + server.URL + `"}}],
"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"users":[{"name":"x","user":{}}]}`
	if err := os.WriteFile(kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	entry, err := cluster.ObjectsEntry(cluster.Ref{Kubeconfig: kubeconfig, Context: "x"}, "run", until)
	if err != nil {
		t.Fatal(err)
	}
	note := func(objects ...cluster.Object) []ledger.Entry {
		t.Helper()
		if err := cluster.NoteObjects(l, &entry, objects); err != nil {
			t.Fatal(err)
		}
		entries, err := l.List()
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	note(cluster.Object{Path: core + "pods/web", Noted: start})
	entries := note(
		cluster.Object{Path: core + "pods/web", UID: "1", Noted: start},
		cluster.Object{Path: core + "pods/gone", UID: "2", Noted: start},
		cluster.Object{Path: core + "pods/another", UID: "of one that is gone", Noted: start},
		cluster.Object{Path: core + "secrets/applied", Noted: start},
		cluster.Object{Path: core + "secrets/before", Noted: start},
		cluster.Object{Path: core + "secrets/after", Noted: start},
		cluster.Object{Path: core + "secrets/never", Noted: start},
	)
	if len(entries) != 1 || entries[0].Kind != cluster.Objects || entries[0].Name != "run" {
		t.Fatalf("entries %v", entries)
	}
	removed, err := cluster.RemoveObjects(t.Context(), entries[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{core + "secrets/applied", core + "pods/web"}; !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	var left []string
	for path := range there {
		left = append(left, strings.TrimPrefix(path, core))
	}
	slices.Sort(left)
	if want := []string{"pods/another", "secrets/after", "secrets/before", "secrets/not-ours"}; !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
	if entries := note(); len(entries) > 0 {
		t.Errorf("without objects there are still entries %v", entries)
	}
}
