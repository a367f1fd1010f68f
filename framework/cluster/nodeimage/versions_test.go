package nodeimage

import (
	"bytes"
	"go/format"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	modversion "golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	sources "github.com/inroads-k8s/inroads/fixtures/nodeimage"
)

func TestResolve(t *testing.T) {
	versions := Versions()
	newest, oldest := versions[0], versions[len(versions)-1]
	for _, row := range []struct{ wanted, version string }{
		{"", newest},
		{newest, newest},
		{strings.TrimPrefix(newest, "v"), newest},
		{semver.MajorMinor(newest), newest},
		{strings.TrimPrefix(semver.MajorMinor(oldest), "v"), oldest},
		{oldest, oldest},
		{semver.MajorMinor(newest) + ".999", ""},
		{"v1", ""},
		{"1.0", ""},
		{"runtime", ""},
		{"latest", ""},
	} {
		version, err := Resolve(row.wanted)
		if version != row.version || (err == nil) != (row.version != "") {
			t.Errorf("Resolve(%q) = %q, %v; want %q", row.wanted, version, err, row.version)
		}
		if err != nil && !strings.Contains(err.Error(), strings.Join(versions, ", ")) {
			t.Errorf("Resolve(%q): error %q does not tell the versions that there are", row.wanted, err)
		}
	}
}

func TestVersionsAreNewestFirst(t *testing.T) {
	versions := Versions()
	if len(versions) < 2 {
		t.Fatalf("Versions() = %q", versions)
	}
	if !slices.IsSortedFunc(versions, func(a, b string) int { return semver.Compare(b, a) }) {
		t.Errorf("Versions() = %q, not newest first", versions)
	}
}

// pins are all folders of pins: "runtime", "v1.37.2/addons".
func pins(t *testing.T) []string {
	t.Helper()
	folders := []string{metallbModule, runtimeModule}
	for _, version := range Versions() {
		folders = append(folders, path.Join(version, addonsModule), path.Join(version, kubernetesModule))
	}
	var found []string
	err := fs.WalkDir(sources.Sources, pinsFolder, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && path.Base(name) == "go.mod"+embeddedSuffix {
			found = append(found, strings.TrimPrefix(path.Dir(name), pinsFolder+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(folders)
	slices.Sort(found)
	if !slices.Equal(folders, found) {
		t.Fatalf("folders of pins are %q, want %q", found, folders)
	}
	return folders
}

func readPin(t *testing.T, folder, file string) []byte {
	t.Helper()
	data, err := fs.ReadFile(sources.Sources, path.Join(pinsFolder, folder, file+embeddedSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var exactGo = regexp.MustCompile(`^1\.\d+\.\d+$`)

func TestPinsAreExactAndVouchedFor(t *testing.T) {
	for _, folder := range pins(t) {
		t.Run(folder, func(t *testing.T) {
			file, err := modfile.Parse("go.mod", readPin(t, folder, "go.mod"), nil)
			if err != nil {
				t.Fatal(err)
			}
			// A toolchain is fetched by this version, so it must name a release.
			if file.Go == nil || !exactGo.MatchString(file.Go.Version) {
				t.Errorf("the go directive is %v, want one of three numbers", file.Go)
			}
			sums := map[string]bool{}
			for line := range strings.Lines(string(readPin(t, folder, "go.sum"))) {
				if words := strings.Fields(line); len(words) == 3 && strings.HasPrefix(words[2], "h1:") {
					sums[words[0]+"@"+strings.TrimSuffix(words[1], "/go.mod")] = true
				}
			}
			replaced := map[string]modversion.Version{}
			for _, r := range file.Replace {
				replaced[r.Old.Path] = r.New
			}
			for _, r := range file.Require {
				m := r.Mod
				if by, ok := replaced[m.Path]; ok {
					m = by
				}
				if modversion.CanonicalVersion(m.Version) != m.Version || semver.Compare(m.Version, "v0.0.0") == 0 {
					t.Errorf("%s is not exact", m)
				}
				if !sums[m.String()] {
					t.Errorf("go.sum does not vouch for %s", m)
				}
			}
		})
	}
}

func TestPinsAreOfTheirVersion(t *testing.T) {
	for _, version := range Versions() {
		folder := path.Join(version, kubernetesModule)
		if have, err := moduleVersion(folder, "k8s.io/kubernetes"); err != nil || have != version {
			t.Errorf("pins of %s have Kubernetes %q, %v", version, have, err)
		}
		file, err := modfile.Parse("go.mod", readPin(t, folder, "go.mod"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(file.Replace) == 0 {
			t.Errorf("pins of %s replace no staging module", version)
		}
		for _, r := range file.Replace {
			if want := "v0" + strings.TrimPrefix(version, "v1"); r.New.Version != want {
				t.Errorf("pins of %s replace %s by %s, want %s", version, r.Old.Path, r.New.Version, want)
			}
		}
	}
}

func TestEmbeddedProgramsAreFormatted(t *testing.T) {
	count := 0
	err := fs.WalkDir(sources.Sources, programsFolder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if path.Ext(name) != ".go" {
			t.Errorf("%s is no Go source", name)
			return nil
		}
		data, err := fs.ReadFile(sources.Sources, name)
		if err != nil {
			return err
		}
		count++
		formatted, err := format.Source(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(data, formatted) {
			t.Errorf("%s is not formatted by gofmt", name)
		}
		return nil
	})
	if err != nil || count == 0 {
		t.Errorf("walking %d programs: %v", count, err)
	}
}

func TestCheckAddon(t *testing.T) {
	version := Versions()[0]
	etcd, err := moduleVersion(path.Join(version, addonsModule), etcdPath)
	if err != nil {
		t.Fatal(err)
	}
	b := &build{image: Image{KubernetesVersion: version}}
	for _, row := range []struct {
		ref string
		ok  bool
	}{
		{"registry.k8s.io/etcd:" + strings.TrimPrefix(etcd, "v") + "-0", true},
		{"registry.k8s.io/etcd:" + etcd, true},
		{"registry.k8s.io/etcd:3.0.1-0", false},
		{"registry.k8s.io/etcd", false},
	} {
		if err := b.checkAddon(row.ref, etcdPath); (err == nil) != row.ok {
			t.Errorf("checkAddon(%q) = %v, want ok %t", row.ref, err, row.ok)
		}
	}
}
