package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// JSONFile is the name of the report as JSON, below the artifacts folder.
	JSONFile = "report.json"
	// JUnitFile is the name of the report as JUnit XML.
	JUnitFile = "junit.xml"
	// HTMLFile is the name of the report as a page.
	HTMLFile = "report.html"
	// MarkdownFile is the name of the report for the summary of a CI job.
	MarkdownFile = "report.md"
	// ScriptsDir is the folder of the scripts that repeat what failed.
	ScriptsDir = "repro"
)

// ScriptOf returns the name, below the artifacts folder, of the script that repeats
// the failure of a claim.
func ScriptOf(claim string) string {
	return ScriptsDir + "/" + strings.ReplaceAll(claim, "/", "-") + ".sh"
}

// RemoveScripts removes the scripts of an earlier run.
func RemoveScripts(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, ScriptsDir, "*.sh"))
	for _, path := range old {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return fmt.Errorf("removing the scripts of an earlier run: %w", err)
	}
	return nil
}

// Write puts the report into the artifacts folder, in every format, creating
// the folder when absent. A reader sees each file old or new, never half.
func Write(dir string, r Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	asJSON, err := r.JSON()
	if err != nil {
		return err
	}
	asJUnit, err := r.JUnit()
	if err != nil {
		return err
	}
	asHTML, err := r.HTML()
	if err != nil {
		return err
	}
	return errors.Join(
		replace(filepath.Join(dir, JSONFile), asJSON),
		replace(filepath.Join(dir, JUnitFile), asJUnit),
		replace(filepath.Join(dir, HTMLFile), asHTML),
		replace(filepath.Join(dir, MarkdownFile), []byte(r.Markdown())),
	)
}

// Load reads the report that Write put into the artifacts folder.
func Load(dir string) (Report, error) {
	var r Report
	path := filepath.Join(dir, JSONFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("reading the report: %w", err)
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("reading the report %q: %w", path, err)
	}
	if r.APIVersion != APIVersion || r.Kind != Kind {
		return r, fmt.Errorf("reading the report %q: it is a %q of %q, not a %q of %q", path, r.Kind, r.APIVersion, Kind, APIVersion)
	}
	return r, nil
}

// JSON returns the report as indented JSON.
func (r Report) JSON() ([]byte, error) {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the report as JSON: %w", err)
	}
	return append(raw, '\n'), nil
}

// replace writes the file in one step, so that a process that is killed leaves
// the old or the new content. Reports are made to be shared, hence the mode.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %q: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
