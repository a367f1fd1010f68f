package engine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func testPrivate(t *testing.T) private {
	t.Helper()
	o, err := Options{CacheDir: t.TempDir()}.normal()
	if err != nil {
		t.Fatal(err)
	}
	return newPrivate(o)
}

func TestMayStart(t *testing.T) {
	const debian, ubuntu, mint, fedora = "ID=debian\n", "ID=\"ubuntu\"\nID_LIKE=debian\n", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "ID=fedora\n"
	tests := []struct {
		name          string
		root, dockerd bool
		release       string
		remedy        string // a word of it; empty when the private engine may be started
	}{
		{"root on debian", true, false, debian, ""},
		{"root on ubuntu", true, false, ubuntu, ""},
		{"root on a relative", true, true, mint, ""},
		{"user on debian", false, false, debian, "apt-get install docker.io"},
		{"user, docker is installed", false, true, debian, "systemctl start docker"},
		{"root elsewhere", true, false, fedora, "install and start Docker"},
		{"root elsewhere, docker is installed", true, true, fedora, "systemctl start docker"},
		{"root on the unknown", true, false, "", "install and start Docker"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			err := mayStart(tc.root, tc.dockerd, tc.release)
			var missing *MissingError
			switch {
			case tc.remedy == "" && err != nil:
				t.Errorf("error %v", err)
			case tc.remedy != "" && (!errors.As(err, &missing) || !strings.Contains(missing.Remedy, tc.remedy)):
				t.Errorf("error %v, want a remedy with %q", err, tc.remedy)
			}
		})
	}
}

func TestSocketsFitTheKernel(t *testing.T) {
	for _, dir := range []string{"/c", "/" + strings.Repeat("x", 60), "/" + strings.Repeat("x", 70), "/" + strings.Repeat("x", 200)} {
		p := newPrivate(Options{CacheDir: dir})
		for _, socket := range []string{p.socket(), p.containerdSocket() + ".ttrpc", filepath.Join(p.run, "docker/libnetwork/0123456789ab.sock")} {
			if len(socket) > 107 {
				t.Errorf("socket %q has %d bytes", socket, len(socket))
			}
		}
		if len(p.bridge()) > 15 {
			t.Errorf("bridge %q has %d bytes", p.bridge(), len(p.bridge()))
		}
		if !strings.HasPrefix(p.run, p.root) && !strings.HasPrefix(p.run, "/run/inroads-") {
			t.Errorf("sockets in %q", p.run)
		}
	}
	if a, b := newPrivate(Options{CacheDir: "/" + strings.Repeat("x", 200)}), newPrivate(Options{CacheDir: "/" + strings.Repeat("y", 200)}); a.run == b.run {
		t.Errorf("two cache folders share %q", a.run)
	}
}

func TestDockerdConfig(t *testing.T) {
	p := private{o: Options{}, root: "/c/engine", run: t.TempDir()}
	for _, tc := range []struct{ runtime, want string }{
		{"/c/engine/bin/runtime", `{
  "data-root": "/c/engine/data",
  "exec-root": "RUN/docker",
  "pidfile": "RUN/docker.pid",
  "hosts": [
    "unix://RUN/docker.sock"
  ],
  "group": "root",
  "containerd": "RUN/containerd.sock",
  "bridge": "none",
  "default-runtime": "inroads",
  "runtimes": {
    "inroads": {
      "path": "/c/engine/bin/runtime"
    }
  }
}
`},
		{"", `{
  "data-root": "/c/engine/data",
  "exec-root": "RUN/docker",
  "pidfile": "RUN/docker.pid",
  "hosts": [
    "unix://RUN/docker.sock"
  ],
  "group": "root",
  "containerd": "RUN/containerd.sock",
  "bridge": "none"
}
`},
	} {
		path, err := p.writeDockerdConfig(tc.runtime, noBridge)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if got := strings.ReplaceAll(string(data), p.run, "RUN"); err != nil || got != tc.want {
			t.Errorf("configuration %s, %v, want %s", got, err, tc.want)
		}
	}
}

