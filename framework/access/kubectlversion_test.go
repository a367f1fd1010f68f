package access

import (
	"os"
	"path/filepath"
	"testing"
)

// TestKubectlVersion sees that a kubectl that asks its cluster even for its own
// version has none to ask.
func TestKubectlVersion(t *testing.T) {
	kubectl := filepath.Join(t.TempDir(), "kubectl")
	script := "#!/bin/sh\nprintf '{\"clientVersion\": {\"gitVersion\": \"%s\"}}' \"$KUBECONFIG\"\n"
	if err := os.WriteFile(kubectl, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", "the user's")
	if version, err := KubectlVersion(t.Context(), kubectl); err != nil || version != os.DevNull {
		t.Errorf("its kubeconfig is %q, error %v", version, err)
	}
}
