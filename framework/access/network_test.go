package access

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

func TestPrivateNetwork(t *testing.T) {
	n, err := NewNetwork()
	if errors.Is(err, ErrNoPrivateNetwork) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = outside.Close() }()

	inside, err := n.Listen("tcp", outside.Addr().String())
	if err != nil {
		t.Fatalf("a port of the machine is not free in the network: %v", err)
	}
	defer func() { _ = inside.Close() }()
	if _, err := n.Listen("tcp", outside.Addr().String()); err == nil {
		t.Error("a port of the network was listened on twice")
	}
	again, err := net.Listen("tcp", outside.Addr().String())
	if err == nil {
		_ = again.Close()
		t.Error("the thread that made the network did not come back from it")
	}
}

func TestRelay(t *testing.T) {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	near, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	go Relay(t.Context(), near, far.Addr().String())
	go func() {
		c, err := far.Accept()
		if err != nil {
			return
		}
		said, _ := io.ReadAll(c)
		_, _ = c.Write(append([]byte("heard "), said...))
		_ = c.Close()
	}()

	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", near.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != "heard hello" {
		t.Errorf("got %q, %v", got, err)
	}
}
