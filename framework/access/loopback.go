package access

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// CheckLoopback returns an error when the address cannot be listened on.
func CheckLoopback(ip string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return fmt.Errorf("listening on %s: %w", ip, err)
	}
	return l.Close()
}

// FreePort returns a TCP port at which nothing listened a moment ago, at any of this
// machine's addresses: a port that is free at one of them may be somebody's at
// another. Another process may take it first.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// CheckFree returns an error when something listens on the TCP port of a
// loopback address, IPv4 or IPv6.
func CheckFree(ctx context.Context, port int) error {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		address := net.JoinHostPort(ip, strconv.Itoa(port))
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return fmt.Errorf("looking whether %s is free: something listens there", address)
		}
	}
	return ctx.Err()
}

// OtherAddresses returns this machine's IP addresses but 127.0.0.1, at which a
// program listens that listens everywhere: those of interfaces that are up,
// without the link-local ones, which need a zone.
func OtherAddresses() ([]string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing this machine's addresses: %w", err)
	}
	var out []string
	for _, a := range addresses {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil || ip.IsLinkLocalUnicast() || ip.Equal(net.IPv4(127, 0, 0, 1)) {
			continue
		}
		out = append(out, ip.String())
	}
	return out, nil
}
