package cli

import (
	"regexp"
	"strings"
	"testing"
)

func TestNodeImageHash(t *testing.T) {
	// Nothing is built there, which makes no difference.
	t.Setenv("INROADS_CACHE", t.TempDir())
	code, newest, stderr := try(t, "node-image", "hash")
	if code != ExitProven {
		t.Skipf("this machine builds no node image: %s", stderr)
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}\n$`).MatchString(newest) {
		t.Errorf("it prints %q, want a hash alone", newest)
	}
	if _, again, _ := try(t, "node-image", "hash"); again != newest {
		t.Errorf("it prints %q and then %q", newest, again)
	}
	if _, older, stderr := try(t, "node-image", "hash", "--kubernetes-version", "1.36"); older == newest || older == "" {
		t.Errorf("another version has the hash %q (%s)", older, stderr)
	}
	if code, _, stderr := try(t, "node-image", "hash", "--kubernetes-version", "0.9"); code == ExitProven || !strings.Contains(stderr, "0.9") {
		t.Errorf("a version that there is not: exit code %d, %q", code, stderr)
	}
}
