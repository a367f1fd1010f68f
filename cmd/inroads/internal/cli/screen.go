package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/reports"
)

// tick is how often the table is drawn again while nothing happens, for its times.
const tick = time.Second

// screen keeps a table of the paths, or of the contexts where the run has several,
// below what a run prints on a terminal, and draws it again in place. What is
// written to it stays above the table.
type screen struct {
	out io.Writer
	// size returns the terminal's columns and lines.
	size  func() (width, height int)
	now   func() time.Time
	color bool

	mu    sync.Mutex
	began time.Time
	// head names what the rows are of, in the order of which they are.
	head  string
	order []string
	rows  []*row
	// drawn are the widths of the lines of the table that is on the screen.
	drawn []int
	// retired is whether nothing is drawn any more.
	retired bool
	stop    func()
}

// row counts the claims of one path or one context.
type row struct {
	name                               string
	of, running, proven, broken, other int
	// first is when the first of its claims began, and last when one ended last.
	first, last time.Time
}

func (p *row) left() int { return max(0, p.of-p.proven-p.broken-p.other-p.running) }

// newScreen returns the screen of the terminal that out is, or nil: where out is
// no terminal, cannot move its cursor or is a CI system's.
func newScreen(out io.Writer, getenv func(string) string) *screen {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || getenv("CI") != "" {
		return nil
	}
	if t := getenv("TERM"); t == "" || t == "dumb" {
		return nil
	}
	return &screen{
		out:   file,
		color: getenv("NO_COLOR") == "",
		now:   time.Now,
		size: func() (int, int) {
			width, height, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return 0, 0
			}
			return width, height
		},
	}
}

// begin shows the table of the claims, until ctx ends or end is called.
func (s *screen) begin(ctx context.Context, claims []reports.Claim) {
	s.mu.Lock()
	s.began, s.head, s.order = s.now(), headPath, pathIDs()
	if contexts := reports.ContextsOf(claims); len(contexts) > 0 {
		s.head, s.order = headContext, contexts
	}
	for _, c := range claims {
		s.row(cmp.Or(c.Context, string(c.Path))).of++
	}
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var going sync.WaitGroup
	s.stop = func() { cancel(); going.Wait() }
	going.Go(func() {
		again := time.NewTicker(tick)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				// Others write to the terminal too now, and below the table.
				s.retire()
				return
			case <-again.C:
				s.draw()
			}
		}
	})
}

// end draws the table a last time and leaves it there.
func (s *screen) end() {
	s.draw()
	if s.stop != nil {
		s.stop()
	}
}

func (s *screen) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired, s.drawn = true, nil
}

// row returns that of the path or the context, which it makes. The rows are in the
// order of the documentation, or of the contexts.
func (s *screen) row(name string) *row {
	for _, r := range s.rows {
		if r.name == name {
			return r
		}
	}
	r := &row{name: name}
	s.rows = append(s.rows, r)
	slices.SortStableFunc(s.rows, func(a, b *row) int {
		return slices.Index(s.order, a.name) - slices.Index(s.order, b.name)
	})
	return r
}

// hear counts the events, which are of the context where the run has several.
func (s *screen) hear(context string, events ...reports.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		if claim, err := catalog.Lookup(e.Claim); err == nil {
			s.row(cmp.Or(context, string(claim.Path))).count(e, s.now())
		}
	}
	_ = s.redraw("")
}

func (p *row) count(e reports.Event, now time.Time) {
	if p.first.IsZero() {
		p.first = now
	}
	switch {
	case e.Started:
		p.running++
		return
	case e.Verdict == catalog.Proven:
		p.proven++
	case e.Verdict == catalog.Disproven:
		p.broken++
	default:
		p.other++
	}
	p.running, p.last = max(0, p.running-1), now
}

// Write prints whole lines above the table.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(b), s.redraw(string(b))
}

func (s *screen) draw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.redraw("")
}

const (
	eraseLine = "\x1b[K"
	eraseRest = "\x1b[J"
	green     = "\x1b[32m"
	red       = "\x1b[31m"
	plain     = "\x1b[0m"
)

// redraw prints the text where the table was and the table below it, in a single
// write, so that nothing flickers.
func (s *screen) redraw(text string) error {
	if s.retired || s.began.IsZero() {
		_, err := io.WriteString(s.out, text)
		return err
	}
	width, height := s.size()
	lines := s.table(width, height)
	var out strings.Builder
	if up := physical(s.drawn, width); up > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\r", up)
	}
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimSuffix(line, "\n") + eraseLine + "\n")
	}
	s.drawn = s.drawn[:0]
	for _, l := range lines {
		out.WriteString(l.paint(s.color) + eraseLine + "\n")
		s.drawn = append(s.drawn, l.width())
	}
	out.WriteString(eraseRest)
	_, err := io.WriteString(s.out, out.String())
	return err
}

// physical is how many lines of the terminal the drawn lines take, some of which
// it has wrapped if it has become narrower since.
func physical(drawn []int, width int) (n int) {
	for _, w := range drawn {
		n++
		if width > 0 && w > width {
			n += (w - 1) / width
		}
	}
	return n
}

