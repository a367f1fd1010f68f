package probe

import (
	"cmp"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The exit codes of curl that tell of a hop.
const (
	curlNoHost     = 6
	curlNoConnect  = 7
	curlTimeout    = 28
	curlTLS        = 35
	curlOldName    = 51
	curlUntrusted  = 60
	curlCannotRead = 77
)

// The states of a file of the service account volume.
const (
	fileOK      = "ok"
	fileMissing = "missing"
	fileWrong   = "wrong"
)

// podReport is what the script in a container saw.
type podReport struct {
	// complete is whether the script came to its end.
	complete bool
	// problem is why it could not, if it knows.
	problem   string
	files     []podFile
	namespace string
	// nameServer and search are of the container's resolv.conf.
	nameServer, search string
	// nameServerRefuses is whether nothing listens at the name server.
	nameServerRefuses bool
	// host is KUBERNETES_SERVICE_HOST, or "".
	host string
	// byName and byEnvironment are the two ways without a credential.
	byName, byEnvironment podCall
	// endpoints are the ways past the Service, sorted by address.
	endpoints []podCall
	// requests are those with the token, by their paths.
	requests map[string]podCall
}

type podFile struct{ name, state, why string }

// podCall is one call of curl.
type podCall struct {
	asked bool
	exit  int
	// status is the HTTP status, or 0 if no response arrived.
	status int
	body   string
	// said is curl's own message, and peer whose certificate it saw.
	said, peer string
	// there is whether curl says that it is connected.
	there bool
	// address is that which was dialled, and origin where it comes from.
	address, origin string
	// The legs, each by itself; zero if it was not passed.
	resolve, dial, tls, answer time.Duration
	// total is the time of all legs, also of those not passed.
	total time.Duration
}

// connected is whether the address was reached. curl gives the time of the
// connection only once the handshake on it is over.
func (c podCall) connected() bool {
	return c.there || c.dial > 0 || !slices.Contains([]int{curlNoHost, curlNoConnect, curlTimeout}, c.exit)
}

// host is the address without its port.
func (c podCall) host() string {
	host, _, err := net.SplitHostPort(c.address)
	if err != nil {
		return c.address
	}
	return host
}

// silent is whether nobody answered, not even to refuse.
func (c podCall) silent() bool {
	return c.exit == curlTimeout || strings.Contains(c.said, "No route to host") || strings.Contains(c.said, "unreachable")
}

// tlsCode returns what broke the handshake, or "".
func (c podCall) tlsCode() Code {
	switch c.exit {
	case curlUntrusted, curlOldName:
		switch {
		case strings.Contains(c.said, "subject name") || c.exit == curlOldName:
			return TLSName
		case strings.Contains(c.said, "expired"), strings.Contains(c.said, "not yet valid"):
			return TLSValidity
		}
		return TLSAuthority
	case curlCannotRead:
		return TLSAuthority
	case curlTLS:
		if strings.Contains(c.said, "wrong version number") || strings.Contains(c.said, "packet length too long") {
			return TLSNotTLS
		}
		return TLSBroken
	}
	switch {
	case c.exit == 0 || c.tls > 0 || !c.connected():
		return ""
	case c.exit == curlTimeout:
		return TLSTimeout
	}
	return TLSBroken
}

// connections returns the ways without a credential that were gone.
func (r podReport) connections() []podCall {
	all := []podCall{r.byName}
	if r.byEnvironment.asked && r.byEnvironment.address != r.byName.address {
		all = append(all, r.byEnvironment)
	}
	return all
}

// beyond returns a way past the Service that is open, or else one that is not, and
// whether any was gone.
func (r podReport) beyond() (podCall, bool) {
	if len(r.endpoints) == 0 {
		return podCall{}, false
	}
	i := slices.IndexFunc(r.endpoints, podCall.connected)
	return r.endpoints[max(i, 0)], true
}

func (r podReport) resolver() string {
	return fmt.Sprintf("asked %s, search %s", cmp.Or(r.nameServer, "no name server"), cmp.Or(r.search, "nothing"))
}

// environment compares the environment with what the name leads to.
func (r podReport) environment() string {
	switch {
	case r.host == "":
		return "KUBERNETES_SERVICE_HOST is not set"
	case r.byEnvironment.address == r.byName.address:
		return "as KUBERNETES_SERVICE_HOST says"
	default:
		return "and KUBERNETES_SERVICE_HOST says " + r.host
	}
}

// The lines of the script, and of curl on its standard error.
const (
	lineAsk         = "@ask "
	lineAnswer      = "@answer "
	callName        = "name"
	callNameServer  = "nameserver"
	callEnvironment = "environment"
	callEndpoint    = "endpoint="
)

// parsePodReport reads what the script printed. A report that is not complete
// has what came before it broke off.
func parsePodReport(result ShellResult) podReport {
	r := podReport{requests: map[string]podCall{}}
	calls := map[string]*podCall{}
	var last *podCall
	for l := range lines(result.Stdout) {
		if body, ok := strings.CutPrefix(l, "|"); ok && last != nil {
			last.body += body + "\n"
			continue
		}
		word, rest, _ := strings.Cut(l, " ")
		switch word {
		case "@complete":
			r.complete = true
		case "@problem":
			r.problem = rest
		case "@namespace":
			r.namespace = rest
		case "@file":
			name, state, _ := strings.Cut(rest, " ")
			state, why, _ := strings.Cut(state, " ")
			r.files = append(r.files, podFile{name, state, why})
		case "@resolver":
			r.nameServer, r.search, _ = strings.Cut(strings.TrimSpace(rest), " ")
		case "@environment":
			host, port, _ := strings.Cut(rest, " ")
			r.host = host
			r.byEnvironment.address = net.JoinHostPort(host, port)
		case strings.TrimSpace(lineAnswer):
			name, values, _ := strings.Cut(rest, " ")
			last = parseTimes(strings.Fields(values))
			calls[name] = last
		}
	}
	readMessages(calls, result.Stderr)
	for name, c := range calls {
		switch name {
		case callName:
			c.origin = "the address that the name has"
			r.byName = *c
		case callEnvironment:
			c.origin, c.address = "KUBERNETES_SERVICE_HOST", r.byEnvironment.address
			r.byEnvironment = *c
		case callNameServer:
			r.nameServerRefuses = c.exit == curlNoConnect
		default:
			if address, ok := strings.CutPrefix(name, callEndpoint); ok {
				c.origin, c.address = "the endpoint of the Service", address
				r.endpoints = append(r.endpoints, *c)
				continue
			}
			r.requests[name] = *c
		}
	}
	slices.SortFunc(r.endpoints, func(a, b podCall) int { return strings.Compare(a.address, b.address) })
	return r
}

// parseTimes reads the exit code and what curl was told to write: the HTTP
// status, the seconds from the start to the end of each leg, and the address.
func parseTimes(fields []string) *podCall {
	c := &podCall{asked: true, exit: -1}
	const exit, status, lookup, connect, handshake, whole, address = 0, 1, 2, 3, 4, 5, 6
	at := func(i int) time.Duration {
		if i >= len(fields) {
			return 0
		}
		s, err := strconv.ParseFloat(strings.ReplaceAll(fields[i], ",", "."), 64)
		if err != nil {
			return 0
		}
		return time.Duration(s * float64(time.Second))
	}
	if len(fields) > exit {
		if n, err := strconv.Atoi(fields[exit]); err == nil {
			c.exit = n
		}
	}
	if len(fields) > status {
		c.status, _ = strconv.Atoi(fields[status])
	}
	if len(fields) > address {
		c.address = fields[address]
	}
	c.resolve, c.total = at(lookup), at(whole)
	if at(connect) > 0 {
		c.dial = at(connect) - at(lookup)
	}
	if at(handshake) > 0 {
		c.tls = at(handshake) - at(connect)
		c.answer = at(whole) - at(handshake)
	}
	return c
}

var (
	curlError   = regexp.MustCompile(`curl: \(\d+\) (.*)`)
	curlTrying  = regexp.MustCompile(`^\*\s+Trying (\S+?)\.\.\.`)
	curlThere   = regexp.MustCompile(`^\* Connected to \S+ \((\S+)\) port (\d+)`)
	curlCipher  = regexp.MustCompile(`^\* SSL connection using (\S+)`)
	curlSubject = regexp.MustCompile(`^\*\s+subject: (.*)`)
	curlIssuer  = regexp.MustCompile(`^\*\s+issuer: (.*)`)
)

// readMessages puts what curl said on its standard error to the calls.
func readMessages(calls map[string]*podCall, stderr string) {
	c := &podCall{}
	for l := range lines(stderr) {
		if name, ok := strings.CutPrefix(l, lineAsk); ok {
			if c = calls[name]; c == nil {
				c = &podCall{}
			}
			continue
		}
		if m := curlTrying.FindStringSubmatch(l); m != nil {
			c.address = m[1]
			if _, _, err := net.SplitHostPort(m[1]); err != nil {
				// curl did not always name the port.
				c.address = net.JoinHostPort(strings.Trim(m[1], "[]"), "443")
			}
		}
		if m := curlThere.FindStringSubmatch(l); m != nil {
			c.there, c.address = true, net.JoinHostPort(m[1], m[2])
		}
		for _, part := range []struct {
			form   *regexp.Regexp
			before string
			into   *string
		}{{curlError, "", &c.said}, {curlCipher, "", &c.peer}, {curlSubject, ", ", &c.peer}, {curlIssuer, " by ", &c.peer}} {
			if m := part.form.FindStringSubmatch(l); m != nil {
				*part.into += part.before + strings.TrimSpace(m[1])
			}
		}
	}
}

// lines returns the lines of a text, however long they are.
func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for l := range strings.Lines(text) {
			if !yield(strings.TrimRight(l, "\r\n")) {
				return
			}
		}
	}
}
