package nodeimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakePart counts how often it was made; fail, when not nil, ends a making in
// the middle.
type fakePart struct {
	made int
	fail func() error
}

func (f *fakePart) part(name string) part {
	return part{name: name, hash: strings.Repeat("0", hashInTag) + name, make: func(_ context.Context, dir, scratch string) error {
		f.made++
		for _, file := range []string{filepath.Join(dir, "first"), filepath.Join(scratch, "source")} {
			if err := os.WriteFile(file, []byte(name+" 1"), 0o644); err != nil {
				return err
			}
		}
		if f.fail != nil {
			if err := f.fail(); err != nil {
				return err
			}
		}
		if err := os.Mkdir(filepath.Join(dir, "below"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "below", "second"), []byte(name+" 2"), 0o644)
	}}
}

func newStore(t *testing.T) store {
	return store{root: filepath.Join(t.TempDir(), partsFolder), logf: t.Logf, now: time.Now}
}

func (s store) left(t *testing.T) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(s.root, workPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestAnInterruptedBuildGoesOnAtThePartThatItHadBegun(t *testing.T) {
	s := newStore(t)
	ctx, interrupt := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	var first, second, third fakePart
	second.fail = func() error { interrupt(stopped); return context.Cause(ctx) }
	build := func(ctx context.Context) error {
		for _, p := range []part{first.part("first"), second.part("second"), third.part("third")} {
			if _, _, err := s.ensure(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}
	if err := build(ctx); !errors.Is(err, stopped) {
		t.Fatalf("interrupted: %v", err)
	}
	if _, _, err := s.ensure(ctx, third.part("third")); !errors.Is(err, stopped) || third.made != 0 {
		t.Errorf("a part is begun after the interrupt: %v, made %d times", err, third.made)
	}
	if left := s.left(t); left != nil {
		t.Errorf("the interrupted part left %q", left)
	}
	second.fail = nil
	if err := build(t.Context()); err != nil {
		t.Fatalf("again: %v", err)
	}
	if first.made != 1 || second.made != 2 || third.made != 1 {
		t.Errorf("parts were made %d, %d and %d times, want 1, 2 and 1", first.made, second.made, third.made)
	}
}

func TestAPartThatIsNotAsRecordedIsMadeAnew(t *testing.T) {
	write := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		made  int
	}{
		{"whole", func(*testing.T, string) {}, 1},
		{"no record, as of a half copy", remove(partRecord), 2},
		{"an empty record", write(partRecord, ""), 2},
		{"a record without files", write(partRecord, `{"part":"p","hash":"`+new(fakePart).part("p").hash+`"}`), 2},
		{"the record of other inputs", write(partRecord, `{"part":"p","hash":"1","files":{"first":{}}}`), 2},
		{"a file gone", remove("below/second"), 2},
		{"a file cut short", write("below/second", "p"), 2},
		{"a file of the same size with other bytes", write("below/second", "p 3"), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStore(t)
			var f fakePart
			dir, took, err := s.ensure(t.Context(), f.part("p"))
			if err != nil || took <= 0 {
				t.Fatalf("making: %v, took %s", err, took)
			}
			row.spoil(t, dir)
			again, _, err := s.ensure(t.Context(), f.part("p"))
			if err != nil || again != dir || f.made != row.made {
				t.Errorf("made %d times in %q, %v; want %d in %q", f.made, again, err, row.made, dir)
			}
			if whole, err := s.has(f.part("p")); err != nil || !whole {
				t.Errorf("afterwards whole is %t, %v", whole, err)
			}
			if data, err := os.ReadFile(filepath.Join(dir, "below", "second")); err != nil || string(data) != "p 2" {
				t.Errorf("afterwards it has %q, %v", data, err)
			}
		})
	}
}

func TestClearRemovesWhatAKilledBuildLeft(t *testing.T) {
	s := newStore(t)
	if err := s.clear(); err != nil {
		t.Fatalf("of no folder: %v", err)
	}
	var f fakePart
	dir, _, err := s.ensure(t.Context(), f.part("p"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.root, workPrefix+"other", "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.clear(); err != nil {
		t.Fatal(err)
	}
	if left := s.left(t); left != nil {
		t.Errorf("left %q", left)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a finished part is gone: %v", err)
	}
}

func TestAPartWithoutFilesIsAnError(t *testing.T) {
	p := part{name: "p", hash: strings.Repeat("0", hashInTag), make: func(context.Context, string, string) error { return nil }}
	if _, _, err := newStore(t).ensure(t.Context(), p); err == nil {
		t.Error("no error")
	}
}
