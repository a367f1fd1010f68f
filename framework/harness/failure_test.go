package harness

import (
	"strings"
	"testing"
)

func TestBriefIsOneLine(t *testing.T) {
	long := strings.Repeat("é", targetLimit)
	for command, want := range map[string]string{
		"":                          "",
		"curl https://x/api":        "curl https://x/api",
		"bash -c 'kubectl apply\n'": "bash -c 'kubectl apply…",
		long:                        long[:targetLimit] + "…",
		"a" + long:                  "a" + long[:targetLimit-2] + "…",
	} {
		if got := brief(command); got != want {
			t.Errorf("brief(%q): got %q, want %q", command, got, want)
		}
	}
}
