package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
)

// ErrNoPrivateNetwork is wrapped by the error of NewNetwork where this process
// may not make a network.
var ErrNoPrivateNetwork = errors.New("no network of its own")

// Listen listens in the network; a nil Network is the machine's own.
func (n *Network) Listen(network, address string) (net.Listener, error) {
	var l net.Listener
	err := n.inside(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return l, nil
}

// start starts the command in the network.
func (n *Network) start(cmd *exec.Cmd) error { return n.inside(cmd.Start) }

// run starts the command in the network and waits for it.
func (n *Network) run(cmd *exec.Cmd) error {
	if err := n.start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// Relay passes every connection that the listener accepts to the TCP address,
// which it dials in the machine's own network. It ends with the listener and
// its connections with ctx.
func Relay(ctx context.Context, l net.Listener, address string) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		go Join(ctx, near, address)
	}
}

// Join joins a connection to a new one to the TCP address until both have ended,
// or until ctx has.
func Join(ctx context.Context, near net.Conn, address string) { join(ctx, near, io.Discard, address) }

// join is Join; what arrives on the connection is told to hear before it goes on.
func join(ctx context.Context, near net.Conn, hear io.Writer, address string) {
	defer func() { _ = near.Close() }()
	far, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	defer context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })()
	var both sync.WaitGroup
	both.Go(func() { pass(far, io.TeeReader(near, hear)) })
	both.Go(func() { pass(near, far) })
	both.Wait()
}

// pass copies until one side has said all, and tells the other so.
func pass(to net.Conn, from io.Reader) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
