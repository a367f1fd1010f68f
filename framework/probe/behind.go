package probe

import (
	"fmt"
	"strings"
)

// behind are the words by which a proxy that is written in Go, such as kubectl's
// and the API server's, tells what broke behind it. The first that fits counts.
var behind = []struct {
	text string
	code Code
}{
	{"getting credentials:", ConfigPlugin},
	{"no such host", ResolveNoHost},
	{"server misbehaving", ResolveFailed},
	{": lookup ", ResolveFailed},
	{"server gave HTTP response to HTTPS client", TLSNotTLS},
	{"first record does not look like a TLS handshake", TLSNotTLS},
	{"unknown authority", TLSAuthority},
	{"certificate is valid for", TLSName},
	{"cannot validate certificate for", TLSName},
	{"certificate is not valid for any names", TLSName},
	{"certificate has expired or is not yet valid", TLSValidity},
	{"TLS handshake timeout", TLSTimeout},
	{"remote error: tls:", TLSClientRejected},
	{"tls:", TLSBroken},
	{"connection refused", DialRefused},
	{"no route to host", DialUnreachable},
	{"network is unreachable", DialUnreachable},
	{"i/o timeout", DialTimeout},
	{"connection timed out", DialTimeout},
	{"timeout awaiting response headers", APITimeout},
	{"Client.Timeout exceeded", APITimeout},
	{"connection reset", APIBroken},
	{"broken pipe", APIBroken},
	{"EOF", APIBroken},
}

// Behind returns the diagnosis that the text of a proxy's error speaks of, as
// the proxy itself would have to give it, or "".
func Behind(text string) Code {
	for _, b := range behind {
		if strings.Contains(text, b.text) {
			return b.code
		}
	}
	return ""
}

// describeBehind puts the hop behind a proxy and what broke there before what
// the proxy said.
func describeBehind(saw, text string) string {
	d, ok := Lookup(Behind(text))
	if !ok {
		return saw
	}
	return fmt.Sprintf("behind it %s broke, %s (%s): %s", hopName(d.Hop), d.Title, d.Code, saw)
}
