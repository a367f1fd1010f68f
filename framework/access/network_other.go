//go:build !linux

package access

import "fmt"

// Network is a network of this process's own, which this operating system does
// not have. A nil Network is the machine's own.
type Network struct{}

// NewNetwork returns an error that wraps ErrNoPrivateNetwork.
func NewNetwork() (*Network, error) {
	return nil, fmt.Errorf("making a network: %w: it takes Linux", ErrNoPrivateNetwork)
}

// Close does nothing.
func (n *Network) Close() error { return nil }

func (n *Network) inside(f func() error) error { return f() }
