package fault

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// relay passes what arrives at a loopback address on to another address, and
// back, without a look at it.
type relay struct {
	// Address is where it listens, host and port.
	Address string

	listener net.Listener
	stop     context.CancelFunc
	serving  sync.WaitGroup
}

// startRelay listens on a free port of the loopback address. The relay does not
// end with ctx but with Close.
func startRelay(ctx context.Context, ip, target string) (*relay, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", ip, err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &relay{Address: listener.Addr().String(), listener: listener, stop: stop}
	r.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.serving.Go(func() { pass(ctx, conn, target) })
		}
	})
	return r, nil
}

// Close ends the relay and its connections and waits until they are gone.
func (r *relay) Close() {
	r.stop()
	_ = r.listener.Close()
	r.serving.Wait()
}

// pass joins a connection to a new one to the target until both have ended.
func pass(ctx context.Context, near net.Conn, target string) {
	defer func() { _ = near.Close() }()
	far, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	defer context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })()
	var both sync.WaitGroup
	both.Go(func() { half(far, near) })
	both.Go(func() { half(near, far) })
	both.Wait()
}

// half copies one way and passes the end on.
func half(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if c, ok := to.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
}
