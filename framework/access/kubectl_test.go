package access

import (
	"slices"
	"testing"
)

func TestRequestURLs(t *testing.T) {
	for _, row := range []struct {
		name, stderr string
		want         []string
	}{
		{"none", "The connection to the server localhost:8080 was refused - see https://example.com\n", nil},
		{
			"structured, as kubectl 1.37 writes",
			`I1123 13:24:13.119952   11388 loader.go:141] Config not found: /nonexistent
I1123 13:24:13.120975   11388 round_trippers.go:632] "Response" verb="GET" url="http://localhost:8080/api" status="" milliseconds=0
I1123 13:24:13.121067   11388 helpers.go:265] Connection error: Get http://localhost:8080/api: dial tcp 127.0.0.1:8080: connect: connection refused
`,
			[]string{"http://localhost:8080/api"},
		},
		{
			"as text, as kubectl 1.28 writes",
			"I1123 13:24:13.120975   11388 round_trippers.go:553] GET https://127.0.0.1:6443/api 200 OK in 5 milliseconds\n" +
				"I1123 13:24:13.120990   11388 round_trippers.go:553] GET https://127.0.0.1:6443/apis 200 OK in 1 milliseconds\n",
			[]string{"https://127.0.0.1:6443/api", "https://127.0.0.1:6443/apis"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := RequestURLs(Result{Stderr: row.stderr}); !slices.Equal(got, row.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}
