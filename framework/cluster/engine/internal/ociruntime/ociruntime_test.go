package ociruntime

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/inroads-k8s/inroads/framework/cluster/engine/internal/capability"
)

const all capability.Set = 1<<41 - 1

// lacking is the set of a machine that is a container itself.
const lacking = all &^ (1 << capability.SysResource)

func TestProcessFile(t *testing.T) {
	tests := []struct {
		name string
		args []string
		file string
		path []string
	}{
		{"create, as containerd's shim has it", []string{"--root", "/run/docker/runtime-inroads/moby", "--log", "/b/log.json", "--log-format", "json", "create", "--bundle", "/b", "--pid-file", "/b/init.pid", "id"}, "/b/config.json", []string{"process"}},
		{"create with systemd groups", []string{"--systemd-cgroup", "create", "--bundle=/b", "id"}, "/b/config.json", []string{"process"}},
		{"run in the present folder", []string{"run", "id"}, "config.json", []string{"process"}},
		{"run, short option", []string{"run", "-b", "/b", "id"}, "/b/config.json", []string{"process"}},
		{"exec, as containerd's shim has it", []string{"--root", "create", "--log=/x", "exec", "--process", "/tmp/runc-process1", "--detach", "id"}, "/tmp/runc-process1", nil},
		{"exec, short option", []string{"exec", "-p", "/p", "id"}, "/p", nil},
		{"exec of a command line", []string{"exec", "id", "sh"}, "", nil},
		{"state", []string{"--root", "/r", "state", "id"}, "", nil},
		{"delete", []string{"delete", "--force", "id"}, "", nil},
		{"version", []string{"--version"}, "", nil},
		{"nothing", nil, "", nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			file, path := processFile(tc.args)
			if file != tc.file || !slices.Equal(path, tc.path) {
				t.Errorf("processFile(%q) = %q, %q, want %q, %q", tc.args, file, path, tc.file, tc.path)
			}
		})
	}
}

func compact(t *testing.T, data []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, data); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestConfineBundle(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	before := read(t, "testdata", "config.json")
	if err := os.WriteFile(file, before, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := confine(file, []string{"process"}, all); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file); !bytes.Equal(got, before) {
		t.Errorf("with all capabilities the file changed to %s", got)
	}
	if err := confine(file, []string{"process"}, lacking); err != nil {
		t.Fatal(err)
	}
	if got, want := compact(t, read(t, file)), compact(t, read(t, "testdata", "config.confined.json")); got != want {
		t.Errorf("confined:\n%s\nwant\n%s", got, want)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v, want that of before", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Errorf("left beside the file: %v", left)
	}
}

func TestWithoutCapabilities(t *testing.T) {
	tests := []struct {
		name, in string
		path     []string
		want     string
		changed  bool
		bad      bool
	}{
		{"process of an exec", `{"cwd":"/","capabilities":{"bounding":["CAP_KILL","CAP_SYS_RESOURCE"]}}`, []string{"capabilities"}, `{"capabilities":{"bounding":["CAP_KILL"]},"cwd":"/"}`, true, false},
		{"no capabilities", `{"cwd":"/"}`, []string{"capabilities"}, `{"cwd":"/"}`, false, false},
		{"null", `{"capabilities":null}`, []string{"capabilities"}, `{"capabilities":null}`, false, false},
		{"nothing to remove", `{ "capabilities": {"bounding": ["CAP_KILL"]}}`, []string{"capabilities"}, `{ "capabilities": {"bounding": ["CAP_KILL"]}}`, false, false},
		{"set is null", `{"capabilities":{"inheritable":null}}`, []string{"capabilities"}, `{"capabilities":{"inheritable":null}}`, false, false},
		{"no JSON", `{`, nil, "", false, true},
		{"set is no list", `{"bounding":"all"}`, nil, "", false, true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, changed, err := withoutCapabilities([]byte(tc.in), tc.path, lacking)
			if (err != nil) != tc.bad || changed != tc.changed || (!tc.bad && string(got) != tc.want) {
				t.Errorf("withoutCapabilities(%s) = %s, %v, %v", tc.in, got, changed, err)
			}
		})
	}
}
