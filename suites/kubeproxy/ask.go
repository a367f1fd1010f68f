package kubeproxy

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// connectTime and curlTime bound a connection and all of a request, in
	// seconds; connectTime sees a packet sent twice. The dialer waits five seconds
	// for an answer, datagramTime is more.
	connectTime  = 3
	curlTime     = 5
	datagramTime = 7

	// hostname makes a backend say the name of its pod.
	hostname = "/hostname"

	// printConnects has curl print the number of connections that a request took
	// on the line of its answer.
	printConnects = ` %{num_connects}\n`
)

// ask asks one address, "host:port": a script for sh, and what its result says.
type ask struct {
	script func(address string) string
	read   func(access.Result) access.Result
}

// curl returns the command that asks a URL, with more arguments for sh.
func curl(seconds int, format, url string, more ...string) string {
	return fmt.Sprintf("curl --silent --show-error --noproxy '*' --connect-timeout %d --max-time %d --write-out '%s' %s '%s'",
		connectTime, seconds, format, strings.Join(more, " "), url)
}

// get asks for a path over HTTP, in a connection of its own.
func get(path string) ask {
	return ask{func(address string) string { return curl(curlTime, access.CurlStatus, "http://"+address+path) }, access.ReadCurl}
}

// send sends a datagram from a socket of its own; what is read is the answer.
func send(datagram string) ask {
	return ask{
		func(address string) string {
			// Both are of this package's making, so there is always a port.
			host, port, _ := net.SplitHostPort(address)
			q := url.Values{"host": {host}, "port": {port}, "protocol": {"udp"}, "request": {datagram}, "tries": {"1"}}
			return curl(datagramTime, access.CurlStatus, fmt.Sprintf("http://127.0.0.1:%d/dial?%s", dialerPort, q.Encode()))
		},
		readDatagram,
	}
}

func readDatagram(r access.Result) access.Result {
	r = access.ReadCurl(r)
	if r.Err == nil && r.Outcome != catalog.Reached {
		r.Outcome, r.Err = catalog.Unknown, fmt.Errorf("asking %s of the place: %s", dialer, r.Outcome)
	}
	if r.Err != nil {
		return r
	}
	var said struct{ Responses, Errors []string }
	if err := json.Unmarshal([]byte(r.Stdout), &said); err != nil {
		r.Outcome, r.Err = catalog.Unknown, fmt.Errorf("reading what %s says: %w", dialer, err)
		return r
	}
	// The status was that of the dialer.
	r.Status, r.Stdout, r.Stderr = 0, strings.Join(said.Responses, "\n"), strings.Join(said.Errors, "\n")
	if r.Stderr != "" {
		r.Outcome = access.OutcomeOf(r.Stderr)
	}
	return r
}

// apart asks for the name of the pod n times, in connections of their own; what
// is read is a name per line.
func apart(n int) ask { return many(n, n, "--header 'Connection: close'") }

// inOneConnection asks for the name of the pod n times, in one connection.
func inOneConnection(n int) ask { return many(n, 1) }

func many(n, connections int, more ...string) ask {
	return ask{
		func(address string) string {
			return curl(curlTime, printConnects, fmt.Sprintf("http://%s%s?[1-%d]", address, hostname, n), append(more, "--fail", "--fail-early")...)
		},
		func(r access.Result) access.Result { return readMany(access.CurlOutcome(r), n, connections) },
	}
}

func readMany(r access.Result, n, connections int) access.Result {
	var names []string
	made := 0
	for line := range strings.Lines(r.Stdout) {
		name, count, _ := strings.Cut(strings.TrimSpace(line), " ")
		if c, err := strconv.Atoi(count); err == nil {
			names, made = append(names, name), made+c
		}
	}
	if r.Err == nil && r.Outcome == catalog.Reached && (len(names) != n || made != connections) {
		r.Outcome, r.Err = catalog.Unknown, fmt.Errorf("asking %d times in %d connections: got %d answers in %d", n, connections, len(names), made)
	}
	r.Stdout = strings.Join(names, "\n")
	return r
}

// names are those that an answer of many names holds.
func names(r access.Result) []string { return strings.Fields(r.Stdout) }

// gopher sends the line that the server without HTTP waits for, as curl does when
// it speaks Gopher.
func gopher(line string) ask {
	return ask{func(address string) string { return curl(curlTime, "", "gopher://"+address+"/1"+url.PathEscape(line)) }, access.CurlOutcome}
}
