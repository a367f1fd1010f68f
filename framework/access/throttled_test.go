package access

import "testing"

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
