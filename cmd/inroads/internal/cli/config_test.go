package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		args       []string
		// want is in what is printed, absent is not.
		want, absent string
	}{
		{"a value", "path: token", nil, "token/", "aap/"},
		{"a list", "path:\n- token\n- pod\n", nil, "aap/dns-name", "kubectl/first-access"},
		{"a flag overrides it", "path: token\nprofile: page", []string{"--path", "pod"}, "aap/dns-name", "token/"},
		{"a field of another verb", "path: token\nbudget: 60s\nfault: dns-down\n", nil, "token/", "aap/"},
		{"nothing", "# nothing yet\n", nil, "aap/dns-name", "no such claim"},
		{"an empty mapping", "{}", nil, "aap/dns-name", "no such claim"},
		{"a format", "output: markdown", nil, "| claim |", "CLAIM"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			write(t, path, tt.file)
			code, out, stderr := try(t, append([]string{"list", "--config", path}, tt.args...)...)
			if code != ExitProven || !strings.Contains(out, tt.want) || strings.Contains(out, tt.absent) {
				t.Errorf("exit code %d, %s, printed:\n%s", code, stderr, out)
			}
		})
	}
}

func TestConfigIsStrict(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"unknown field", "profile: page\n\nclaimz: aap/dns-name\n", `line 3: unknown field "claimz"; did you mean "claim"? the fields are the flags that '--help' lists`},
		{"config in config", "config: other.yaml\n", `line 1: unknown field "config"; `},
		{"twice", "path: pod\npath: token\n", `line 2: field "path" is there twice; drop one of them`},
		{"a mapping", "path: {pod: true}\n", `line 1: field "path" is a mapping; it is one value, or a list of them`},
		{"a list for one value", "profile: [core, page]\n", `line 1: field "profile" is a list; it is one value`},
		{"empty", "profile:\n", `line 1: field "profile" is empty; it is one value`},
		{"no boolean", "path: pod\nadvice: perhaps\n", `line 2: field "advice": `},
		{"no such claim", "claim: aap/nothing\n", `no claim "aap/nothing"`},
		{"no such format", "output: xml\n", `no output format "xml"; there are table, json, yaml and markdown`},
		{"no mapping", "- profile\n", `it is no mapping; it is a YAML mapping of flags, such as 'profile: page'`},
		{"no YAML", "profile: [core\n", `line 1: did not find expected`},
		{"two documents", "path: pod\n---\npath: token\n", `it has more than one document; `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			write(t, path, tt.file)
			code, out, stderr := try(t, "list", "--config", path)
			if code != ExitUsage || out != "" || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, %q, want one line with %q; printed %q", code, stderr, tt.want, out)
			}
		})
	}
	code, _, stderr := try(t, "run", "--config", filepath.Join(t.TempDir(), "none"))
	if code != ExitUsage || !strings.Contains(stderr, "none: no such file or directory; ") {
		t.Errorf("a file that is not there: exit code %d, %q", code, stderr)
	}
}
