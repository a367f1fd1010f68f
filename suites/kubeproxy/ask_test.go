package kubeproxy

import (
	"slices"
	"testing"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

// TestReadMany: an answer of many names holds as many as were asked for, in as
// many connections, or else is none.
func TestReadMany(t *testing.T) {
	for _, row := range []struct {
		name           string
		out            string
		exit           int
		n, connections int
		want           catalog.Outcome
		names          []string
	}{
		{"a connection each", "a 1\nb 1\n", 0, 2, 2, catalog.Reached, []string{"a", "b"}},
		{"one connection", "a 1\na 0\n", 0, 2, 1, catalog.Reached, []string{"a", "a"}},
		{"a connection was kept", "a 1\na 0\n", 0, 2, 2, catalog.Unknown, []string{"a", "a"}},
		{"too few", "a 1\n", 0, 2, 1, catalog.Unknown, []string{"a"}},
		{"refused after one", "a 1\n 0\n", 7, 2, 2, catalog.Refused, []string{"a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := readMany(access.CurlOutcome(access.Result{Outcome: catalog.Reached, Exit: row.exit, Stdout: row.out}), row.n, row.connections)
			if r.Outcome != row.want || (r.Err != nil) != (row.want == catalog.Unknown) || !slices.Equal(names(r), row.names) {
				t.Errorf("got %s %q, %v, want %s %q", r.Outcome, names(r), r.Err, row.want, row.names)
			}
		})
	}
}

// TestReadDatagram: what the dialer says is told from what it is told.
func TestReadDatagram(t *testing.T) {
	for _, row := range []struct {
		name, out, body string
		want            catalog.Outcome
	}{
		{"answered", `{"responses":["pod"]}` + "\n200", "pod", catalog.Reached},
		{"refused", `{"errors":["read udp 10.0.0.1:1->10.0.0.2:2: read: connection refused"]}` + "\n200", "", catalog.Refused},
		{"no answer", `{"errors":["read udp 10.0.0.1:1->10.0.0.2:2: i/o timeout"]}` + "\n200", "", catalog.TimedOut},
		{"no dialer", "\n404", "", catalog.Unknown},
		{"no JSON", "pod\n200", "pod", catalog.Unknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := readDatagram(access.Result{Outcome: catalog.Reached, Stdout: row.out})
			if r.Outcome != row.want || (r.Err != nil) != (row.want == catalog.Unknown) || r.Stdout != row.body {
				t.Errorf("got %s %q, %v, want %s %q", r.Outcome, r.Stdout, r.Err, row.want, row.body)
			}
		})
	}
}
