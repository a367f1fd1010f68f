package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// ended is the owner of what a killed run left.
var ended = ledger.Owner{PID: 1, Start: 1, Boot: "another"}

func note(t *testing.T, cacheDir string, e ledger.Entry) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(filepath.Join(cacheDir, ledger.DirName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Note(e); err != nil {
		t.Fatal(err)
	}
	return l
}

func left(t *testing.T, l *ledger.Ledger) int {
	t.Helper()
	entries, err := l.List()
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestSweepFiles(t *testing.T) {
	for _, tc := range []struct {
		name  string
		owner ledger.Owner
		path  string // below the cache folder, or absolute
		gone  bool
		want  string // in the error
	}{
		{"of a killed run", ended, "runs/1", true, ""},
		{"of a live one", ledger.Owner{}, "runs/1", false, ""},
		{"beside the cache folder", ended, "../beside", false, "not in the cache folder"},
		{"the cache folder itself", ended, ".", false, "not in the cache folder"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cacheDir := filepath.Join(t.TempDir(), "cache")
			path := filepath.Join(cacheDir, tc.path)
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			l := note(t, cacheDir, ledger.Entry{Kind: ledger.File, Name: path, Owner: tc.owner})
			err := Sweep(t.Context(), Options{CacheDir: cacheDir})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want …%s…", err, tc.want)
			}
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) != tc.gone {
				t.Errorf("after the sweep: %v", err)
			}
			if n := left(t, l); (n == 0) != tc.gone {
				t.Errorf("%d entries left", n)
			}
		})
	}
}

// clusterEntry is an entry as the kind provider writes it, for an engine that does not
// answer.
func clusterEntry(t *testing.T, kept, private bool) ledger.Entry {
	e := ledger.Entry{Kind: ledger.Cluster, Name: "x", Owner: ended, Detail: map[string]string{
		"program": "docker", "env": "DOCKER_HOST=unix://" + filepath.Join(t.TempDir(), "none.sock"),
	}}
	if kept {
		e.Detail["kept"] = "true"
	}
	if private {
		e.Detail["private"] = "true"
	}
	return e
}

func TestSweepClusters(t *testing.T) {
	for _, tc := range []struct {
		name          string
		kept, private bool
		all           bool
		gone          bool
		log, want     string
	}{
		{"in a private engine that ended", false, true, false, true, "does not run; what it left goes when it is cleared", ""},
		{"kept", true, true, false, false, "to remove it: inroads cluster down --name x", ""},
		{"kept, but all are to go", true, true, true, true, "does not run", ""},
		{"in an engine of the user's that does not answer", false, false, false, false, "", "then: inroads sweep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cacheDir := t.TempDir()
			dir := filepath.Join(cacheDir, "clusters", "x")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			l := note(t, cacheDir, clusterEntry(t, tc.kept, tc.private))
			var log bytes.Buffer
			err := Sweep(t.Context(), Options{CacheDir: cacheDir, All: tc.all, Log: &log})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want …%s…", err, tc.want)
			}
			if !strings.Contains(log.String(), tc.log) {
				t.Errorf("no %q in the log:\n%s", tc.log, &log)
			}
			if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) != tc.gone {
				t.Errorf("folder after the sweep: %v", err)
			}
			if n := left(t, l); (n == 0) != tc.gone {
				t.Errorf("%d entries left", n)
			}
		})
	}
}

func TestSweepNamespaces(t *testing.T) {
	for _, tc := range []struct {
		name             string
		kubeconfig, want string // want is in the error
		all, gone        bool
	}{
		{"of a cluster whose kubeconfig is gone", "", "", false, true},
		{"of a cluster that does not answer", unanswered, "inroads sweep --all", false, false},
		{"of a cluster that does not answer, and all are to go", unanswered, "", true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cacheDir := t.TempDir()
			path := filepath.Join(cacheDir, "kubeconfig")
			if tc.kubeconfig != "" {
				if err := os.WriteFile(path, []byte(tc.kubeconfig), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l := note(t, cacheDir, ledger.Entry{Kind: cluster.Namespaces, Name: "run", Owner: ended, Detail: map[string]string{"kubeconfig": path, "context": "x"}})
			err := Sweep(t.Context(), Options{CacheDir: cacheDir, All: tc.all})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want …%s…", err, tc.want)
			}
			if n := left(t, l); (n == 0) != tc.gone {
				t.Errorf("%d entries left", n)
			}
		})
	}
}

func TestSweepFaults(t *testing.T) {
	for _, tc := range []struct {
		name   string
		owner  ledger.Owner
		healed error
		all    bool
		gone   bool
		log    string
		want   string // in the error
	}{
		{"healed", ended, nil, false, true, `healed fault "x"`, ""},
		{"of a run that still goes on", ledger.Owner{}, errors.New("it must be left alone"), false, false, "", ""},
		{"of a cluster that is gone", ended, fmt.Errorf("reading: %w", fs.ErrNotExist), false, true, "went with its cluster", ""},
		{"not healed", ended, errors.New("no answer"), false, false, "", "no answer"},
		{"not healed, and all are to go", ended, errors.New("no answer"), true, true, "giving up", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cacheDir := t.TempDir()
			l := note(t, cacheDir, ledger.Entry{Kind: ledger.Fault, Name: "x", Owner: tc.owner})
			var log bytes.Buffer
			err := Sweep(t.Context(), Options{CacheDir: cacheDir, All: tc.all, Log: &log, Heal: func(context.Context, ledger.Entry, io.Writer) error { return tc.healed }})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want …%s…", err, tc.want)
			}
			if !strings.Contains(log.String(), tc.log) {
				t.Errorf("no %q in the log:\n%s", tc.log, &log)
			}
			if n := left(t, l); (n == 0) != tc.gone {
				t.Errorf("%d entries left", n)
			}
		})
	}
}

// unanswered leads to a port at which nothing listens.
const unanswered = `{"apiVersion":"v1","kind":"Config",
"clusters":[{"name":"x","cluster":{"server":"https://127.0.0.1:1"}}],
"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"users":[{"name":"x","user":{}}]}`