// cell is a piece of a line, in a color or in "".
type cell struct{ text, color string }

type tableLine []cell

func (l tableLine) width() (n int) {
	for _, c := range l {
		n += utf8.RuneCountInString(c.text)
	}
	return n
}

func (l tableLine) paint(color bool) string {
	var out strings.Builder
	for _, c := range l {
		if color && c.color != "" {
			out.WriteString(c.color + c.text + plain)
		} else {
			out.WriteString(c.text)
		}
	}
	return out.String()
}

// clip cuts the line to the width, so that the terminal does not wrap it.
func (l tableLine) clip(width int) tableLine {
	var out tableLine
	for _, c := range l {
		runes := []rune(c.text)
		if len(runes) > width {
			runes = runes[:max(0, width)]
		}
		width -= len(runes)
		out = append(out, cell{string(runes), c.color})
	}
	return out
}

// The heads of the first column.
const (
	headPath    = "PATH"
	headContext = "CONTEXT"
)

const (
	// numberWidth is that of a column of numbers with the space before it.
	numberWidth = 9
	// narrow is the width below which only the line of the sums is drawn.
	narrow = 40
	// unknownWidth is taken for the width of a terminal that does not tell it.
	unknownWidth = 80
)

// table returns the lines to draw: a head, a row for each path, and the sums. What
// the terminal has no lines for is left out, paths where nothing goes on first.
func (s *screen) table(width, height int) []tableLine {
	if width <= 0 {
		width = unknownWidth
	}
	// In the last column some terminals wrap at once.
	width--
	sums := s.sums()
	room := len(s.rows)
	if height > 0 {
		// The head, the sums and the line that the cursor is on.
		room = min(room, height-3)
	}
	if width < narrow || room < 1 {
		return []tableLine{sums.clip(width)}
	}
	name := len(s.head)
	for _, r := range s.rows {
		name = max(name, utf8.RuneCountInString(r.name))
	}
	name = min(name, width-4*numberWidth)
	if name < len(s.head) {
		return []tableLine{sums.clip(width)}
	}
	timed := name+6*numberWidth <= width
	head := fmt.Sprintf("%-*s%*s%*s%*s%*s", name, s.head, numberWidth, "RUNNING", numberWidth, "PROVEN", numberWidth, "BROKEN", numberWidth, "LEFT")
	if timed {
		head += fmt.Sprintf("%*s%*s", numberWidth, "OTHER", numberWidth, "TIME")
	}
	lines := []tableLine{{{head, ""}}}
	for _, r := range s.shown(room) {
		lines = append(lines, r.line(name, timed, s.now()))
	}
	for i := range lines {
		lines[i] = lines[i].clip(width)
	}
	return append(lines, sums.clip(width))
}

// shown returns the rows that there is room for, in their order: those where
// something is broken or runs come before those that have something left.
func (s *screen) shown(room int) []*row {
	if len(s.rows) <= room {
		return s.rows
	}
	weight := func(r *row) int {
		switch {
		case r.broken > 0:
			return 0
		case r.running > 0:
			return 1
		case r.left() > 0:
			return 2
		}
		return 3
	}
	chosen := slices.Clone(s.rows)
	slices.SortStableFunc(chosen, func(a, b *row) int { return weight(a) - weight(b) })
	chosen = chosen[:room]
	return slices.DeleteFunc(slices.Clone(s.rows), func(r *row) bool { return !slices.Contains(chosen, r) })
}

func (p *row) line(name int, timed bool, now time.Time) tableLine {
	text := []rune(p.name)
	text = text[:min(len(text), name)]
	line := tableLine{
		{fmt.Sprintf("%-*s%*d", name, string(text), numberWidth, p.running), ""},
		{fmt.Sprintf("%*d", numberWidth, p.proven), colorIf(p.proven > 0, green)},
		{fmt.Sprintf("%*d", numberWidth, p.broken), colorIf(p.broken > 0, red)},
		{fmt.Sprintf("%*d", numberWidth, p.left()), ""},
	}
	if timed {
		took := ""
		if end := p.last; !p.first.IsZero() {
			if p.running > 0 {
				end = now
			}
			took = end.Sub(p.first).Round(time.Second).String()
		}
		line = append(line, cell{fmt.Sprintf("%*d%*s", numberWidth, p.other, numberWidth, took), ""})
	}
	return line
}

func colorIf(is bool, color string) string {
	if is {
		return color
	}
	return ""
}

// sums is the last line of the table.
func (s *screen) sums() tableLine {
	var all row
	for _, r := range s.rows {
		all.of += r.of
		all.running += r.running
		all.proven += r.proven
		all.broken += r.broken
		all.other += r.other
	}
	return tableLine{
		{fmt.Sprintf("%d claims in %s: ", all.of, s.now().Sub(s.began).Round(time.Second)), ""},
		{fmt.Sprintf("%d proven", all.proven), colorIf(all.proven > 0, green)},
		{", ", ""},
		{fmt.Sprintf("%d broken", all.broken), colorIf(all.broken > 0, red)},
		{fmt.Sprintf(", %d running, %d left, %d other", all.running, all.left(), all.other), ""},
	}
}
