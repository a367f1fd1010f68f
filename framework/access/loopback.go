package access

import (
	"fmt"
	"net"
)

// CheckLoopback returns an error when the address cannot be listened on.
func CheckLoopback(ip string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return fmt.Errorf("listening on %s: %w", ip, err)
	}
	return l.Close()
}

// FreePort returns a TCP port of the loopback address that nothing listened on
// a moment ago. Another process may take it first.
func FreePort(ip string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return 0, fmt.Errorf("listening on %s: %w", ip, err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
