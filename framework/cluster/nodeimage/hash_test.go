package nodeimage

import (
	"runtime"
	"slices"
	"testing"
	"testing/fstest"
)

func TestInputsTellListsApart(t *testing.T) {
	tree := func(files fstest.MapFS) string {
		t.Helper()
		i := newInputs()
		if err := i.addTree(files, "."); err != nil {
			t.Fatal(err)
		}
		return i.hex()
	}
	file := func(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }
	hashes := map[string]string{}
	for name, hash := range map[string]string{
		"nothing":           newInputs().hex(),
		"a name":            newInputs().add("a").hex(),
		"another name":      newInputs().add("b").hex(),
		"two values":        newInputs().add("a", "b", "c").hex(),
		"the same bytes":    newInputs().add("a", "bc").hex(),
		"split elsewhere":   newInputs().add("a", "b").add("c").hex(),
		"another order":     newInputs().add("a", "c", "b").hex(),
		"what looks framed": newInputs().add("a", "b\n-\n1:c").hex(),
		"a file":            tree(fstest.MapFS{"x/a": file("1")}),
		"other content":     tree(fstest.MapFS{"x/a": file("2")}),
		"a renamed file":    tree(fstest.MapFS{"x/b": file("1")}),
		"a moved file":      tree(fstest.MapFS{"y/a": file("1")}),
		"one file more":     tree(fstest.MapFS{"x/a": file("1"), "x/b": file("")}),
	} {
		if other, ok := hashes[hash]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		hashes[hash] = name
	}
	if tree(fstest.MapFS{"x/a": file("1")}) != tree(fstest.MapFS{"x/a": file("1"), "x/a_test.go": file("2")}) {
		t.Error("a test changes the hash")
	}
}

// planned makes the plan of a build that needs nothing of the machine.
func planned(t *testing.T, version string, change func(*build)) *build {
	t.Helper()
	list, err := modules(version)
	if err != nil {
		t.Fatal(err)
	}
	b := &build{
		root: t.TempDir(), log: t.Output(), modules: list,
		release: release{"debian", "trixie"}, toolchain: toolchain{"go1.30.1", ownToolchain},
	}
	if change != nil {
		change(b)
	}
	if err := b.plan(version); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachInputChangesTheImageAndItsPartsOnly(t *testing.T) {
	newest, oldest := Versions()[0], Versions()[len(Versions())-1]
	parts := func(b *build) map[string]string {
		hashes := map[string]string{b.rootfs.name: b.rootfs.hash}
		for _, p := range b.compiled {
			hashes[p.name] = p.hash
		}
		return hashes
	}
	same := planned(t, newest, nil)
	for _, row := range []struct {
		name    string
		version string
		change  func(*build)
		parts   []string // that change; none means that the image stays too
	}{
		{"nothing", newest, nil, nil},
		{"another Debian, whose nodes are the same", newest, func(b *build) { b.release.codename = "forky" }, nil},
		{"another way to the same Go", newest, func(b *build) { b.toolchain.selection = b.toolchain.version }, nil},
		{"Kubernetes", oldest, nil, []string{"addons", "kubernetes"}},
		{"distribution", newest, func(b *build) { b.release = release{"ubuntu", "noble"} }, []string{"rootfs"}},
		{"Go", newest, func(b *build) { b.toolchain.version = "go1.30.2" }, []string{"addons", "kubernetes", "runtime"}},
		{"pins", newest, func(b *build) { b.modules[1].pins = b.modules[2].pins }, []string{"addons"}},
		{"programs", newest, func(b *build) { b.modules[2].packages = b.modules[2].packages[1:] }, []string{"runtime"}},
		{"tags", newest, func(b *build) { b.modules[2].tags += " more" }, []string{"runtime"}},
		{"variables", newest, func(b *build) { b.modules[0].set[versionPackage+".gitMinor"] = "0" }, []string{"kubernetes"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			other := planned(t, row.version, row.change)
			var changed []string
			before, after := parts(same), parts(other)
			for name := range before {
				if before[name] != after[name] {
					changed = append(changed, name)
				}
			}
			slices.Sort(changed)
			if !slices.Equal(changed, row.parts) {
				t.Errorf("changes parts %q, want %q", changed, row.parts)
			}
			if (same.image.Hash != other.image.Hash) != (row.parts != nil) || (same.image.Ref != other.image.Ref) != (row.parts != nil) {
				t.Errorf("image %s becomes %s", same.image.Ref, other.image.Ref)
			}
		})
	}
}

func TestCompilerMemory(t *testing.T) {
	for _, row := range []struct {
		total      int64
		processors int
		want       []string
	}{
		{0, 2, nil},
		{4 * gibibyte, 2, nil},
		{24 * gibibyte, 2, []string{"GOGC=off", "GOMEMLIMIT=4294967296"}},
		{24 * gibibyte, 4, []string{"GOGC=off", "GOMEMLIMIT=3221225472"}},
		{24 * gibibyte, 16, nil},
		{8 * gibibyte, 0, []string{"GOGC=off", "GOMEMLIMIT=4294967296"}},
	} {
		if have := compilerMemory(row.total, row.processors); !slices.Equal(have, row.want) {
			t.Errorf("compilerMemory(%d, %d) = %q, want %q", row.total, row.processors, have, row.want)
		}
	}
}

func TestChooseToolchain(t *testing.T) {
	for _, row := range []struct {
		own, needed string
		want        toolchain
	}{
		{"go1.26.8", "go1.26.8", toolchain{"go1.26.8", ownToolchain}},
		{"go1.27rc1", "go1.26.8", toolchain{"go1.27rc1", ownToolchain}},
		{"go1.100.0", "go1.26.8", toolchain{"go1.100.0", ownToolchain}},
		{"go1.26.0", "go1.26.8", toolchain{"go1.26.8", "go1.26.8"}},
		{"go1.21.0", "go1.26.8", toolchain{"go1.26.8", "go1.26.8"}},
		{"go1.20.14", "go1.26.8", toolchain{}},
		{"", "go1.26.8", toolchain{}},
	} {
		have, err := chooseToolchain(row.own, row.needed)
		if have != row.want || (err != nil) != (row.want == toolchain{}) {
			t.Errorf("chooseToolchain(%q, %q) = %v, %v; want %v", row.own, row.needed, have, err, row.want)
		}
	}
	if runtime.GOOS == "linux" { // go runs this test, so it is in PATH or beside it
		list, err := modules(Versions()[0])
		if err != nil {
			t.Fatal(err)
		}
		have, err := findToolchain(t.Context(), list)
		if err != nil || have.version == "" {
			t.Errorf("findToolchain = %v, %v", have, err)
		}
	}
}
