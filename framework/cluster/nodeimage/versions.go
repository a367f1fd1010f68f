package nodeimage

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	sources "github.com/inroads-k8s/inroads/fixtures/nodeimage"
)

// Folders and files of the embedded sources.
const (
	pinsFolder      = "pins"
	programsFolder  = "_programs"
	manifestsFolder = "manifests"
	filesFolder     = "files"
	embeddedSuffix  = ".txt"
)

// Versions are the Kubernetes versions that can be built, newest first.
func Versions() []string {
	entries, err := fs.ReadDir(sources.Sources, pinsFolder)
	if err != nil {
		panic(err) // the folder is embedded
	}
	var versions []string
	for _, e := range entries {
		if semver.IsValid(e.Name()) {
			versions = append(versions, e.Name())
		}
	}
	slices.SortFunc(versions, func(a, b string) int { return semver.Compare(b, a) })
	return versions
}

// Resolve gives the exact version that a user means by "", "1.36", "v1.36" or
// "1.36.3".
func Resolve(version string) (string, error) {
	versions := Versions()
	if version == "" {
		return versions[0], nil
	}
	wanted := "v" + strings.TrimPrefix(version, "v")
	for _, v := range versions {
		if wanted == v || wanted == semver.MajorMinor(v) {
			return v, nil
		}
	}
	return "", fmt.Errorf("no node image of Kubernetes %q: have %s", version, strings.Join(versions, ", "))
}

// moduleVersion reads which version of a module a folder of pins requires.
func moduleVersion(folder, module string) (string, error) {
	name := path.Join(pinsFolder, folder, "go.mod"+embeddedSuffix)
	data, err := fs.ReadFile(sources.Sources, name)
	if err != nil {
		return "", fmt.Errorf("reading pins: %w", err)
	}
	file, err := modfile.ParseLax(name, data, nil)
	if err != nil {
		return "", fmt.Errorf("reading pins: %w", err)
	}
	for _, r := range file.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("reading pins: %q does not require %q", name, module)
}

// goDirective reads which Go a folder of pins needs ("1.26.0").
func goDirective(folder string) (string, error) {
	name := path.Join(pinsFolder, folder, "go.mod"+embeddedSuffix)
	data, err := fs.ReadFile(sources.Sources, name)
	if err != nil {
		return "", fmt.Errorf("reading pins: %w", err)
	}
	file, err := modfile.ParseLax(name, data, nil)
	if err != nil || file.Go == nil {
		return "", fmt.Errorf("reading the Go version that %q needs: %w", name, err)
	}
	return file.Go.Version, nil
}
