package reports

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzLoad reads any file as a report: one that is read can be written in every
// format, and read again as the same.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"apiVersion":"` + APIVersion + `","kind":"` + Kind + `"}`))
	f.Add([]byte(`{"apiVersion":"` + APIVersion + `","kind":"` + Kind + `","started":"2026-01-02T03:04:05Z","setupFailure":{"stage":"x","message":"y\u0000"},` +
		`"claims":[{"id":"a/b","verdict":"disproven","reason":"x\ny","duration":"1.5s","trace":[{"hop":"tls","state":"broken","code":"A-TLS-02","duration":"1ms"}],"steps":[{"what":"w","status":403}]}]}`))
	whole, err := Placeholder(Meta{}).JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(filepath.Join(dir, JSONFile), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := Load(dir)
		if err != nil {
			return
		}
		if err := Write(dir, first); err != nil {
			t.Fatalf("writing what was read: %v", err)
		}
		second, err := Load(dir)
		if err != nil {
			t.Fatalf("reading what was written: %v", err)
		}
		again, err := second.JSON()
		if err != nil {
			t.Fatal(err)
		}
		written, err := first.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(again) != string(written) {
			t.Errorf("read again it is\n%s\nnot\n%s", again, written)
		}
	})
}

// FuzzEvent reads any line as an event: one that is read comes out of a file of
// events as it went in, but for a long reason.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"claim":"a/b","verdict":"proven","duration":"1.5s"}`))
	f.Add([]byte(`{"claim":"a/b","verdict":"disproven","reason":"x\ny\u0000\ud800","duration":"-1ns"}`))
	path := filepath.Join(f.TempDir(), "events")
	f.Fuzz(func(t *testing.T, line []byte) {
		var e Event
		if json.Unmarshal(line, &e) != nil || e == (Event{}) {
			return
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := AppendEvent(path, e); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		const pipe = 4096
		if len(e.Claim)+len(e.Verdict) < maxEventReason && len(written) > pipe {
			t.Errorf("%d bytes do not go into a pipe in one piece", len(written))
		}
		var heard Event
		if err := json.Unmarshal(written, &heard); err != nil {
			t.Fatalf("reading %q: %v", written, err)
		}
		e.Reason = clip(clean(e.Reason), maxEventReason)
		e.Duration, heard.Duration = 0, 0
		if !reflect.DeepEqual(heard, e) {
			t.Errorf("heard %+v, not %+v", heard, e)
		}
	})
}
