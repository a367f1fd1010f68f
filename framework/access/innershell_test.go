package access

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// localShell starts a shell of this machine, and counts.
func localShell(started *int) func(context.Context, io.Reader, io.Writer, io.Writer) error {
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		*started++
		cmd := exec.CommandContext(ctx, "sh")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
		cmd.WaitDelay = time.Millisecond // for whoever holds the standard input
		return errors.Join(errors.New("ended"), cmd.Run())
	}
}

// TestConversation: one shell gives each script its own outputs and exit code, to the
// byte, with nothing on its standard input, and what one script does to its shell is
// no matter to the next.
func TestConversation(t *testing.T) {
	started := 0
	c := converse(t.Context(), localShell(&started))
	defer c.end()
	long := strings.Repeat("0123456789abcde\n", 1<<14)
	for _, row := range []struct {
		script string
		want   part
	}{
		{"echo one; exit 3", part{3, "one\n", ""}},
		{"cat; cd /; x=1; echo it\\'s bad >&2", part{0, "", "it's bad\n"}},
		{`printf 'a\nb'; printf '%s' "$x" >&2`, part{0, "a\nb", ""}},
		{"false; echo not reached", part{1, "", ""}},
		{"i=0; while [ $i -lt 16384 ]; do echo 0123456789abcde; echo 0123456789abcde >&2; i=$((i+1)); done", part{0, long, long}},
		{"", part{}},
	} {
		if got, err := c.ask(t.Context(), row.script); err != nil || got != row.want {
			t.Errorf("%q: got %+v and %v, want %+v", row.script, got, err, row.want)
		}
	}
	if started != 1 {
		t.Errorf("%d shells were started, want 1", started)
	}
}

// TestConversationEnds: whoever asks is told why there is no answer, and a shell in
// which time ran out is left.
func TestConversationEnds(t *testing.T) {
	started := 0
	c := converse(t.Context(), localShell(&started))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ask(ctx, "sleep 60"); !errors.Is(err, context.Canceled) {
		t.Errorf("asked for too short a time: %v", err)
	}
	<-c.done
	why := errors.New("no such container")
	c = converse(t.Context(), func(context.Context, io.Reader, io.Writer, io.Writer) error { return why })
	<-c.done
	if _, err := c.ask(t.Context(), "true"); !errors.Is(err, why) || !c.ended() {
		t.Errorf("asked where there is no shell: %v", err)
	}
	c = converse(t.Context(), func(_ context.Context, stdin io.Reader, stdout, _ io.Writer) error {
		_, err := bufio.NewReader(stdin).ReadString('\n')
		_, err2 := io.WriteString(stdout, "half of it")
		return errors.Join(why, err, err2)
	})
	if got, err := c.ask(t.Context(), "true"); !errors.Is(err, why) {
		t.Errorf("an answer that is cut short is %+v and %v", got, err)
	}
}

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
