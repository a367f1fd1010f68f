package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// TestSweepTellsOfEachErrorOnALineOfItsOwn has a sweep fail twice.
func TestSweepTellsOfEachErrorOnALineOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(cache.EnvDir, dir)
	l, err := ledger.Open(filepath.Join(dir, ledger.DirName))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"/somewhere/else", "/elsewhere"}
	for _, name := range names {
		if _, err := l.Note(ledger.Entry{Kind: ledger.File, Name: name, Owner: ledger.Owner{PID: 1, Start: 1, Boot: "another"}}); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	code := Run(t.Context(), Streams{Out: &out, Err: &errs}, []string{"sweep"})
	lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
	if code != ExitInconclusive || len(lines) != len(names) {
		t.Fatalf("exit code %d, %q", code, lines)
	}
	for i, name := range names {
		if !strings.HasPrefix(lines[i], `inroads: removing "`+name+`": it is not in the cache folder`) {
			t.Errorf("line %d is %q", i+1, lines[i])
		}
	}
}
