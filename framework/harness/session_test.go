package harness

import (
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

func TestKeepsOff(t *testing.T) {
	ours, theirs := cluster.Ref{Provider: "kind", Engine: "docker"}, cluster.Ref{Provider: "existing", Engine: "docker"}
	for _, tc := range []struct {
		ref        cluster.Ref
		disruptive bool
		off        bool
	}{{ours, true, false}, {ours, false, false}, {theirs, false, false}, {theirs, true, true}, {cluster.Ref{Provider: "kind"}, true, true}} {
		if got := keepsOff(tc.ref, catalog.Claim{Disruptive: tc.disruptive}); (got != "") != tc.off {
			t.Errorf("a claim that disrupts, %t, on %+v: %q", tc.disruptive, tc.ref, got)
		}
	}
}

func TestLibraryClaimsGoWithTheImage(t *testing.T) {
	claim := catalog.Claim{Needs: []catalog.Feature{catalog.LibraryImage}, Topologies: []catalog.Topology{catalog.TopologyClientLibraries}}
	for _, tc := range []struct {
		name    string
		ref     cluster.Ref
		missing string
	}{
		{"made for it", cluster.Ref{Topology: catalog.TopologyClientLibraries, Images: cluster.Images{Library: "x:1"}}, ""},
		{"made for it in vain", cluster.Ref{Topology: catalog.TopologyClientLibraries, NoLibrary: "needs root; be root"}, "needs root"},
		{"given the image", cluster.Ref{Provider: "existing", Images: cluster.Images{Library: "x:1"}}, ""},
		{"given none", cluster.Ref{Provider: "existing"}, "--library-image"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if off := keepsOff(tc.ref, claim); off != "" {
				t.Errorf("kept off by %q", off)
			}
			s := &session{ref: tc.ref}
			if why := s.missing(t.Context(), catalog.LibraryImage); (why == "") != (tc.missing == "") || !strings.Contains(why, tc.missing) {
				t.Errorf("it lacks %q, want %q", why, tc.missing)
			}
		})
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.8.0.1": true, "::1": true, "localhost": true,
		"10.0.0.1": false, "example.com": false, "0.0.0.0": false, "": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
}
