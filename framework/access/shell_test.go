package access

import (
	"os/exec"
	"strings"
	"testing"
)

// TestACommandLineIsReadAsTheCommand has a shell read what is told of commands.
func TestACommandLineIsReadAsTheCommand(t *testing.T) {
	words := []string{
		"plain", "", "two words", "it's", `curl --write-out '\n%{http_code}' 'http://a/?b=c&d=e'`, `'\'`, `'\\'`, "'\\\n'", "'a\nb'",
		"'$HOME'", "'`id`'", `'"'`, "'!'", "*", `\`, "'~'", "'#'",
	}
	said := commandLine(append([]string{"printf", `%s\0`}, words...)...)
	for _, shell := range []string{"sh", "bash"} {
		out, err := exec.CommandContext(t.Context(), shell, "-c", said).Output()
		if want := strings.Join(words, "\x00") + "\x00"; err != nil || string(out) != want {
			t.Errorf("%s: %v: got %q, want %q from %s", shell, err, out, want, said)
		}
	}
	if got, want := commandLine("sh", "-ec", "cat '/a b'"), `sh -ec "cat '/a b'"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
