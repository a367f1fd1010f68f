package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

// terminal is as much of one as the table needs: it knows line feeds, carriage
// returns, cursor up, and the erasing of a line or of the rest.
type terminal struct {
	lines []string
	row   int
	col   int
}

var control = regexp.MustCompile(`^\x1b\[([0-9;]*)([A-Za-z])`)

func (v *terminal) feed(t *testing.T, text string) {
	t.Helper()
	for text != "" {
		for len(v.lines) <= v.row {
			v.lines = append(v.lines, "")
		}
		if m := control.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			switch m[2] {
			case "A":
				n, _ := strconv.Atoi(m[1])
				if v.row -= n; v.row < 0 {
					t.Fatalf("the cursor leaves the screen")
				}
			case "K":
				line := []rune(v.lines[v.row])
				v.lines[v.row] = string(line[:min(v.col, len(line))])
			case "J":
				line := []rune(v.lines[v.row])
				v.lines = append(v.lines[:v.row], string(line[:min(v.col, len(line))]))
			case "m":
			default:
				t.Fatalf("an escape sequence that was not expected: %q", m[0])
			}
			continue
		}
		r, rest := []rune(text)[0], string([]rune(text)[1:])
		text = rest
		switch r {
		case '\r':
			v.col = 0
		case '\n':
			v.row, v.col = v.row+1, 0
		default:
			line := []rune(v.lines[v.row])
			for len(line) <= v.col {
				line = append(line, ' ')
			}
			line[v.col] = r
			v.lines[v.row] = string(line)
			v.col++
		}
	}
}

func (v *terminal) text() string { return strings.Join(v.lines, "\n") }

// newTestScreen returns a screen of the given size, whose clock stands.
func newTestScreen(out io.Writer, width, height *int) *screen {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &screen{out: out, size: func() (int, int) { return *width, *height }, now: func() time.Time { return clock }}
}

func claimsOfPaths(t *testing.T, ids ...catalog.ID) (claims []reports.Claim) {
	t.Helper()
	for _, id := range ids {
		c, err := catalog.Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, reports.Claim{ID: c.ID, Path: c.Path})
	}
	return claims
}

func TestScreenRedrawsInPlace(t *testing.T) {
	var out strings.Builder
	width, height := 80, 24
	s := newTestScreen(&out, &width, &height)
	seen := &terminal{}
	show := func() string {
		seen.feed(t, out.String())
		out.Reset()
		return strings.TrimSpace(seen.text())
	}
	if _, err := io.WriteString(s, "before the table\n"); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("before there is a table it prints %q, error %v", out.String(), err)
	}
	s.begin(t.Context(), claimsOfPaths(t, "kubectl/first-access", "kubectl/needs-location", "aap/dns-name"))
	s.hear("", reports.Event{Claim: "kubectl/first-access", Started: true})
	s.hear("", reports.Event{Claim: "aap/dns-name", Started: true})
	s.hear("", reports.Event{Claim: "kubectl/first-access", Verdict: catalog.Proven})
	if _, err := io.WriteString(s, "a line of the run\n"); err != nil {
		t.Fatal(err)
	}
	s.hear("", reports.Event{Claim: "aap/dns-name", Verdict: catalog.Disproven})
	s.hear("", reports.Event{Claim: "kubectl/needs-location", Started: true})
	s.hear("", reports.Event{Claim: "no/such", Verdict: catalog.Proven})
	s.end()
	want := strings.TrimSpace(`
before the table
a line of the run
PATH     RUNNING   PROVEN   BROKEN     LEFT    OTHER     TIME
kubectl        1        1        0        0        0       0s
pod            0        0        1        0        0       0s
3 claims in 0s: 1 proven, 1 broken, 1 running, 0 left, 0 other
`)
	if got := show(); got != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
	// What comes after it is below it.
	if _, err := io.WriteString(s, "after\n"); err != nil {
		t.Fatal(err)
	}
	s.hear("", reports.Event{Claim: "kubectl/needs-location", Verdict: catalog.Proven})
	if got := show(); got != want+"\nafter" {
		t.Errorf("the screen shows\n%s", got)
	}
}

func TestScreenColors(t *testing.T) {
	var out strings.Builder
	width, height := 80, 24
	s := newTestScreen(&out, &width, &height)
	s.color = true
	s.begin(t.Context(), claimsOfPaths(t, "aap/dns-name"))
	s.hear("", reports.Event{Claim: "aap/dns-name", Verdict: catalog.Disproven})
	s.end()
	if !strings.Contains(out.String(), red) || strings.Contains(out.String(), green) {
		t.Errorf("a broken path and none that is proven: %q", out.String())
	}
}

