package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"golang.org/x/mod/semver"
	"sigs.k8s.io/yaml"
)

// krewPlugin has the fields of a manifest of krew's; it knows no others.
type krewPlugin struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string `json:"version"`
		Homepage         string `json:"homepage"`
		ShortDescription string `json:"shortDescription"`
		Description      string `json:"description"`
		Caveats          string `json:"caveats"`
		Platforms        []struct {
			URI      string `json:"uri"`
			SHA256   string `json:"sha256"`
			Bin      string `json:"bin"`
			Selector struct {
				MatchLabels map[string]string `json:"matchLabels"`
			} `json:"selector"`
			Files []struct {
				From string `json:"from"`
				To   string `json:"to"`
			} `json:"files"`
		} `json:"platforms"`
	} `json:"spec"`
}

// renderKrew fills the manifest in as krew-release-bot does for a release.
func renderKrew(t *testing.T, tag string) []byte {
	t.Helper()
	path := filepath.Join("..", "..", ".krew.yaml")
	// The function's argument is a template itself.
	add := func(uri, tag string) string {
		return fmt.Sprintf("uri: %s\n    sha256: %s", strings.ReplaceAll(uri, "{{ .TagName }}", tag), strings.Repeat("0a", 32))
	}
	parsed, err := template.New(filepath.Base(path)).Funcs(template.FuncMap{"addURIAndSha": add}).ParseFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, struct{ TagName string }{tag}); err != nil {
		t.Fatal(err)
	}
	if dump := os.Getenv("INROADS_KREW_OUT"); dump != "" {
		if err := os.WriteFile(dump, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// TestKrewManifest holds the manifest against the rules of krew's index. What krew
// itself says of it: INROADS_KREW_OUT=inroads.yaml go test ./cmd/inroads -run Krew,
// then validate-krew-manifest -manifest inroads.yaml -skip-install.
func TestKrewManifest(t *testing.T) {
	const tag = "v0.1.0"
	var p krewPlugin
	if err := yaml.UnmarshalStrict(renderKrew(t, tag), &p); err != nil {
		t.Fatal(err)
	}
	s := p.Spec
	switch {
	case p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin":
		t.Errorf("it is of %s %s", p.APIVersion, p.Kind)
	case p.Metadata.Name != "inroads":
		t.Errorf("the plugin is called %q, and its binary kubectl-inroads", p.Metadata.Name)
	case !semver.IsValid(s.Version) || semver.Canonical(s.Version) != s.Version || s.Version != tag:
		t.Errorf("version %q", s.Version)
	case s.ShortDescription == "" || len(s.ShortDescription) > 50 || strings.HasSuffix(s.ShortDescription, "."):
		t.Errorf("the short description, of at most 50 letters and without a full stop, is %q", s.ShortDescription)
	case s.Description == "" || !strings.HasPrefix(s.Homepage, "https://"):
		t.Error("no description or no homepage")
	case len(s.Platforms) == 0:
		t.Error("no platform")
	}
	seen := map[string]bool{}
	for _, of := range s.Platforms {
		labels := of.Selector.MatchLabels
		where := labels["os"] + "/" + labels["arch"]
		if len(labels) != 2 || labels["os"] == "" || labels["arch"] == "" || seen[where] {
			t.Errorf("selector %v", labels)
		}
		seen[where] = true
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(of.SHA256) {
			t.Errorf("%s: checksum %q", where, of.SHA256)
		}
		if want := fmt.Sprintf("https://github.com/inroads-k8s/inroads/releases/download/%s/inroads_%s_%s.tar.gz", tag, labels["os"], labels["arch"]); of.URI != want {
			t.Errorf("%s: address %q, want %q", where, of.URI, want)
		}
		found := false
		for _, f := range of.Files {
			found = found || f.From == of.Bin
			if f.To != "." || strings.ContainsAny(f.From, `/\`) {
				t.Errorf("%s: file %+v", where, f)
			}
		}
		if !found {
			t.Errorf("%s: the binary %q is none of the files", where, of.Bin)
		}
	}
}
