package nodeimage

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// debianSuite is the release that nodes run where the machine is a Debian:
// systemd of the next one refuses cgroup v1, which machines still have.
const debianSuite = "bookworm"

// release is the machine's distribution, as far as nodes take it over.
type release struct {
	id       string // "debian" or "ubuntu"
	codename string // of the machine: "bookworm", "noble"
}

// suite is the release whose packages nodes are made of.
func (r release) suite() string {
	if r.id == "debian" {
		return debianSuite
	}
	return r.codename
}

// parseRelease reads os-release(5).
func parseRelease(text string) (release, error) {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	r := release{id: values["ID"], codename: values["VERSION_CODENAME"]}
	if (r.id != "debian" && r.id != "ubuntu") || r.codename == "" {
		return r, fmt.Errorf("this machine is %q and neither Debian nor Ubuntu", values["PRETTY_NAME"])
	}
	return r, nil
}

func readRelease() (release, error) {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return release{}, fmt.Errorf("this machine tells no distribution: %w", err)
	}
	return parseRelease(string(data))
}

// source is one mirror of one suite.
type source struct {
	uri, suite string
	components []string
	signedBy   string // paths of keyrings, comma-separated, or "" for apt's own
	trusted    bool   // the machine takes it unsigned
}

// line gives the source as sources.list has it.
func (s source) line() string {
	var options []string
	if s.signedBy != "" {
		options = append(options, "signed-by="+s.signedBy)
	}
	if s.trusted {
		options = append(options, "trusted=yes")
	}
	words := append([]string{s.uri, s.suite}, s.components...)
	if len(options) > 0 {
		words = append([]string{"[" + strings.Join(options, " ") + "]"}, words...)
	}
	return "deb " + strings.Join(words, " ")
}

// readSources reads the machine's own package sources below /etc/apt.
func readSources(etc fs.FS) ([]source, error) {
	names, err := fs.Glob(etc, "apt/sources.list.d/*")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var sources []source
	for _, name := range append([]string{"apt/sources.list"}, names...) {
		data, err := fs.ReadFile(etc, name)
		if err != nil {
			continue // a machine need not have the first, and what apt cannot read it does not use
		}
		switch filepath.Ext(name) {
		case ".list":
			sources = append(sources, parseList(string(data))...)
		case ".sources":
			sources = append(sources, parseDeb822(string(data))...)
		}
	}
	return sources, nil
}

// parseList reads the one-line format of sources.list(5).
func parseList(text string) []source {
	var sources []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		var s source
		if strings.HasPrefix(rest, "[") {
			options, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				continue
			}
			rest = after
			for _, option := range strings.Fields(options) {
				switch name, value, _ := strings.Cut(option, "="); name {
				case "signed-by":
					s.signedBy = value
				case "trusted":
					s.trusted = aptBool(value, false)
				}
			}
		}
		if f := strings.Fields(rest); len(f) >= 3 {
			s.uri, s.suite, s.components = f[0], f[1], f[2:]
			sources = append(sources, s)
		}
	}
	return sources
}

// aptBool reads a truth value as apt does; anything else is otherwise.
func aptBool(text string, otherwise bool) bool {
	switch strings.ToLower(text) {
	case "yes", "true", "with", "on", "enable":
		return true
	case "no", "false", "without", "off", "disable":
		return false
	}
	return otherwise
}

// parseDeb822 reads the paragraph format of sources.list(5).
func parseDeb822(text string) []source {
	var sources []source
	fields := map[string]string{}
	flush := func() {
		defer clear(fields)
		if !slices.Contains(strings.Fields(fields["types"]), "deb") || !aptBool(fields["enabled"], true) {
			return
		}
		signedBy := strings.Join(strings.Fields(fields["signed-by"]), ",")
		if !strings.HasPrefix(signedBy, "/") {
			signedBy = "" // a key within the file; apt's own keyring has those of the distribution
		}
		for _, uri := range strings.Fields(fields["uris"]) {
			for _, suite := range strings.Fields(fields["suites"]) {
				sources = append(sources, source{
					uri: uri, suite: suite, components: strings.Fields(fields["components"]),
					signedBy: signedBy, trusted: aptBool(fields["trusted"], false),
				})
			}
		}
	}
	last := ""
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		line := scanner.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += " " + strings.TrimSpace(line)
		default:
			if key, value, ok := strings.Cut(line, ":"); ok {
				last = strings.ToLower(key)
				fields[last] = strings.TrimSpace(value)
			}
		}
	}
	flush()
	return sources
}

// pockets are the parts of a suite that a mirror may have beside it.
var pockets = []string{"", "-updates", "-security"}

// nodeSources gives the mirrors of the distribution itself among the machine's
// sources, for the suite of the nodes: its own additions and third parties'
// repositories are no part of a node.
func nodeSources(r release, machine []source) ([]source, error) {
	var sources []source
	seen := map[string]bool{}
	for _, s := range machine {
		for _, pocket := range pockets {
			if s.suite != r.codename+pocket || !slices.Contains(s.components, "main") {
				continue
			}
			s.suite = r.suite() + pocket
			s.components = []string{"main"}
			if r.id == "ubuntu" {
				s.components = append(s.components, "universe")
			}
			if line := s.line(); !seen[line] {
				seen[line] = true
				sources = append(sources, s)
			}
			break
		}
	}
	if !slices.ContainsFunc(sources, func(s source) bool { return s.suite == r.suite() }) {
		return nil, fmt.Errorf("no mirror of %s among the sources below /etc/apt", r.codename)
	}
	return sources, nil
}
