package access

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestThrottled(t *testing.T) {
	for _, row := range []struct {
		name   string
		result Result
		want   bool
	}{
		{"nothing", Result{}, false},
		{"by its status", Result{Status: 429}, true},
		{"another status", Result{Status: 503, Stdout: "please try again later"}, false},
		{"curl without its status", Result{Stdout: "Too many requests, please try again later.\n"}, true},
		{"kubectl", Result{Exit: 1, Stderr: "Error from server (TooManyRequests): the server has received too many requests and has asked us to try again later"}, true},
	} {
		if got := row.result.Throttled(); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

// TestOutcomeOfNumbers proves that a port is not taken for a status.
func TestOutcomeOfNumbers(t *testing.T) {
	for text, want := range map[string]catalog.Outcome{
		"https://127.0.0.1:46503/api/v1: ERROR 404: Not Found.":           catalog.NotFound,
		"https://127.0.0.1:503/api/v1: ERROR 404: Not Found.":             catalog.NotFound,
		"https://127.0.0.1:46500/api/v1: ERROR 503: Service Unavailable.": catalog.Unavailable,
		"read 15034 bytes":  catalog.Failed,
		"server said (503)": catalog.Unavailable,
	} {
		if got := OutcomeOf(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
