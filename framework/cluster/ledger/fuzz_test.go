package ledger

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzEntry puts any file into the ledger: it is an entry of that id, or it is
// named as one that cannot be read, and what is listed can be taken away.
func FuzzEntry(f *testing.F) {
	const id = "1767323045000000000-01020304"
	f.Add([]byte(`{"id":"` + id + `","kind":"file","name":"/x","owner":{"pid":1},"created":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{"id":"` + id + `","owner":{"pid":-1,"start":18446744073709551615,"boot":"x"},"detail":{"a":"b"}}`))
	f.Add([]byte(`{"id":"../x"}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := Open(filepath.Join(t.TempDir(), DirName))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.path(id), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := l.List()
		if (len(entries) == 1) != (err == nil) || len(entries) > 1 {
			t.Fatalf("%d entries beside %v", len(entries), err)
		}
		orphans, _ := l.Orphans()
		if len(orphans) > len(entries) {
			t.Errorf("%d orphans of %d entries", len(orphans), len(entries))
		}
		for _, e := range entries {
			if e.ID != id {
				t.Errorf("the entry in the file of %q says that it is %q", id, e.ID)
			}
			if err := l.Done(e.ID); err != nil {
				t.Fatal(err)
			}
		}
		if left, err := l.List(); len(entries) > 0 && (err != nil || len(left) > 0) {
			t.Errorf("%d entries beside %v are left", len(left), err)
		}
	})
}
