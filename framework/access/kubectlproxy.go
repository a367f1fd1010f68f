package access

import (
	"bufio"
	"context"
	"io"
	"strings"
	"unicode"
)

// KubectlProxyReady is how kubectl says that its proxy listens; the address
// follows.
const KubectlProxyReady = "Starting to serve on "

// KubectlProxyServes is whether the last line that a kubectl proxy printed, in a
// container say, is that it listens.
func KubectlProxyServes(lines []string) bool {
	return strings.HasPrefix(lines[len(lines)-1], KubectlProxyReady)
}

// KubectlProxy is a running kubectl proxy. Its address may also be the path of a
// socket.
type KubectlProxy struct{ listening }

// StartKubectlProxy runs kubectl proxy with the arguments and returns once it
// says that it serves. An error carries what kubectl printed instead. The proxy
// ends with Stop, with ctx or with this process, whichever comes first.
func (h Host) StartKubectlProxy(ctx context.Context, args ...string) (*KubectlProxy, error) {
	p := &KubectlProxy{}
	args = append([]string{"proxy"}, args...)
	if err := p.start(ctx, h, readServing, args); err != nil {
		return nil, err
	}
	h.Journal.note(Started{Addr: p.Addr, Args: args, Host: h})
	return p, nil
}

// readServing reads what kubectl proxy prints until it says where it listens, and
// returns that, or false when the output ends before. It reads no further.
func readServing(out io.Reader) (addr string, ok bool) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said, ok := strings.CutPrefix(lines.Text(), KubectlProxyReady)
		if addr = strings.TrimSpace(said); ok && addr != "" && !strings.ContainsFunc(addr, unicode.IsControl) {
			return addr, true
		}
	}
	return "", false
}
