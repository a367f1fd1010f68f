package access

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	// threadNetwork is the network namespace of the calling thread.
	threadNetwork = "/proc/thread-self/ns/net"
	loopbackName  = "lo"
)

// Network is a network with a loopback interface and nothing else: every port
// is free there, and nobody else can connect to what listens. It is a Linux
// network namespace. A nil Network is the machine's own.
type Network struct {
	namespace *os.File
}

// NewNetwork makes a network. Its error wraps ErrNoPrivateNetwork where this
// process may not; on Linux that takes CAP_SYS_ADMIN.
func NewNetwork() (*Network, error) {
	n := &Network{}
	err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w: %w", ErrNoPrivateNetwork, err)
		}
		var err error
		if n.namespace, err = os.Open(threadNetwork); err != nil {
			return fmt.Errorf("opening the network namespace: %w", err)
		}
		if err := raiseLoopback(); err != nil {
			return fmt.Errorf("raising its loopback interface: %w", err)
		}
		return nil
	})
	if err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

// Close gives the network up; it is gone with the last process and socket in
// it.
func (n *Network) Close() error {
	if n == nil || n.namespace == nil {
		return nil
	}
	return n.namespace.Close()
}

// inside calls f on a thread that is in the network: the sockets that f makes
// and the processes that it starts are in it for good.
func (n *Network) inside(f func() error) error {
	if n == nil {
		return f()
	}
	return onOwnThread(func() error {
		if err := unix.Setns(int(n.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the network namespace: %w", err)
		}
		return f()
	})
}

// onOwnThread calls f, which may move its thread to another network namespace,
// and moves the thread back. A thread that cannot be moved back stays locked
// and ends with the goroutine, so that no other code runs on it.
func onOwnThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open(threadNetwork)
		if err != nil {
			runtime.UnlockOSThread()
			result <- fmt.Errorf("opening the network namespace: %w", err)
			return
		}
		defer func() { _ = home.Close() }()
		err = f()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	request, err := unix.NewIfreq(loopbackName)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}
