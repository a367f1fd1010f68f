package access

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
)

// heardLimit bounds what a Tap remembers of each connection, in bytes.
const heardLimit = 64 << 10

// Tap passes every connection that comes to a loopback address on to another
// address, and hears what the clients say, as somebody does who listens on the
// network and changes nothing.
type Tap struct {
	// Addr is where it listens.
	Addr string

	listener net.Listener
	stop     context.CancelFunc
	relaying sync.WaitGroup

	mu    sync.Mutex
	heard []*Heard
}

// Heard is what a client has sent on one connection so far. It may hold a
// credential, and tells none.
type Heard struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

// StartTap starts a tap before the TCP address. It ends with Stop or with ctx.
func StartTap(ctx context.Context, address string) (*Tap, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(mitmHost, "0"))
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", mitmHost, err)
	}
	ctx, stop := context.WithCancel(ctx)
	t := &Tap{Addr: l.Addr().String(), listener: l, stop: stop}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	t.relaying.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			t.relaying.Go(func() { join(ctx, near, t.hear(), address) })
		}
	})
	return t, nil
}

func (t *Tap) hear() *Heard {
	h := &Heard{}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = append(t.heard, h)
	return h
}

// Heard returns what was heard on each connection on which the client has said
// something, first come first. It is there before the server's answer to it.
func (t *Tap) Heard() []*Heard {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.heard), func(h *Heard) bool { return h.String() == "" })
}

// Stop ends the tap and its connections and waits until they are gone.
func (t *Tap) Stop() {
	t.stop()
	t.relaying.Wait()
}

// Write is for the connection.
func (h *Heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent.Write(b[:min(len(b), heardLimit-h.sent.Len())])
	return len(b), nil
}

// TLS is whether it begins as a TLS handshake does.
func (h *Heard) TLS() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A record of the type handshake, in the record format of TLS 1.0 to 1.3.
	return bytes.HasPrefix(h.sent.Bytes(), []byte{22, 3})
}

// Says is whether the text is in it, in clear.
func (h *Heard) Says(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.sent.String(), text)
}

// String says what kind of speech it is, and "" if nothing was said.
func (h *Heard) String() string {
	tls := h.TLS()
	h.mu.Lock()
	defer h.mu.Unlock()
	line, _, _ := strings.Cut(h.sent.String(), "\r\n")
	switch {
	case tls:
		return "a TLS handshake"
	case line == "":
		return ""
	default:
		return fmt.Sprintf("%q in clear", clip(line))
	}
}

// Format keeps what was heard out of every message that prints it.
func (h *Heard) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(h.String())) }
