package nodeimage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestSurplusIsAllButTheNewestOfEachGroup(t *testing.T) {
	at := func(path, group string, minute int) stored {
		return stored{path, group, time.Unix(int64(60*minute), 0)}
	}
	have := surplus([]stored{
		at("oldest", "x", 1), at("newest", "x", 4), at("old", "x", 2), at("new", "x", 3), at("other", "y", 0), at("another", "y", 1),
	})
	if want := []string{"old", "oldest"}; !slices.Equal(have, want) {
		t.Errorf("surplus = %q, want %q", have, want)
	}
}

func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	newest, oldest := Versions()[0], Versions()[len(Versions())-1]
	b := planned(t, newest, nil)
	now := time.Now()
	aged := func(path string, minutes int) {
		t.Helper()
		when := now.Add(-time.Duration(minutes) * time.Minute)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	image := func(version, goVersion string, minutes int) *build {
		t.Helper()
		other := planned(t, version, func(o *build) { o.root, o.toolchain.version = b.root, goVersion })
		fakeImage(t, other)
		aged(filepath.Join(other.folder, imageRecord), minutes)
		return other
	}
	fakeImage(t, b)
	before := image(newest, "go1.30.0", 10)
	gone := image(newest, "go1.29.0", 20)
	elsewhere := image(oldest, "go1.28.0", 1000)

	parts := store{root: filepath.Join(b.root, partsFolder), logf: t.Logf, now: time.Now}
	keep := func(p part, minutes int) string {
		t.Helper()
		p.make = new(fakePart).part(p.name).make
		dir, _, err := parts.ensure(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		aged(filepath.Join(dir, partRecord), minutes)
		return dir
	}
	ofOldest := planned(t, oldest, func(o *build) { o.root = b.root })
	kept := []string{keep(b.rootfs, 5000), keep(b.compiled[0], 5000), keep(ofOldest.compiled[0], 5000)}
	var superseded []string
	for i := range 4 {
		p := part{name: "kubernetes", hash: fmt.Sprintf("%064d", i)}
		p.hash = p.hash[64-hashInTag:] + p.hash
		superseded = append(superseded, keep(p, i))
	}
	if err := b.prune(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		b.image.Archive:         true,
		before.image.Archive:    true,
		gone.image.Archive:      false,
		gone.image.Kubectl:      true,
		elsewhere.image.Archive: true,
		kept[0]:                 true,
		kept[1]:                 true,
		kept[2]:                 true,
		superseded[0]:           true,
		superseded[1]:           true,
		superseded[2]:           false,
		superseded[3]:           false,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it kept: %t", path, err, want)
		}
	}
	if _, whole, err := gone.lookup(); err != nil || whole {
		t.Errorf("the removed image is whole: %t, %v", whole, err)
	}
}
