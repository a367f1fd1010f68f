package measure

import (
	"context"
	"sync"
	"time"
)

// longestHold bounds how long one answer makes the ways wait.
const longestHold = 10 * time.Second

// gate keeps all ways back for as long as a server has asked to be left alone. The
// zero value is open.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

// hold keeps the gate shut for the time from now on, if it is not shut for longer.
func (g *gate) hold(d time.Duration) {
	if d <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(min(d, longestHold)); until.After(g.until) {
		g.until = until
	}
}

// wait returns when the gate is open or ctx ends.
func (g *gate) wait(ctx context.Context) {
	for {
		g.mu.Lock()
		left := time.Until(g.until)
		g.mu.Unlock()
		if left <= 0 || !pause(ctx, left) {
			return
		}
	}
}

// pause waits for the time, and returns false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
