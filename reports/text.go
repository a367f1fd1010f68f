package reports

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// Bounds, in bytes, that keep a report readable and small.
const (
	maxReason  = 4 << 10
	maxCommand = 1 << 10
)

var ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// clean returns the text without credentials, terminal sequences and bytes
// that are not UTF-8, and without space around it.
func clean(s string) string {
	s = strings.ToValidUTF8(ansi.ReplaceAllString(s, ""), "\uFFFD")
	return strings.TrimSpace(probe.Redact(s))
}

// clip returns at most limit bytes of the text, saying when there was more.
func clip(s string, limit int) string {
	const more = " […]"
	if len(s) <= limit {
		return s
	}
	s = s[:limit-len(more)]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + more
}
