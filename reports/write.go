package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	apiversion "k8s.io/apimachinery/pkg/version"
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

var (
	// ErrNewer is of a report in a version that only a later inroads reads.
	ErrNewer = errors.New("it is of a newer version")
	// ErrCutShort is of a report whose end is missing.
	ErrCutShort = errors.New("it is cut short")

	errOlder = errors.New("it is of an older version")
)

// Load reads a report: the file at the path, or the one that Write put into the
// folder there. Fields that it does not know are left out. The error of a file
// that is none, that is cut short or that is of another version says so.
func Load(path string) (Report, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, JSONFile)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return Report{}, fmt.Errorf("reading the report: %w", err)
	}
	r, err := parse[Report](raw, Kind)
	if err != nil {
		return Report{}, fmt.Errorf("reading the report %q: %w", path, err)
	}
	return r, nil
}

// parse reads a report of the kind, once it is known to be one.
func parse[T any](raw []byte, kind string) (T, error) {
	var r, none T
	if len(bytes.TrimSpace(raw)) == 0 {
		return none, errors.New("it is empty")
	}
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return none, parseError(raw, err)
	}
	if head.APIVersion == "" || head.Kind == "" {
		return none, fmt.Errorf("it is no report: it has no apiVersion and kind, which are %q and %q in one", APIVersion, kind)
	}
	group, version, _ := strings.Cut(head.APIVersion, "/")
	ourGroup, ourVersion, _ := strings.Cut(APIVersion, "/")
	if group != ourGroup || head.Kind != kind {
		return none, fmt.Errorf("it is a %q of %q, not a %q of %q", head.Kind, head.APIVersion, kind, APIVersion)
	}
	if version != ourVersion {
		age := errOlder
		if apiversion.CompareKubeAwareVersionStrings(version, ourVersion) > 0 {
			age = ErrNewer
		}
		return none, fmt.Errorf("%w: %q; this inroads reads %q", age, head.APIVersion, APIVersion)
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return none, parseError(raw, err)
	}
	return r, nil
}

// parseError says what is wrong with a file that JSON does not read.
func parseError(raw []byte, err error) error {
	var syntax *json.SyntaxError
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(raw), []byte("<")):
		return errors.New("it is XML or HTML; a report is JSON, " + JSONFile)
	case errors.Is(json.NewDecoder(bytes.NewReader(raw)).Decode(new(any)), io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends after %d bytes, within a value", ErrCutShort, len(raw))
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON at byte %d: %w", syntax.Offset, err)
	default:
		return err
	}
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
