package ledger

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T) *Ledger {
	t.Helper()
	l, err := Open(filepath.Join(t.TempDir(), DirName))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ended is a process that cannot run any more.
func ended(t *testing.T) Owner {
	t.Helper()
	o, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	o.Boot = "another boot"
	return o
}

func names(entries []Entry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func TestNoteListDone(t *testing.T) {
	l := open(t)
	created := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	want := Entry{Kind: Cluster, Name: "first", Engine: "unix:///run/docker.sock", Detail: map[string]string{"nodes": "2"}, Created: created}
	id, err := l.Note(want)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Note(Entry{Kind: File, Name: "second"}); err != nil {
		t.Fatal(err)
	}
	got, err := l.List()
	if err != nil || len(got) != 2 {
		t.Fatalf("List() = %v, %v, want two entries", got, err)
	}
	want.ID = id
	if want.Owner, err = Self(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("first entry = %+v, want %+v", got[0], want)
	}
	if orphans, err := l.Orphans(); err != nil || len(orphans) != 0 {
		t.Errorf("Orphans() = %v, %v, want none while the owner runs", orphans, err)
	}
	for range 2 {
		if err := l.Done(id); err != nil {
			t.Errorf("Done: %v", err)
		}
	}
	if got, err := l.List(); err != nil || !reflect.DeepEqual(names(got), []string{"second"}) {
		t.Errorf("List() after Done = %v, %v", got, err)
	}
}

func TestOnlyTheUserReadsEntries(t *testing.T) {
	l := open(t)
	id, err := l.Note(Entry{Kind: File, Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{l.dir: 0o700, l.path(id): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %q = %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestOrphans(t *testing.T) {
	l := open(t)
	for _, e := range []Entry{
		{Kind: Cluster, Name: "mine"},
		{Kind: Cluster, Name: "theirs", Owner: ended(t)},
		{Kind: Engine, Name: "theirs too", Owner: ended(t)},
	} {
		if _, err := l.Note(e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Orphans()
	if want := []string{"theirs", "theirs too"}; err != nil || !reflect.DeepEqual(names(got), want) {
		t.Errorf("Orphans() = %v, %v, want %v", names(got), err, want)
	}
}

// What a crash may leave must not hide the other entries.
func TestCrash(t *testing.T) {
	tests := []struct{ name, file, content, err string }{
		{"before the rename", "0000000000000000001-00000000.123.new", `{"id":`, ""},
		{"a foreign file", "README", "hello", ""},
		{"an empty entry", "0000000000000000001-00000000.json", "", "unexpected end of JSON input"},
		{"half an entry", "0000000000000000001-00000000.json", `{"id":"0000`, "unexpected end of JSON input"},
		{"another's entry", "0000000000000000001-00000000.json", `{"id":"2"}`, `its id is "2"`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			l := open(t)
			if _, err := l.Note(Entry{Kind: Cluster, Name: "orphan", Owner: ended(t)}); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(l.dir, tc.file), []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := l.Orphans()
			if !reflect.DeepEqual(names(got), []string{"orphan"}) {
				t.Errorf("Orphans() = %v", names(got))
			}
			switch {
			case tc.err == "" && err != nil:
				t.Errorf("Orphans: %v", err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err) || !strings.Contains(err.Error(), tc.file)):
				t.Errorf("Orphans: error %v, want one with %q and the file's name", err, tc.err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	l := open(t)
	for _, e := range []Entry{{}, {Kind: Cluster}, {Name: "x"}} {
		if id, err := l.Note(e); err == nil {
			t.Errorf("Note(%+v) = %q, want an error", e, id)
		}
	}
	for _, id := range []string{"", "../x", "a/b"} {
		if err := l.Done(id); err == nil {
			t.Errorf("Done(%q) gives no error", id)
		}
	}
}

func TestAlive(t *testing.T) {
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("starting a process: %v", err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	child := self
	child.PID = cmd.Process.Pid
	if child.Boot != "" {
		if child.Start, _, err = processStart(child.PID); err != nil {
			t.Fatal(err)
		}
	}
	if !self.Alive() || !child.Alive() {
		t.Errorf("alive: self %v, child %v, want both", self.Alive(), child.Alive())
	}
	if child.Start != 0 {
		reused := child
		reused.Start--
		if reused.Alive() {
			t.Error("an earlier process with the number of a running one is alive")
		}
		elsewhere := reused
		elsewhere.Namespace = "pid:[1]"
		if !elsewhere.Alive() {
			t.Error("a process of another container is taken for dead")
		}
	}
	if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if child.Alive() {
		t.Error("a process that ended is alive")
	}
}
