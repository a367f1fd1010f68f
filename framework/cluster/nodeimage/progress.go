package nodeimage

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// progress tells which part is being made, for how long, and what is next.
type progress struct {
	logf func(format string, args ...any)
	now  func() time.Time

	mu     sync.Mutex
	start  time.Time
	parts  []string
	states map[string]*state
}

type state struct {
	begun time.Time
	took  time.Duration
	done  bool
}

func newProgress(logf func(string, ...any), now func() time.Time, parts []part) *progress {
	p := &progress{logf: logf, now: now, start: now(), states: map[string]*state{}}
	for _, part := range parts {
		p.parts = append(p.parts, part.name)
		p.states[part.name] = &state{}
	}
	return p
}

func (p *progress) begin(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states[name].begun = p.now()
}

// end says that a part is finished; took is 0 for one that was in the cache.
func (p *progress) end(name string, took time.Duration) {
	p.mu.Lock()
	s := p.states[name]
	s.done, s.took = true, took
	line := p.line()
	p.mu.Unlock()
	how := "made in " + round(took).String()
	if took == 0 {
		how = "taken from the cache"
	}
	p.logf("%s: %s; %s", name, how, line)
}

// tell says what is going on once in a period, until done is closed.
func (p *progress) tell(done <-chan struct{}, period time.Duration) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			p.mu.Lock()
			line := p.line()
			p.mu.Unlock()
			p.logf("%s", line)
		}
	}
}

// line gives the elapsed time, the parts being made and those to come.
func (p *progress) line() string {
	var making, next []string
	for _, name := range p.parts {
		switch s := p.states[name]; {
		case s.done:
		case s.begun.IsZero():
			next = append(next, name)
		default:
			making = append(making, fmt.Sprintf("%s (%s)", name, round(p.now().Sub(s.begun))))
		}
	}
	text := round(p.now().Sub(p.start)).String() + " elapsed"
	if len(making) > 0 {
		text += ", making " + strings.Join(making, " and ")
	}
	if len(next) > 0 {
		text += ", next " + strings.Join(next, ", ")
	}
	return text
}

// timings are those of the parts that were made, in their order.
func (p *progress) timings() []Timing {
	p.mu.Lock()
	defer p.mu.Unlock()
	var timings []Timing
	for _, name := range p.parts {
		if s := p.states[name]; s.took > 0 {
			timings = append(timings, Timing{Part: name, Seconds: s.took.Round(100 * time.Millisecond).Seconds()})
		}
	}
	return timings
}
