package nodeimage

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckStatic(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	static := filepath.Join(dir, "static")
	build := exec.Command("go", "build", "-o", static, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := checkStatic(static); err != nil {
		t.Errorf("a static program is refused: %v", err)
	}
	dynamic, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	if err := checkStatic(dynamic); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("a program of this machine's C library gives %v", err)
	}
	if err := checkStatic(source); err == nil {
		t.Error("a text is taken for a program")
	}
}

func TestWriteInroadsWantsAName(t *testing.T) {
	to := filepath.Join(t.TempDir(), "image.tar")
	if err := WriteInroads(t.Context(), Options{CacheDir: t.TempDir()}, "Not A Name", "/bin/true", to); err == nil {
		t.Error("it writes an image without a name")
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("there is an archive")
	}
}
