package proxy

import (
	"maps"
	"testing"
)

func TestOptionsIn(t *testing.T) {
	const help = "Serve.\n\nOptions:\n    --address='127.0.0.1':\n\tThe address, like --address=x:\n\n    -p, --port=8001:\n\tThe port.\n\nUsage:\n  kubectl proxy [--port=PORT]\n"
	want := map[string]string{"address": "'127.0.0.1'", "port": "8001"}
	if got := optionsIn(help); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := optionsIn("kubectl proxy"); len(got) != 0 {
		t.Errorf("got %v of no option", got)
	}
}
