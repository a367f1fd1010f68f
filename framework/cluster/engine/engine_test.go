package engine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	infoV1 = `{"ServerVersion":"20.10.24","CgroupVersion":"1","SecurityOptions":["name=seccomp,profile=default"]}`
	infoV2 = `{"ServerVersion":"28.2.2","CgroupVersion":"2","SecurityOptions":["name=seccomp,profile=builtin","name=cgroupns"]}`
)

func TestParseInfo(t *testing.T) {
	tests := []struct {
		name, engine, info string
		want               about
		err                string
	}{
		{"docker, cgroup v1", Docker, infoV1, about{"20.10.24", "1", false}, ""},
		{"docker, cgroup v2", Docker, infoV2, about{"28.2.2", "2", false}, ""},
		{"docker, rootless", Docker, `{"ServerVersion":"28","CgroupVersion":"2","SecurityOptions":["name=rootless"]}`, about{"28", "2", true}, ""},
		{"docker before cgroup versions", Docker, `{"ServerVersion":"19.03"}`, about{"19.03", "", false}, ""},
		{"docker's client alone", Docker, `{"ServerErrors":["Cannot connect to the Docker daemon"]}`, about{}, "Cannot connect"},
		{"nothing told", Docker, `{}`, about{}, "no server version"},
		{"no JSON", Docker, `oops`, about{}, "reading what docker tells"},
		{"nerdctl", Nerdctl, `{"ServerVersion":"v2.1.0","CgroupVersion":"2","SecurityOptions":["name=rootless"]}`, about{"v2.1.0", "2", true}, ""},
		{"podman", Podman, `{"host":{"cgroupVersion":"v2","security":{"rootless":true}},"version":{"Version":"5.4.0"}}`, about{"5.4.0", "2", true}, ""},
		{"podman, cgroup v1", Podman, `{"host":{"cgroupVersion":"v1"},"version":{"Version":"4.3.1"}}`, about{"4.3.1", "1", false}, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseInfo(tc.engine, []byte(tc.info))
			if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("parseInfo = %+v, %v, want %+v, %q", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestSandbox(t *testing.T) {
	tests := []struct {
		name  string
		about about
		want  []string
	}{
		{"ordinary machine", about{cgroup: "2"}, nil},
		{"does not say", about{}, nil},
		{"cgroup v1", about{cgroup: "1"}, []string{"failCgroupV1=false, because the engine says that it uses cgroup v1"}},
		{"rootless", about{cgroup: "2", rootless: true}, []string{"KubeletInUserNamespace and restrict_oom_score_adj, because the engine is rootless"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			// Without a socket the engine is elsewhere: this machine's capabilities do not count.
			if got := sandbox(tc.about, false, "").reasons(); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("reasons = %q, want %q", got, tc.want)
			}
		})
	}
}

// client puts a command of that name alone on the path.
func client(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for _, name := range []string{envHost, envContext, envProvider} {
		t.Setenv(name, "")
	}
}

const (
	answering = `case "$1" in
-v) echo Docker version 28.2.2 ;;
info) echo '` + infoV2 + `' ;;
context) echo unix:///nowhere.sock ;;
esac`
	dead = `case "$1" in
-v) echo Docker version 28.2.2 ;;
info) echo '{"ServerErrors":["Cannot connect to the Docker daemon"]}'; exit 1 ;;
context) echo default ;;
esac`
)

func TestAmbient(t *testing.T) {
	tests := []struct {
		name, client, script string
		env                  map[string]string
		want                 string // the engine's name; empty for none
		missing              string // what the *MissingError says; empty for none
	}{
		{"docker", "docker", answering, nil, Docker, ""},
		{"docker, named", "docker", answering, map[string]string{envHost: "tcp://192.0.2.1:2375"}, Docker, ""},
		{"docker is dead", "docker", dead, nil, "", ""},
		{"none", "nothing", "", nil, "", ""},
		{"the named host is dead", "docker", dead, map[string]string{envHost: "tcp://192.0.2.1:2375"}, "", `the engine "tcp://192.0.2.1:2375", which DOCKER_HOST names: `},
		{"the named context is dead", "docker", dead, map[string]string{envContext: "build"}, "", `the engine "build", which DOCKER_CONTEXT names: `},
		{"the context in use is dead", "docker", strings.Replace(dead, "default", "colima", 1), nil, "", `the engine "colima", which Docker's configuration names: `},
		{"a named host and no client", "nothing", "", map[string]string{envHost: "tcp://192.0.2.1:2375"}, "", `Docker's client, to reach the engine "tcp://192.0.2.1:2375"`},
		{"no permission", "docker", `case "$1" in -v) echo Docker version 28 ;; context) echo default ;; *) echo permission denied while trying to connect >&2; exit 1 ;; esac`, nil, "", "permission to use docker: "},
		{"podman poses as docker", "docker", "echo podman version 5.4.0", nil, "", ""},
		{"podman", "podman", `echo '{"host":{"cgroupVersion":"v2"},"version":{"Version":"5.4.0"}}'`, nil, Podman, ""},
		{"nerdctl", "nerdctl", `echo '` + infoV2 + `'`, nil, Nerdctl, ""},
		{"another is asked for", "docker", answering, map[string]string{envProvider: Podman}, "", "podman, which KIND_EXPERIMENTAL_PROVIDER names: "},
		{"an unknown one is asked for", "docker", answering, map[string]string{envProvider: "rkt"}, "", `an engine called "rkt"`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			client(t, tc.client, tc.script)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			e, err := ambient(t.Context(), Options{Log: new(bytes.Buffer)})
			var missing *MissingError
			if tc.missing != "" {
				if !errors.As(err, &missing) || !strings.HasPrefix(missing.Missing, tc.missing) || missing.Remedy == "" || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %v, want one line that says %q", err, tc.missing)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if e != nil {
				got = e.Name
			}
			if got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if e != nil && (e.Private || e.Host != "" || e.Env() != nil) {
				t.Errorf("%+v, want an engine that is left as it is", e)
			}
		})
	}
}

func TestAmbientEndsWithItsContext(t *testing.T) {
	client(t, "docker", dead)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ambient(ctx, Options{Log: new(bytes.Buffer)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestFindAndEnsureUseWhatIsThere(t *testing.T) {
	client(t, "docker", answering)
	var log bytes.Buffer
	o := Options{CacheDir: t.TempDir(), Log: &log}
	e, err := Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := "engine: using found docker 28.2.2\n"; log.String() != want {
		t.Errorf("log %q, want %q", log.String(), want)
	}
	for range 2 {
		if err := e.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if e, ok, err := Find(t.Context(), o); err != nil || !ok || e.Version != "28.2.2" {
		t.Errorf("Find = %+v, %v, %v", e, ok, err)
	}
	if made, _ := os.ReadDir(o.CacheDir); len(made) != 0 {
		t.Errorf("the cache folder has %v, want nothing", made)
	}
}

func TestFindNothingAndStopNothing(t *testing.T) {
	client(t, "nothing", "")
	o := Options{CacheDir: t.TempDir()}
	if e, ok, err := Find(t.Context(), o); e != nil || ok || err != nil {
		t.Errorf("Find = %+v, %v, %v, want nothing", e, ok, err)
	}
	if err := Stop(t.Context(), o); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if made, _ := os.ReadDir(o.CacheDir); len(made) != 0 {
		t.Errorf("the cache folder has %v, want nothing", made)
	}
}

func TestPrivateEngineIsReachedByItsHost(t *testing.T) {
	e := &Engine{Name: Docker, Host: "unix:///run/x.sock", Private: true}
	cmd := e.Command(t.Context(), "ps")
	if got := cmd.Env[len(cmd.Env)-1]; got != "DOCKER_HOST=unix:///run/x.sock" {
		t.Errorf("last of the environment %q", got)
	}
}
