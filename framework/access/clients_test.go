package access

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindPython(t *testing.T) {
	without, with := t.TempDir(), t.TempDir()
	for dir, script := range map[string]string{without: "exit 1", with: `[ "$2" = "import kubernetes" ]`} {
		if err := os.WriteFile(filepath.Join(dir, PythonProgram), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", t.TempDir()+":"+without+":"+with)
	if path, err := FindPython(t.Context()); err != nil || path != filepath.Join(with, PythonProgram) {
		t.Errorf("got %q (%v), want the one of %q", path, err, with)
	}
	t.Setenv("PATH", without)
	if path, err := FindPython(t.Context()); err == nil {
		t.Errorf("got %q, which has no package", path)
	}
}
