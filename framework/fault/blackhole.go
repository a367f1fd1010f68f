package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

const (
	// queueMost is how many connections may be tried to fill a queue for one.
	queueMost = 16
	// queueTime is how long a connection to loopback may take until it is clear
	// that nobody answers.
	queueTime = 200 * time.Millisecond
)

// blackHole is a loopback address that answers no one who wants to connect. It
// takes no rights and no packet leaves the machine: a listener accepts nothing,
// and while its queue is full the kernel drops what asks for a place in it.
type blackHole struct {
	// Address is host and port.
	Address string

	listener net.Listener
	queued   []net.Conn
}

// digBlackHole fills the queue and returns once a connection was not made.
func digBlackHole(ctx context.Context) (*blackHole, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	hole := &blackHole{Address: listener.Addr().String(), listener: listener}
	if err := shorten(listener.(*net.TCPListener)); err != nil {
		hole.Close()
		return nil, fmt.Errorf("shortening the queue of %q: %w", hole.Address, err)
	}
	dialer := &net.Dialer{Timeout: queueTime}
	for range queueMost {
		conn, err := dialer.DialContext(ctx, "tcp", hole.Address)
		switch {
		case ctx.Err() != nil:
			hole.Close()
			return nil, fmt.Errorf("filling the queue of %q: %w", hole.Address, context.Cause(ctx))
		case timedOut(err):
			return hole, nil
		case err != nil:
			hole.Close()
			return nil, fmt.Errorf("filling the queue of %q: %w", hole.Address, err)
		}
		hole.queued = append(hole.queued, conn)
	}
	hole.Close()
	return nil, fmt.Errorf("filling the queue of %q: it has places for %d and more", hole.Address, queueMost)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// shorten gives the listener the shortest queue that there is: Go asks for the
// longest, and listening again changes it.
func shorten(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	return errors.Join(raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), 0) }), failed)
}

// Close gives the address back.
func (h *blackHole) Close() {
	_ = h.listener.Close()
	for _, c := range h.queued {
		_ = c.Close()
	}
}
