package access

import (
	"net/http"
	"strings"
)

// throttledTexts are what API priority and fairness answers, and what client-go
// makes of a 429 that it has got too often.
var throttledTexts = []string{
	"Too many requests, please try again later",
	"the server has received too many requests and has asked us to try again later",
}

// Throttled is whether the API server has had the caller come back later, as far
// as the caller tells.
func (r Result) Throttled() bool {
	return r.Status == http.StatusTooManyRequests || SaysThrottled(r.Stdout) || SaysThrottled(r.Stderr)
}

// SaysThrottled is whether the text is, or has, what a caller tells of such an
// answer.
func SaysThrottled(text string) bool {
	for _, said := range throttledTexts {
		if strings.Contains(text, said) {
			return true
		}
	}
	return false
}