// TestScreenFits proves that no line is wider than the terminal and that there are
// no more lines than it has, whatever its size.
func TestScreenFits(t *testing.T) {
	var all []catalog.ID
	for _, c := range catalog.Claims() {
		all = append(all, c.ID)
	}
	width, height := 0, 0
	var out strings.Builder
	s := newTestScreen(&out, &width, &height)
	s.begin(t.Context(), claimsOfPaths(t, all...))
	defer s.end()
	s.hear("", reports.Event{Claim: "aap/dns-name", Verdict: catalog.Disproven})
	for _, size := range [][2]int{{200, 60}, {80, 24}, {60, 24}, {41, 10}, {39, 24}, {80, 6}, {80, 4}, {80, 3}, {80, 1}, {10, 2}, {1, 1}, {0, 0}} {
		width, height := size[0], size[1]
		lines := s.table(width, height)
		if width == 0 {
			width, height = unknownWidth, len(lines)+1
		}
		if len(lines) == 0 || len(lines) > max(1, height-1) {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, l := range lines {
			if l.width() > max(0, width-1) {
				t.Errorf("%v: a line of %d: %q", size, l.width(), l.paint(false))
			}
		}
		// What is broken is seen as long as there is a row at all.
		if len(lines) > 2 && !strings.Contains(allOf(lines), "\npod ") {
			t.Errorf("%v: the broken path is not shown:\n%s", size, allOf(lines))
		}
	}
}

func allOf(lines []tableLine) (text string) {
	for _, l := range lines {
		text += l.paint(false) + "\n"
	}
	return text
}

// TestScreenAfterResize proves that a table that the terminal has wrapped is
// replaced as a whole.
func TestScreenAfterResize(t *testing.T) {
	var out strings.Builder
	width, height := 80, 24
	s := newTestScreen(&out, &width, &height)
	s.begin(t.Context(), claimsOfPaths(t, "aap/dns-name"))
	defer s.end()
	s.draw()
	lines := len(s.drawn)
	out.Reset()
	width = 45
	wrapped := 0
	for _, w := range s.drawn {
		wrapped += (w - 1) / 45
	}
	if wrapped == 0 {
		t.Fatal("nothing is wrapped")
	}
	s.draw()
	if want := "\x1b[" + strconv.Itoa(lines+wrapped) + "A\r"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("drew %q, want %q first", out.String(), want)
	}
}

// TestScreenOnATerminal runs the run of the fixture on a pseudo terminal, where the
// table is redrawn, and on a pipe, which gets no escape sequence.
func TestScreenOnATerminal(t *testing.T) {
	for _, tt := range []struct {
		name     string
		terminal bool
		env      map[string]string
		quiet    bool
		redraws  bool
		colors   bool
	}{
		{"terminal", true, map[string]string{"TERM": "xterm"}, false, true, true},
		{"terminal without color", true, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false, true, false},
		{"dumb terminal", true, map[string]string{"TERM": "dumb"}, false, false, false},
		{"terminal of a CI system", true, map[string]string{"TERM": "xterm", "CI": "true"}, false, false, false},
		{"quiet", true, map[string]string{"TERM": "xterm"}, true, false, false},
		{"pipe", false, map[string]string{"TERM": "xterm"}, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"CI", "NO_COLOR", "TERM"} {
				t.Setenv(name, tt.env[name])
			}
			reader, writer, err := os.Pipe()
			if tt.terminal {
				reader, writer, err = pty.Open()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close() }()
			if tt.terminal {
				if err := pty.Setsize(reader, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
					t.Fatal(err)
				}
			}
			printed := make(chan string)
			go func() {
				var text strings.Builder
				for in := bufio.NewReader(reader); ; {
					b, err := in.ReadByte()
					if err != nil {
						break // the end of a terminal is an error, EIO
					}
					text.WriteByte(b)
				}
				printed <- text.String()
			}()
			f := newFixture(t)
			f.streams.Out = writer
			f.specs = func(_ context.Context, o parallel.Options) error {
				return f.report(o, catalog.Proven, catalog.Disproven)
			}
			f.present(tt.quiet)
			_ = f.run(t.Context())
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			got := <-printed
			if redraws := strings.Contains(got, "A\r") && strings.Contains(got, eraseRest); redraws != tt.redraws {
				t.Errorf("redraws: %v, want %v:\n%q", redraws, tt.redraws, got)
			}
			if !tt.redraws && strings.Contains(got, "\x1b") {
				t.Errorf("an escape sequence in\n%q", got)
			}
			if colors := strings.Contains(got, red); colors != tt.colors {
				t.Errorf("colors: %v, want %v", colors, tt.colors)
			}
			if lines := strings.Contains(got, "[1/2] proven"); lines != (!tt.redraws && !tt.quiet) {
				t.Errorf("a line for a claim that is proven: %v", lines)
			}
			if !strings.Contains(got, "1 passed, 1 failed, 0 skipped") {
				t.Errorf("no summary in\n%s", got)
			}
			if tt.redraws {
				seen := &terminal{}
				seen.feed(t, strings.ReplaceAll(got, "\r\n", "\n"))
				if text := seen.text(); strings.Count(text, "PATH ") != 1 || !strings.Contains(text, "2 claims in 0s: 1 proven, 1 broken, 0 running, 0 left") {
					t.Errorf("in the end the terminal shows\n%s", text)
				}
			}
		})
	}
}
