package probe_test

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// pathRow is one fault, or the lack of one, on a way that begins without a
// kubeconfig or goes on behind the API server.
type pathRow struct {
	name string
	walk func(w *world) probe.Trace
	// The rest is as in row.
	code   probe.Code
	hop    catalog.Hop
	saw    []string
	target string
}

// testPaths walks each row.
func testPaths(t *testing.T, rows []pathRow, hops ...catalog.Hop) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			trace := r.walk(w)
			check(t, w, row{code: r.code, hop: r.hop, saw: r.saw, target: r.target}, trace, hops)
		})
	}
}

func TestWalkConfig(t *testing.T) {
	w := newWorld(t)
	w.cluster.Server = "https://" + closedPort(t)
	w.save()
	trace := probe.WalkConfig(w.ctx, w.target)
	checkShape(t, trace, []catalog.Hop{catalog.HopConfig})
	checkSecrets(t, w, trace)
	if trace.Err() != nil {
		t.Errorf("broke: %s", trace.Summary())
	}
	w.target.Context = "gone"
	if step, _ := probe.WalkConfig(w.ctx, w.target).Broken(); step.Code != probe.ConfigNoContext {
		t.Errorf("got %q, want %q", step.Code, probe.ConfigNoContext)
	}
}
