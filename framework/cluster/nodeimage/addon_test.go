package nodeimage

import (
	"strings"
	"testing"

	manifest "github.com/inroads-k8s/inroads/fixtures/loadbalancer"
)

func TestManifestIsOfThePinnedVersion(t *testing.T) {
	version, err := moduleVersion(metallbModule, metallbPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range metallbPrograms {
		if image := "metallb/" + name + ":" + version + "\n"; !strings.Contains(string(manifest.Manifest), image) {
			t.Errorf("the manifest names no image %q", image)
		}
	}
}

func TestAddonPart(t *testing.T) {
	b := &build{toolchain: toolchain{version: "go1.26.8"}}
	m := module{name: metallbModule, pins: metallbModule, packages: []string{metallbPath + "/controller"}}
	hash := func(image string) string {
		p, err := b.addonPart(m, map[string]string{"controller": image})
		if err != nil {
			t.Fatal(err)
		}
		return p.hash
	}
	if first, again := hash("a:1"), hash("a:1"); first != again || first == hash("a:2") {
		t.Error("the part does not go by what its images are called")
	}
}
