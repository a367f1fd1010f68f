package access

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestFindPython(t *testing.T) {
	without, with := t.TempDir(), t.TempDir()
	for dir, script := range map[string]string{without: "exit 1", with: `[ "$2" = "import kubernetes" ]`} {
		if err := os.WriteFile(filepath.Join(dir, PythonProgram), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", t.TempDir()+":"+without+":"+with)
	if path, err := FindPython(t.Context(), PythonClient); err != nil || path != filepath.Join(with, PythonProgram) {
		t.Errorf("got %q (%v), want the one of %q", path, err, with)
	}
	t.Setenv("PATH", without)
	if path, err := FindPython(t.Context(), PythonClient); err == nil {
		t.Errorf("got %q, which has no package", path)
	}
}

// TestClientsSay has words that Node.js and Python were seen to say.
func TestClientsSay(t *testing.T) {
	for said, want := range map[string]catalog.Outcome{
		"errno: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', unable to verify the first certificate": catalog.Untrusted,
		"code: 'ERR_TLS_CERT_ALTNAME_INVALID'":                                             catalog.Untrusted,
		"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed":                       catalog.Untrusted,
		"code: 'ECONNREFUSED'": catalog.Refused,
		"Failed to establish a new connection: [Errno 111] Connection refused": catalog.Refused,
		"code: 'ENOTFOUND'": catalog.Unresolved,
	} {
		if got := OutcomeOf(said); got != want {
			t.Errorf("%s: got %s, want %s", said, got, want)
		}
	}
}

func TestExecUntil(t *testing.T) {
	r := (Host{Home: t.TempDir()}).ExecUntil(t.Context(), "said", "sh", "-c", "echo said; sleep 3600")
	if r.Outcome != catalog.Reached || r.Stdout != "said\n" {
		t.Errorf("got %s, want what it printed before it was ended", r)
	}
}
