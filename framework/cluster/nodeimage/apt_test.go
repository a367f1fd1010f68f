package nodeimage

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func lines(sources []source) []string {
	var all []string
	for _, s := range sources {
		all = append(all, s.line())
	}
	return all
}

func TestParseSources(t *testing.T) {
	for _, row := range []struct {
		name  string
		parse func(string) []source
		text  string
		want  []string
	}{
		{"one line", parseList, "deb http://mirror/debian bookworm main contrib\n", []string{"deb http://mirror/debian bookworm main contrib"}},
		{"comments, sources and blanks", parseList, `
# deb http://mirror/debian bookworm main
deb-src http://mirror/debian bookworm main
  deb   http://mirror/debian  bookworm   main # the mirror
`, []string{"deb http://mirror/debian bookworm main"}},
		{"options", parseList, "deb [ arch=amd64 signed-by=/k/a.gpg,/k/b.gpg trusted=yes ] http://mirror/debian bookworm main\n",
			[]string{"deb [signed-by=/k/a.gpg,/k/b.gpg trusted=yes] http://mirror/debian bookworm main"}},
		{"options without a space after them", parseList, "deb [arch=amd64]http://mirror/debian bookworm main\n",
			[]string{"deb http://mirror/debian bookworm main"}},
		{"options without an end", parseList, "deb [arch=amd64 http://mirror/debian bookworm main\n", nil},
		{"a flat repository", parseList, "deb http://mirror/own ./\n", nil},

		{"paragraphs as container images have them", parseDeb822, `Types: deb
# http://snapshot.example.org/archive/debian/20260720T000000Z
URIs: http://mirror/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
# http://snapshot.example.org/archive/debian-security/20260720T000000Z
URIs: http://mirror/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`, []string{
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror/debian bookworm main",
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror/debian bookworm-updates main",
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror/debian-security bookworm-security main",
		}},
		{"several types and lines that go on", parseDeb822, "types: deb deb-src\nuris: http://a/debian\n http://b/debian\nsuites: bookworm\ncomponents: main\n contrib\n",
			[]string{"deb http://a/debian bookworm main contrib", "deb http://b/debian bookworm main contrib"}},
		{"several keyrings", parseDeb822, "Types: deb\nURIs: http://a/\nSuites: noble\nComponents: main\nSigned-By: /k/a.gpg /k/b.gpg\nTrusted: yes\n",
			[]string{"deb [signed-by=/k/a.gpg,/k/b.gpg trusted=yes] http://a/ noble main"}},
		{"a key within", parseDeb822, "Types: deb\nURIs: http://a/\nSuites: noble\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP PUBLIC KEY BLOCK-----\n",
			[]string{"deb http://a/ noble main"}},
		{"disabled", parseDeb822, "Types: deb\nEnabled: False\nURIs: http://a/\nSuites: noble\nComponents: main\n", nil},
		{"only sources", parseDeb822, "Types: deb-src\nURIs: http://a/\nSuites: noble\nComponents: main\n", nil},
		{"nothing", parseDeb822, "\n\n# nothing\n", nil},
	} {
		if have := lines(row.parse(row.text)); !slices.Equal(have, row.want) {
			t.Errorf("%s: %q, want %q", row.name, have, row.want)
		}
	}
}

func TestNodeSources(t *testing.T) {
	debian := "deb http://m/debian trixie main contrib\ndeb http://m/debian trixie-updates main\ndeb http://m/security trixie-security main\n"
	for _, row := range []struct {
		name    string
		release release
		list    string
		want    []string // nil for an error
	}{
		{"a later Debian gives the nodes' one", release{"debian", "trixie"}, debian + debian, []string{
			"deb http://m/debian bookworm main", "deb http://m/debian bookworm-updates main", "deb http://m/security bookworm-security main",
		}},
		{"Ubuntu needs universe", release{"ubuntu", "noble"}, "deb http://m/ubuntu noble main restricted\ndeb http://m/ubuntu noble-security main\n", []string{
			"deb http://m/ubuntu noble main universe", "deb http://m/ubuntu noble-security main universe",
		}},
		{"neither backports nor others' repositories", release{"debian", "bookworm"},
			"deb http://m/debian bookworm main\ndeb http://m/debian bookworm-backports main\ndeb http://other/linux bookworm stable\n",
			[]string{"deb http://m/debian bookworm main"}},
		{"no mirror of the release itself", release{"debian", "bookworm"}, "deb http://m/security bookworm-security main\n", nil},
		{"none", release{"debian", "bookworm"}, "", nil},
	} {
		sources, err := nodeSources(row.release, parseList(row.list))
		if have := lines(sources); !slices.Equal(have, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%s: %q, %v; want %q", row.name, have, err, row.want)
		}
	}
}

func TestReadSourcesReadsWhatAptReads(t *testing.T) {
	file := func(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }
	sources, err := readSources(fstest.MapFS{
		"apt/sources.list":                  file("deb http://a/ noble main\n"),
		"apt/sources.list.d/c.list":         file("deb http://c/ noble main\n"),
		"apt/sources.list.d/b.sources":      file("Types: deb\nURIs: http://b/\nSuites: noble\nComponents: main\n"),
		"apt/sources.list.d/d.list.save":    file("deb http://d/ noble main\n"),
		"apt/sources.list.d/e.sources.dpkg": file("Types: deb\nURIs: http://e/\nSuites: noble\nComponents: main\n"),
	})
	want := []string{"deb http://a/ noble main", "deb http://b/ noble main", "deb http://c/ noble main"}
	if have := lines(sources); err != nil || !slices.Equal(have, want) {
		t.Errorf("%q, %v; want %q", have, err, want)
	}
	if sources, err := readSources(fstest.MapFS{}); err != nil || sources != nil {
		t.Errorf("of an empty /etc: %v, %v", sources, err)
	}
}

func TestParseRelease(t *testing.T) {
	for _, row := range []struct {
		text  string
		want  release
		suite string // "" for an error
	}{
		{"ID=debian\nVERSION_CODENAME=trixie\n", release{"debian", "trixie"}, "bookworm"},
		{"ID=ubuntu\nVERSION_CODENAME=\"noble\"\n", release{"ubuntu", "noble"}, "noble"},
		{"ID='fedora'\nVERSION_CODENAME=x\nPRETTY_NAME=\"Fedora Linux 42\"\n", release{}, ""},
		{"ID=debian\n", release{}, ""},
		{"", release{}, ""},
	} {
		have, err := parseRelease(row.text)
		switch {
		case row.suite == "":
			if err == nil {
				t.Errorf("parseRelease(%q) = %v, want an error", row.text, have)
			}
		case err != nil || have != row.want || have.suite() != row.suite:
			t.Errorf("parseRelease(%q) = %v, %v, suite %q; want %v, %q", row.text, have, err, have.suite(), row.want, row.suite)
		}
	}
}

func TestShellQuote(t *testing.T) {
	if have, want := shellQuote("it's"), `'it'\''s'`; have != want || strings.Contains(have, `"`) {
		t.Errorf("shellQuote = %s, want %s", have, want)
	}
}