func TestDaemonEnv(t *testing.T) {
	got := daemonEnv([]string{"PATH=/opt/bin", "HOME=/h", "GITHUB_TOKEN=secret", "https_proxy=http://p", "NO_PROXY=x", "DOCKER_HOST=tcp://y", "LISTEN_FDS=1"})
	want := []string{"HOME=/h", "https_proxy=http://p", "NO_PROXY=x", "PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if !slices.Equal(got, want) {
		t.Errorf("daemonEnv = %q, want %q", got, want)
	}
}

func TestInstallProgram(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	paths := map[string]bool{}
	for _, content := range []string{"one", "two", "one"} {
		if err := os.WriteFile(program, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		path, err := installProgram(program, filepath.Join(dir, "bin"), "p-")
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err := errors.Join(err, statErr); err != nil || string(data) != content || info.Mode().Perm() != 0o755 {
			t.Errorf("copy %q of %q: %v", data, content, err)
		}
		paths[path] = true
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "bin")); len(paths) != 2 || len(left) != 2 {
		t.Errorf("copies %v, folder %v, want one for each content", paths, left)
	}
}

func TestUsers(t *testing.T) {
	p := testPrivate(t)
	check := func(want ...int) {
		t.Helper()
		if got, err := p.users(); err != nil || !slices.Equal(got, want) {
			t.Errorf("users = %v, %v, want %v", got, err, want)
		}
	}
	check()
	first, err := p.newLease(false)
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.newLease(false)
	if err != nil {
		t.Fatal(err)
	}
	// Left by a process that was killed: nobody holds it locked.
	if err := os.WriteFile(filepath.Join(p.leases(), "999-KILLED"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check(os.Getpid())
	var inUse *InUseError
	if err := p.stop(t.Context()); !errors.As(err, &inUse) || !slices.Equal(inUse.PIDs, []int{os.Getpid()}) {
		t.Errorf("stop: %v, want an InUseError", err)
	}
	if err := first.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(os.Getpid())
	if err := second.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
	if left, _ := os.ReadDir(p.leases()); len(left) != 0 {
		t.Errorf("leases left: %v", left)
	}
}

// start runs a shell under another name, with the given last argument, until
// the test ends.
func start(t *testing.T, name, arg string) *exec.Cmd {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	path, err := installProgram(shell, t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(filepath.Dir(path), name)
	if err := os.Rename(path, named); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(named, "-c", "echo up; read x", "sh", arg)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestEndsItsOwnProcessesAlone(t *testing.T) {
	p := testPrivate(t)
	p.o.Log = t.Output()
	tests := []struct {
		name, program, arg string
		ends               bool
	}{
		{"dockerd", "dockerd", p.run + "/daemon.json", true},
		{"containerd", "containerd", p.run + "/containerd.toml", true},
		{"shim", "containerd-shim-runc-v2", p.run + "/containerd.sock", true},
		{"the machine's own dockerd", "dockerd", "/etc/docker/daemon.json", false},
		{"another cache folder's", "dockerd", p.run + "2/daemon.json", false},
		{"an editor of the configuration", "vi", p.run + "/daemon.json", false},
	}
	var commands []*exec.Cmd
	for _, tc := range tests {
		commands = append(commands, start(t, tc.program, tc.arg))
	}
	if err := os.MkdirAll(p.run, 0o700); err != nil {
		t.Fatal(err)
	}
	// A file that names a foreign process must not harm that process.
	foreign := commands[len(commands)-1].Process.Pid
	if err := writeJSON(filepath.Join(p.run, "docker.pid"), foreign); err != nil {
		t.Fatal(err)
	}
	if err := p.endProcesses(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, tc := range tests {
		runs, err := hold(func(pid int) bool { return pid == commands[i].Process.Pid && program(pid) == tc.program })
		closeAll(runs)
		if err != nil || (len(runs) == 0) != tc.ends {
			t.Errorf("%s: ended %v, %v, want %v", tc.name, len(runs) == 0, err, tc.ends)
		}
	}
}

func TestListener(t *testing.T) {
	if pid := listener(filepath.Join(t.TempDir(), "none.sock")); pid != 0 {
		t.Errorf("listener of nothing = %d", pid)
	}
}

func TestMountPoints(t *testing.T) {
	const info = `22 1 8:1 / / rw - ext4 /dev/vda rw
30 22 8:1 /c/engine/data /c/engine/data rw shared:1 - ext4 /dev/vda rw
31 30 0:40 / /c/engine/data/overlay2/x/merged rw - overlay overlay rw
32 22 0:41 / /c/engine/run/docker/netns/n rw - nsfs nsfs rw
33 22 0:42 / /c/engine/database rw - tmpfs tmpfs rw
34 22 0:43 / /a\040b/x\134y rw - tmpfs tmpfs rw
`
	tests := []struct {
		dirs, want []string
	}{
		{[]string{"/c/engine/run", "/c/engine/data"}, []string{"/c/engine/data", "/c/engine/data/overlay2/x/merged", "/c/engine/run/docker/netns/n"}},
		{[]string{"/a b"}, []string{`/a b/x\y`}},
		{[]string{"/nothing"}, nil},
	}
	for _, tc := range tests {
		if got := mountPoints(info, tc.dirs); !slices.Equal(got, tc.want) {
			t.Errorf("mountPoints(%q) = %q, want %q", tc.dirs, got, tc.want)
		}
	}
}

const (
	savedByDocker = `# Generated by iptables-save
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
:mine - [0:0]
-A FORWARD -j mine
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -j RETURN
-A mine -j DOCKER
-A FORWARD -i inroads-x -o inroads-x -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
COMMIT
`
	savedBefore = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:mine - [0:0]
-A FORWARD -j mine
COMMIT
`
)

func recorded(tool, saved string) firewall {
	f := firewall{Chains: map[string][]string{}, Policies: map[string]map[string]string{}}
	for _, t := range parseTables(saved) {
		f.Chains[tool+"/"+t.name], f.Policies[tool+"/"+t.name] = t.chains, t.policies
	}
	return f
}

func TestFirewallUndo(t *testing.T) {
	tests := []struct {
		name, before, now string
		want              []string
	}{
		{"other rules stay", savedBefore, savedByDocker, []string{
			"-t filter -D FORWARD -j DOCKER-USER",
			"-t filter -D mine -j DOCKER",
			"-t filter -D FORWARD -i inroads-x -o inroads-x -j ACCEPT",
			"-t filter -F DOCKER",
			"-t filter -F DOCKER-USER",
			"-t filter -X DOCKER",
			"-t filter -X DOCKER-USER",
			"-t filter -P FORWARD ACCEPT",
			"-t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
			"-t nat -F DOCKER",
			"-t nat -X DOCKER",
		}},
		{"another Docker's stay", savedByDocker, savedByDocker, []string{
			"-t filter -D FORWARD -i inroads-x -o inroads-x -j ACCEPT",
		}},
		{"nothing made", savedBefore, savedBefore, nil},
		{"no tables", "", "", nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, args := range recorded("iptables", tc.before).undo("iptables", "inroads-x", parseTables(tc.now)) {
				got = append(got, strings.Join(args, " "))
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("undo = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStateSurvivesNonsense(t *testing.T) {
	p := testPrivate(t)
	if s := p.readState(); s != nil {
		t.Errorf("state of nothing = %+v", s)
	}
	if err := os.MkdirAll(p.root, 0o700); err != nil {
		t.Fatal(err)
	}
	want := state{LedgerID: "1", Boot: "b", Before: recorded("iptables", savedBefore), Absent: []string{}}
	if err := writeJSON(p.stateFile(), want); err != nil {
		t.Fatal(err)
	}
	if got := p.readState(); got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("state = %+v, want %+v", got, want)
	}
	if err := os.WriteFile(p.stateFile(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := p.readState(); s != nil {
		t.Errorf("state of half a file = %+v", s)
	}
}
