package harness

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

func TestSelects(t *testing.T) {
	claim := catalog.Claim{ID: "token/wait", Path: catalog.PathToken, Level: catalog.Core}
	for _, tc := range []struct {
		name string
		o    Options
		want bool
	}{
		{"everything", Options{}, true},
		{"the claim", Options{Claims: []catalog.ID{"a/b", "token/wait"}}, true},
		{"another claim", Options{Claims: []catalog.ID{"a/b"}}, false},
		{"the path", Options{Paths: []catalog.PathID{catalog.PathToken}}, true},
		{"another path", Options{Paths: []catalog.PathID{catalog.PathInPod}}, false},
		{"the claim at another level", Options{Claims: []catalog.ID{"token/wait"}, Levels: []catalog.Level{catalog.Extended}}, false},
	} {
		if got := tc.o.Selects(claim); got != tc.want {
			t.Errorf("selecting %s: got %t", tc.name, got)
		}
	}
}

func TestTheLibraryImageSelectsItsClaims(t *testing.T) {
	claim := catalog.Claim{ID: "a/b", Path: catalog.PathInPod, Level: catalog.Linked, Topologies: []catalog.Topology{catalog.TopologyClientLibraries}}
	given := cluster.Images{Library: "x:1"}
	for _, tc := range []struct {
		name string
		o    Options
		want bool
	}{
		{"nothing", Options{}, false},
		{"the image", Options{Images: given}, true},
		{"the image for a cluster that is there", Options{Images: given, Context: "c"}, true},
		{"the image and another topology", Options{Images: given, Topology: catalog.TopologyHA}, false},
		{"the page", Options{Page: true}, true},
	} {
		if got := tc.o.Selects(claim); got != tc.want {
			t.Errorf("with %s: got %t", tc.name, got)
		}
	}
}

func TestOptionsTravelInTheEnvironment(t *testing.T) {
	want := Options{Kubeconfig: "/k", Claims: []catalog.ID{"a/b"}, Keep: true}
	entry, err := want.Environ()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvOptions, entry[len(EnvOptions)+1:])
	got, err := OptionsFromEnv()
	if err != nil || got.Kubeconfig != want.Kubeconfig || len(got.Claims) != 1 || !got.Keep || !got.Existing() {
		t.Errorf("got %+v, %v", got, err)
	}
	t.Setenv(EnvOptions, "{")
	if _, err := OptionsFromEnv(); err == nil {
		t.Error("what is not JSON is taken for options")
	}
}
