package access

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// portForwardReady is how kubectl says that a forwarded port listens; the address
// follows, and where it leads.
const portForwardReady = "Forwarding from "

// PortForward is a running kubectl port-forward.
type PortForward struct{ listening }

// StartPortForward runs kubectl port-forward from a free port of 127.0.0.1 to the
// port of a pod, with the arguments, and returns once it says that it listens. An
// error carries what kubectl printed instead. It ends with Stop, with ctx or with
// this process, whichever comes first.
func (h Host) StartPortForward(ctx context.Context, namespace, pod string, port int32, args ...string) (*PortForward, error) {
	f := &PortForward{}
	args = append([]string{"port-forward", "--namespace=" + namespace, "--address=127.0.0.1", "pod/" + pod, fmt.Sprintf(":%d", port)}, args...)
	if err := f.start(ctx, h, readForwarding, args); err != nil {
		return nil, err
	}
	return f, nil
}

// readForwarding reads what kubectl port-forward prints until it says where it
// listens, and returns that, or false when the output ends before. It reads no
// further.
func readForwarding(out io.Reader) (addr string, ok bool) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said, ok := strings.CutPrefix(lines.Text(), portForwardReady)
		addr, _, _ = strings.Cut(said, " -> ")
		if _, err := netip.ParseAddrPort(addr); ok && err == nil {
			return addr, true
		}
	}
	return "", false
}
