package access

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// datagramLimit is more than any datagram holds, in bytes.
const datagramLimit = 64 << 10

// AskUDP sends the text to the address in one datagram, and returns what the first
// one says that comes back before ctx ends. Its time limit must be that of ctx.
func AskUDP(ctx context.Context, address, text string) Result {
	r := Result{Target: "udp://" + address}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		r.Err = fmt.Errorf("reading address %q: %w", address, err)
		return r
	}
	r.Command = commandLine("printf", text) + " | " + commandLine("nc", "-u", "-w1", host, port)
	start := time.Now()
	answer := make([]byte, datagramLimit)
	n, err := exchange(ctx, address, text, answer)
	r.Duration, r.Stdout, r.Outcome = time.Since(start), string(answer[:n]), catalog.Reached
	if err != nil {
		r.Stderr = err.Error()
		r.Outcome = classify(r.Stderr)
	}
	return r
}

func exchange(ctx context.Context, address, text string, answer []byte) (int, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// An ended context has no other way to interrupt the read.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err := conn.Write([]byte(text)); err != nil {
		return 0, err
	}
	return conn.Read(answer)
}
