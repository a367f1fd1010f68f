package hostpackages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// machine is a made-up Debian: what it has, what its lists know, and what its
// mirror has once the lists are refreshed.
type machine struct {
	installed, known, mirror []string
	notRoot, noApt           bool
	stale                    bool // until the lists are refreshed, a download fails
	refuses                  error
	ran                      []string
}

func (m *machine) host() host {
	return host{root: !m.notRoot, lookPath: m.lookPath, run: m.run}
}

func (m *machine) lookPath(name string) (string, error) {
	if m.noApt {
		return "", exec.ErrNotFound
	}
	return "/usr/bin/" + name, nil
}

func (m *machine) run(_ context.Context, name string, args ...string) ([]byte, error) {
	line := name + " " + strings.Join(args, " ")
	switch {
	case name == "dpkg-query" && args[0] == "--show":
		var out strings.Builder
		for _, p := range m.installed {
			fmt.Fprintf(&out, "installed %s\n", p)
		}
		return []byte(out.String() + "config-files removed\n"), nil
	case name == "dpkg-query":
		m.ran = append(m.ran, line)
		var out strings.Builder
		for _, p := range args[1:] {
			fmt.Fprintf(&out, "/usr/bin/%s\n/lib/systemd/system/%s.service\n/lib/systemd/system/%s@.service\n", p, p, p)
		}
		return []byte(out.String()), nil
	case name == "apt-cache":
		if p := args[len(args)-1]; slices.Contains(m.known, p) {
			return []byte("Package: " + p), nil
		}
		return nil, errors.New("no packages found")
	case slices.Contains(args, "update"):
		m.ran = append(m.ran, "update")
		m.known, m.stale = append(m.known, m.mirror...), false
		return nil, nil
	case slices.Contains(args, "install"):
		m.ran = append(m.ran, "install "+strings.Join(args[slices.Index(args, "install")+1:], " "))
		if m.stale {
			return nil, errors.New("E: Failed to fetch docker.io")
		}
		if m.refuses != nil {
			return nil, m.refuses
		}
		m.installed = append(m.installed, args[slices.Index(args, "install")+1:]...)
		return nil, nil
	default:
		m.ran = append(m.ran, line)
		return nil, nil
	}
}

func TestEnsure(t *testing.T) {
	const off = "systemctl disable --quiet docker.service"
	files := "dpkg-query --listfiles docker"
	tests := []struct {
		name    string
		machine machine
		want    []string
		missing string // the *MissingError's text; empty for none
		err     string // another error's; empty for none
	}{
		{"all there", machine{installed: []string{"docker"}, notRoot: true}, nil, "", ""},
		{"known", machine{known: []string{"docker"}}, []string{"install docker", files, off}, "", ""},
		{"no lists yet", machine{mirror: []string{"docker"}}, []string{"update", "install docker", files, off}, "", ""},
		{"stale lists", machine{known: []string{"docker"}, stale: true}, []string{"update", "install docker", files, off}, "", ""},
		{"known nowhere", machine{}, []string{"update"}, "missing docker (this machine's package lists do not have it); to mend it: sudo apt-get install --no-install-recommends docker", ""},
		{"not root", machine{known: []string{"docker"}, notRoot: true}, nil, "missing docker (only root can install it); to mend it: sudo apt-get install --no-install-recommends docker", ""},
		{"no apt", machine{noApt: true}, nil, "missing docker (this machine has no apt-get to install it with); to mend it: install docker with this machine's package manager", ""},
		{"refused", machine{known: []string{"docker"}, refuses: errors.New("E: Packages need to be removed")}, []string{"install docker"}, "", "installing docker: E: Packages need to be removed"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			m := tc.machine
			var log bytes.Buffer
			err := m.host().ensure(t.Context(), &log, []string{"docker"})
			got := m.ran
			if tc.name == "stale lists" {
				got = got[1:] // the attempt that failed
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("ran %q, want %q", got, tc.want)
			}
			var missing *MissingError
			switch {
			case tc.missing != "":
				if !errors.As(err, &missing) || err.Error() != tc.missing {
					t.Errorf("error %v, want %q", err, tc.missing)
				}
			case tc.err != "":
				if err == nil || err.Error() != tc.err {
					t.Errorf("error %v, want %q", err, tc.err)
				}
			case err != nil:
				t.Errorf("ensure: %v", err)
			}
			if announced := strings.HasPrefix(log.String(), "installing docker "); announced != (len(m.ran) > 0) {
				t.Errorf("log %q, ran %q: what is installed must be said first, and only then", log.String(), m.ran)
			}
		})
	}
}

func TestRunCarriesCommandAndOutput(t *testing.T) {
	_, err := run(t.Context(), "sh", "-c", "echo out; echo went wrong >&2; exit 4")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"sh -c", "exit status 4", "out\nwent wrong"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	out, err := run(t.Context(), "sh", "-c", "echo $SYSTEMD_OFFLINE $RUNLEVEL; echo noise >&2")
	if err != nil || string(out) != "1 1\n" {
		t.Errorf("run = %q, %v", out, err)
	}
}
