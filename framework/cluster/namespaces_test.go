package cluster_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// TestNamespacesAreRemovedByTheRunsOwnCaller proves that a sweep reaches the
// cluster as the run did whose kubeconfig was overridden.
func TestNamespacesAreRemovedByTheRunsOwnCaller(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Impersonate-User"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"NamespaceList","apiVersion":"v1","items":[]}`))
	}))
	defer server.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "kubeconfig")
	config := `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"dead","cluster":{"server":"http://127.0.0.1:1"}},{"name":"c","cluster":{"server":"` + server.URL + `"}}],
"contexts":[{"name":"x","context":{"cluster":"dead","user":"x"}}],"users":[{"name":"x","user":{}}]}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	in := cluster.Ref{Kubeconfig: path, Context: "x", Overrides: probe.Overrides{Cluster: "c", As: "jane"}}
	if _, err := cluster.NoteNamespaces(l, in, "run"); err != nil {
		t.Fatal(err)
	}
	entries, err := l.List()
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, error %v", len(entries), err)
	}
	if _, err := cluster.RemoveNamespaces(t.Context(), entries[0]); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 1 || asked[0] != "jane" {
		t.Errorf("asked as %q", asked)
	}
}
