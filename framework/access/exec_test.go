package access

import (
	"os/exec"
	"slices"
	"testing"
)

// TestTogether: each of several scripts gets its own outputs and exit code back,
// to the byte.
func TestTogether(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "sh", "-ec", together([]string{
		`printf 'two\nlines'`,
		"false; echo not reached",
		"echo '0 1 2'; echo it\\'s bad >&2; exit 7",
	})).Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := takeApart(string(out), 3)
	if err != nil {
		t.Fatal(err)
	}
	want := []part{{0, "two\nlines", ""}, {1, "", ""}, {7, "0 1 2\n", "it's bad\n"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, broken := range []string{"", "0 5 0\nfour", "0 -1 0\n", "what\n"} {
		if got, err := takeApart(broken, 1); err == nil {
			t.Errorf("%q: got %v, want an error", broken, got)
		}
	}
}
