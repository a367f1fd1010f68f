package depcheck_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/inroads-k8s/inroads"
	root   = "../../.."
	ginkgo = "github.com/onsi/ginkgo/v2"
	gomega = "github.com/onsi/gomega"
)

// pkg is a package of this module, named from the module's root.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// all returns what the package and its tests import.
func (p pkg) all() []string { return slices.Concat(p.Imports, p.TestImports, p.XTestImports) }

// watch has the result of a test cached for as long as no file of the module
// changes: go test sees what a test opens, and not what the go list that it runs
// does.
func watch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		_, err = os.Stat(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func packages(t *testing.T) []pkg {
	t.Helper()
	watch(t)
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	var list []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// within is whether the package is one of the folders or below one.
func within(name string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return name == f || strings.HasPrefix(name, f+"/") })
}

// layer is who may import what of this module. A folder stands for what is below
// it too.
type layer struct {
	folder string
	may    []string
}

var layers = []layer{
	{"framework/catalog", nil},
	{"framework/internal", nil},
	{"fixtures", nil},
	{"framework/probe", []string{"framework/catalog"}},
	{"framework/poll", []string{"framework/probe", "framework/catalog"}},
	{"framework/access", []string{"framework/access", "framework/poll", "framework/probe", "framework/catalog"}},
	{"framework/measure", []string{"framework/access", "framework/probe", "framework/catalog", "reports"}},
	{"framework/cluster", []string{"framework/cluster", "framework/poll", "framework/probe", "framework/catalog", "fixtures"}},
	{"framework/fault", []string{"framework/fault", "fixtures", "framework/access", "framework/cluster", "framework/poll", "framework/probe", "framework/catalog"}},
	{"framework/harness", []string{"framework", "reports", "fixtures"}},
	{"reports/plot", nil},
	{"reports", []string{"framework/probe", "framework/catalog"}},
	{"suites", []string{"suites", "framework", "fixtures"}},
	{"cmd", []string{"cmd", "suites", "framework", "reports"}},
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		i := slices.IndexFunc(layers, func(l layer) bool { return within(p.name(), l.folder) })
		if i < 0 {
			t.Errorf("%s is in no layer: no folder of that name was planned", p.name())
			continue
		}
		for _, imported := range p.all() {
			ours, ok := strings.CutPrefix(imported, module+"/")
			// A package's tests import it, and it may import what is inside it.
			if ok && !within(ours, layers[i].may...) && !within(ours, p.name()) {
				t.Errorf("%s imports %s, which %s may not", p.name(), ours, layers[i].folder)
			}
		}
	}
}

func TestCatalogImportsTheStandardLibraryAlone(t *testing.T) {
	for _, p := range packages(t) {
		if p.name() != "framework/catalog" {
			continue
		}
		for _, imported := range p.Imports {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
				t.Errorf("catalog imports %s", imported)
			}
		}
		return
	}
	t.Error("there is no package framework/catalog")
}

func TestTestingLibraries(t *testing.T) {
	for _, p := range packages(t) {
		specs := within(p.name(), "framework/harness", "suites")
		for _, imported := range p.all() {
			switch {
			case imported == ginkgo && !specs && p.name() != "cmd/inroads/internal/parallel":
				t.Errorf("%s imports Ginkgo's DSL", p.name())
			case strings.HasPrefix(imported, ginkgo+"/ginkgo/") && p.name() != "cmd/inroads/internal/parallel":
				t.Errorf("%s imports Ginkgo's command line", p.name())
			case within(imported, gomega) && !specs:
				t.Errorf("%s imports Gomega", p.name())
			}
		}
		if within(p.name(), "framework") && !specs && slices.Contains(p.Imports, "testing") {
			t.Errorf("%s imports testing outside its tests", p.name())
		}
	}
}

func TestSuitesStandAlone(t *testing.T) {
	for _, p := range packages(t) {
		area, ok := strings.CutPrefix(p.name(), "suites/")
		if !ok {
			continue
		}
		area, _, _ = strings.Cut(area, "/")
		for _, imported := range p.all() {
			ours, ok := strings.CutPrefix(imported, module+"/")
			if !ok {
				continue
			}
			if within(ours, "suites") && !within(ours, "suites/"+area) {
				t.Errorf("%s imports another suite, %s", p.name(), ours)
			}
			if strings.HasPrefix(ours, "framework/cluster/") {
				t.Errorf("%s imports a provider or what belongs to one, %s", p.name(), ours)
			}
		}
	}
}
