package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/engine/internal/capability"
	"github.com/inroads-k8s/inroads/framework/cluster/engine/internal/ociruntime"
	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

const (
	// runMax is the longest folder below which all sockets have a path that the
	// kernel takes: 107 bytes, less the longest name that a daemon appends.
	runMax = 107 - len("/docker/libnetwork/0123456789ab.sock")
	// startTimeout is how long a daemon may take until it answers.
	startTimeout = 60 * time.Second
	// endTimeout is how long a daemon may take to end before it is killed.
	endTimeout = 30 * time.Second
	// pingTimeout is how long a healthy daemon may take to answer a ping.
	pingTimeout = 5 * time.Second
	// pollInterval is how often a starting daemon is asked: it has no way to call back.
	pollInterval = 50 * time.Millisecond
	// logTail is how many lines of a daemon's log an error carries.
	logTail = 4
)

// private is the engine below one cache folder, running or not.
type private struct {
	o    Options
	root string // everything but the sockets
	run  string // sockets, process files, mounts: gone when the engine is stopped
}

func newPrivate(o Options) private {
	p := private{o: o, root: filepath.Join(o.CacheDir, "engine")}
	if p.run = filepath.Join(p.root, "run"); len(p.run) > runMax {
		sum := sha256.Sum256([]byte(p.root))
		p.run = "/run/inroads-" + hex.EncodeToString(sum[:4])
	}
	return p
}

func (p private) socket() string           { return filepath.Join(p.run, "docker.sock") }
func (p private) host() string             { return "unix://" + p.socket() }
func (p private) containerdSocket() string { return filepath.Join(p.run, "containerd.sock") }
func (p private) data() string             { return filepath.Join(p.root, "data") }
func (p private) log(daemon string) string { return filepath.Join(p.root, daemon+".log") }
func (p private) keepFile() string         { return filepath.Join(p.root, "keep") }
func (p private) stateFile() string        { return filepath.Join(p.root, "state.json") }

// state is what must be known to clean up after the engine, also when whoever
// started it was killed.
type state struct {
	LedgerID string   `json:"ledgerID"`
	Boot     string   `json:"boot"`
	Before   firewall `json:"before"`
	// Absent are the files of dockerd's outside its own folders that were not there.
	Absent []string `json:"absent"`
}

// lock takes the lock under which the engine is started, joined, left and stopped.
func (p private) lock(ctx context.Context) (func(), error) {
	return cache.Lock(ctx, filepath.Join(p.root, "lock"), func() {
		p.o.logf("waiting for another process that starts or stops the private engine")
	})
}

// join makes the caller a user of the engine; nil when it does not run. Only a
// user who stops, and is the last one, stops it by releasing it.
func (p private) join(ctx context.Context, stops bool) (*Engine, error) {
	if _, err := os.Stat(p.socket()); err != nil {
		return nil, nil
	}
	unlock, err := p.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if p.ping(ctx) != nil {
		return nil, nil
	}
	return p.joinLocked(ctx, stops)
}

func (p private) joinLocked(ctx context.Context, stops bool) (*Engine, error) {
	e, err := (&Engine{Name: Docker, Host: p.host(), Private: true}).ask(ctx)
	if err != nil {
		return nil, err
	}
	if e.lease, err = p.newLease(stops); err != nil {
		return nil, err
	}
	return e, nil
}

// ensure makes the caller a user of the engine, which it starts when need be.
func (p private) ensure(ctx context.Context) (*Engine, error) {
	if err := permitted(); err != nil {
		return nil, err
	}
	unlock, err := p.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := p.ping(ctx); err != nil {
		if err := p.install(ctx); err != nil {
			return nil, err
		}
		if err := p.start(ctx); err != nil {
			return nil, err
		}
	}
	return p.joinLocked(ctx, true)
}

// permitted tells why this process cannot have a private engine, nil when it can.
func permitted() error {
	release, _ := os.ReadFile("/etc/os-release")
	_, err := exec.LookPath("dockerd")
	return mayStart(os.Geteuid() == 0, err == nil, string(release))
}

func mayStart(root, dockerd bool, osRelease string) error {
	debian := false
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			ids := strings.Fields(strings.Trim(value, `"'`))
			debian = debian || slices.Contains(ids, "debian") || slices.Contains(ids, "ubuntu")
		}
	}
	missing := &MissingError{Missing: "a container engine: no docker, nerdctl or podman answers"}
	switch {
	case root && debian:
		return nil
	case dockerd:
		missing.Remedy = "sudo systemctl start docker"
	case debian:
		missing.Remedy = "sudo apt-get install docker.io && sudo usermod -aG docker \"$USER\", then log in again; or run as root, for a private one"
	default:
		missing.Remedy = "install and start Docker: https://docs.docker.com/engine/install/"
	}
	return missing
}

// programs are what a private engine runs, with the packages that have them.
var programs = []struct{ name, pkg string }{
	{"dockerd", "docker.io"}, {"containerd", "docker.io"}, {"runc", "docker.io"},
	{"iptables", "iptables"}, {"ip", "iproute2"},
}

// clientPackage has Docker's client in those releases, Debian 13 for one, whose
// docker.io only recommends it.
const clientPackage = "docker-cli"

// install adds the packages whose programs are missing: a machine may have these
// from elsewhere, and then keeps them.
func (p private) install(ctx context.Context) error {
	var packages []string
	for _, program := range programs {
		if _, err := exec.LookPath(program.name); err != nil && !slices.Contains(packages, program.pkg) {
			packages = append(packages, program.pkg)
		}
	}
	_, err := exec.LookPath(Docker)
	if len(packages) == 0 && err == nil {
		return nil
	}
	if p.o.NoInstall {
		if len(packages) == 0 {
			packages = []string{clientPackage}
		}
		return &MissingError{
			Missing: "a container engine: no docker, nerdctl or podman answers, and nothing may be installed",
			Remedy:  "sudo apt-get install --no-install-recommends " + strings.Join(packages, " "),
		}
	}
	p.o.logf("no container engine answers; this machine gets Docker of its distribution, of which a private daemon will run below %s", p.root)
	if err := hostpackages.Ensure(ctx, p.o.Log, packages...); err != nil {
		return err
	}
	if _, err := exec.LookPath(Docker); err == nil {
		return nil
	}
	return hostpackages.Ensure(ctx, p.o.Log, clientPackage)
}

// start starts the engine, after clearing away what is left of one that died.
// Afterwards it answers and has no containers. The caller holds the lock.
func (p private) start(ctx context.Context) (err error) {
	before, err := p.clear(ctx)
	if err != nil {
		return err
	}
	p.o.logf("starting a private Docker daemon below %s", p.root)
	runtime, err := p.installRuntime()
	if err != nil {
		return err
	}
	if err := p.record(ctx, before); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.shutdown(context.WithoutCancel(ctx)))
		}
	}()
	for _, dir := range []string{p.run, p.data()} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return fmt.Errorf("starting the private engine: %w", err)
		}
	}
	containerd, err := p.writeContainerdConfig()
	if err != nil {
		return err
	}
	bridge, err := p.makeBridge(ctx)
	if err != nil {
		return err
	}
	dockerd, err := p.writeDockerdConfig(runtime, bridge)
	if err != nil {
		return err
	}
	answers := func(ctx context.Context) error { return dial(ctx, p.containerdSocket()) }
	if err := p.startDaemon(ctx, answers, "containerd", "--config", containerd); err != nil {
		return err
	}
	if err := p.startDaemon(ctx, p.ping, "dockerd", "--config-file", dockerd); err != nil {
		return err
	}
	return p.removeContainers(ctx)
}

// record notes the engine in the ledger, and beside it how the machine was before.
func (p private) record(ctx context.Context, before *state) error {
	self, err := ledger.Self()
	if err != nil {
		return err
	}
	l, err := p.ledger()
	if err != nil {
		return err
	}
	now := state{Boot: self.Boot}
	if before != nil && before.Boot == self.Boot {
		// The machine still bears the marks of the engine that died.
		now.Before, now.Absent = before.Before, before.Absent
	} else if now.Before, err = readFirewall(ctx); err != nil {
		return err
	}
	if now.Absent == nil {
		now.Absent = absent(strays)
	}
	now.LedgerID, err = l.Note(ledger.Entry{Kind: ledger.Engine, Name: p.root, Engine: p.host()})
	if err != nil {
		return err
	}
	if before != nil && before.LedgerID != "" {
		if err := l.Done(before.LedgerID); err != nil {
			return err
		}
	}
	return writeJSON(p.stateFile(), now)
}

func (p private) ledger() (*ledger.Ledger, error) {
	return ledger.Open(filepath.Join(p.o.CacheDir, ledger.DirName))
}

// readState returns nil when no engine was recorded, or not wholly.
func (p private) readState() *state {
	data, err := os.ReadFile(p.stateFile())
	if err != nil {
		return nil
	}
	s := new(state)
	if json.Unmarshal(data, s) != nil {
		return nil
	}
	return s
}

// installRuntime puts the runtime in place and returns its path; empty when this
// machine has all capabilities, so that runc itself will do.
func (p private) installRuntime() (string, error) {
	own, err := capability.Bounding("self")
	if err != nil {
		return "", err
	}
	all, err := capability.All()
	if err != nil {
		return "", err
	}
	if own&all == all {
		return "", nil
	}
	p.o.logf("this machine lacks some capabilities (it has %s of %s), so containers get what it has", own, all)
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	dir := filepath.Join(p.root, "bin")
	path, err := installProgram(self, dir, ociruntime.NamePrefix)
	if err != nil {
		return "", fmt.Errorf("copying %q for the engine's runtime: %w", self, err)
	}
	old, _ := filepath.Glob(filepath.Join(dir, ociruntime.NamePrefix+"*"))
	for _, other := range old {
		if other != path {
			_ = os.Remove(other) // the engine that had it is gone
		}
	}
	return path, nil
}

// installProgram copies a program into the folder, under a name made of the
// prefix and the program's content, and returns the copy's path. A copy, because
// a link would change with the next build of the program.
func installProgram(program, dir, prefix string) (path string, err error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", err
	}
	in, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	if err := errors.Join(err, out.Chmod(0o755), out.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(dir, prefix+hex.EncodeToString(sum.Sum(nil)[:8]))
	return path, os.Rename(out.Name(), path)
}

func (p private) writeContainerdConfig() (string, error) {
	path := filepath.Join(p.run, "containerd.toml")
	text := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = %q
[plugins."io.containerd.internal.v1.opt"]
  path = %q
`, filepath.Join(p.data(), "containerd"), filepath.Join(p.run, "containerd"), p.containerdSocket(), filepath.Join(p.data(), "opt"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("writing containerd's configuration: %w", err)
	}
	return path, nil
}

// noBridge asks dockerd for no default network. kind makes its own.
const noBridge = "none"

// machineBridge is the network of the machine's own daemon.
const machineBridge = "docker0"

// bridge is the name of a network interface, of 15 bytes at most.
func (p private) bridge() string {
	sum := sha256.Sum256([]byte(p.root))
	return "inroads-" + hex.EncodeToString(sum[:4])[:7]
}

// makeBridge returns the default network of the engine. That is none, unless the
// machine's own daemon, although it does not answer, has left its network: one
// told to have none would take that away.
func (p private) makeBridge(ctx context.Context) (string, error) {
	if !exists(machineBridge) {
		return noBridge, nil
	}
	if !exists(p.bridge()) {
		p.o.logf("leaving %s to this machine's own Docker: the private one gets %s", machineBridge, p.bridge())
		if _, err := output(exec.CommandContext(ctx, "ip", "link", "add", "name", p.bridge(), "type", "bridge")); err != nil {
			return "", fmt.Errorf("making a network of its own for the private engine: %w", err)
		}
	}
	return p.bridge(), nil
}

// removeBridge removes what makeBridge made.
func (p private) removeBridge(ctx context.Context) error {
	if !exists(p.bridge()) {
		return nil
	}
	if _, err := output(exec.CommandContext(ctx, "ip", "link", "delete", p.bridge())); err != nil {
		return fmt.Errorf("removing the network of the private engine: %w", err)
	}
	return nil
}

// exists tells whether the machine has that network interface.
func exists(link string) bool {
	_, err := net.InterfaceByName(link)
	return err == nil
}

// daemonConfig is dockerd's configuration file.
type daemonConfig struct {
	DataRoot string   `json:"data-root"`
	ExecRoot string   `json:"exec-root"`
	PIDFile  string   `json:"pidfile"`
	Hosts    []string `json:"hosts"`
	Group    string   `json:"group"`
	// Containerd is always named: without it, dockerd would use the machine's own
	// when there is one.
	Containerd     string                   `json:"containerd"`
	Bridge         string                   `json:"bridge"`
	DefaultRuntime string                   `json:"default-runtime,omitempty"`
	Runtimes       map[string]runtimeConfig `json:"runtimes,omitempty"`
}

type runtimeConfig struct {
	Path string `json:"path"`
}

func (p private) writeDockerdConfig(runtime, bridge string) (string, error) {
	config := daemonConfig{
		DataRoot:   p.data(),
		ExecRoot:   filepath.Join(p.run, "docker"),
		PIDFile:    filepath.Join(p.run, "docker.pid"),
		Hosts:      []string{p.host()},
		Group:      "root",
		Containerd: p.containerdSocket(),
		Bridge:     bridge,
	}
	if runtime != "" {
		config.DefaultRuntime = "inroads"
		config.Runtimes = map[string]runtimeConfig{config.DefaultRuntime: {Path: runtime}}
	}
	path := filepath.Join(p.run, "daemon.json")
	return path, writeJSON(path, config)
}

// writeJSON replaces the file, mode 0600, at once or not at all.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// startDaemon starts a program that outlives this process, and waits until answers
// returns nil.
func (p private) startDaemon(ctx context.Context, answers func(context.Context) error, name string, args ...string) error {
	file, err := os.OpenFile(p.log(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	defer file.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", daemonEnv(os.Environ()), file, file
	// A session of its own: the terminal's interrupt is for this process alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		last := answers(ctx)
		if last == nil {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("starting %q: it ended: %v: %s", strings.Join(cmd.Args, " "), err, p.tail(name))
		case <-ctx.Done():
			return fmt.Errorf("starting %q: waiting %s for an answer: %w: last: %w: %s", strings.Join(cmd.Args, " "), startTimeout, ctx.Err(), last, p.tail(name))
		case <-tick.C:
		}
	}
}

func (p private) tail(daemon string) string {
	data, err := os.ReadFile(p.log(daemon))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return "the end of " + p.log(daemon) + ": " + strings.Join(lines[max(0, len(lines)-logTail):], "; ")
}

// daemonEnv picks what a daemon needs of this process's environment, and leaves
// out what is meant for this process, such as credentials.
func daemonEnv(env []string) []string {
	path, kept := "", []string(nil)
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		switch upper := strings.ToUpper(name); {
		case name == "PATH":
			path = value + ":"
		case slices.Contains([]string{"HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR"}, name),
			slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}, upper):
			kept = append(kept, entry)
		}
	}
	// iptables is not on every user's path.
	return append(kept, "PATH="+path+"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

// ping tells why the daemon does not answer, nil when it does.
func (p private) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", p.socket())
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("pinging %q: %w", p.host(), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("pinging %q: %s", p.host(), resp.Status)
	}
	return nil
}

func dial(ctx context.Context, socket string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	return conn.Close()
}

// stop ends the engine whoever started it, unless it is in use.
func (p private) stop(ctx context.Context) error {
	if _, err := os.Stat(p.root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := p.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	users, err := p.users()
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return &InUseError{PIDs: users}
	}
	if p.ping(ctx) == nil {
		return p.shutdown(ctx)
	}
	if !p.leftovers() {
		return nil
	}
	// Only a daemon can take away its containers and networks in good order.
	if err := p.start(ctx); err != nil {
		return fmt.Errorf("starting the private engine once more to clear it: %w", err)
	}
	return p.shutdown(ctx)
}

// leftovers tells whether an engine was started and not stopped.
func (p private) leftovers() bool {
	for _, path := range []string{p.stateFile(), p.run, p.keepFile()} {
		if _, err := os.Lstat(path); err == nil {
			return true
		}
	}
	return false
}

// shutdown ends a running engine and all that belongs to it, as far as there is
// anything. The caller holds the lock.
func (p private) shutdown(ctx context.Context) error {
	p.o.logf("stopping the private Docker daemon below %s; its images stay there", p.root)
	var failed []error
	if p.ping(ctx) == nil {
		failed = append(failed, p.removeContainers(ctx))
	}
	before, err := p.clear(ctx)
	failed = append(failed, err, p.removeBridge(ctx))
	if before != nil {
		failed = append(failed, before.restore(ctx, p.bridge()))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("stopping the private engine: %w", err)
	}
	if before != nil {
		l, err := p.ledger()
		if err == nil {
			err = l.Done(before.LedgerID)
		}
		if err != nil {
			return err
		}
	}
	for _, path := range []string{p.stateFile(), p.keepFile()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// strays are what dockerd and containerd make outside the folders that they are
// given, whatever their configuration; what is in a folder comes before it.
var strays = []string{
	"/etc/docker/key.json", "/etc/docker",
	"/run/docker/plugins", "/run/docker",
	"/run/containerd/s", "/run/containerd",
}

// absent returns those of the paths at which there is nothing.
func absent(paths []string) []string {
	missing := []string{}
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, path)
		}
	}
	return missing
}

// restore puts back what the daemons changed outside their own folders, unless
// others are there to which that may belong as well.
func (s *state) restore(ctx context.Context, bridge string) error {
	others, err := hold(func(pid int) bool { return program(pid) == "dockerd" || program(pid) == "containerd" })
	if err != nil || len(others) > 0 {
		closeAll(others)
		return err
	}
	for _, path := range s.Absent {
		_ = os.Remove(path) // a folder with something in it stays
	}
	return s.Before.restore(ctx, bridge)
}

// removeContainers removes all containers with their volumes, and all networks.
func (p private) removeContainers(ctx context.Context) error {
	e := &Engine{Name: Docker, Host: p.host()}
	for _, kind := range []struct{ list, remove []string }{
		{[]string{"ps", "--all", "--quiet", "--no-trunc"}, []string{"rm", "--force", "--volumes"}},
		{[]string{"network", "ls", "--quiet", "--no-trunc", "--filter", "type=custom"}, []string{"network", "rm"}},
	} {
		out, err := e.output(ctx, kind.list...)
		if err != nil {
			return err
		}
		ids := strings.Fields(out)
		if len(ids) == 0 {
			continue
		}
		p.o.logf("removing what is left in the private engine: docker %s %s", strings.Join(kind.remove, " "), strings.Join(ids, " "))
		if _, err := e.output(ctx, append(kind.remove, ids...)...); err != nil {
			return err
		}
	}
	return nil
}

// clear ends all processes of the engine, and removes its mounts, its control
// groups and its folder of sockets. It returns what was recorded about the
// engine, nil when nothing was.
func (p private) clear(ctx context.Context) (*state, error) {
	before := p.readState()
	if err := p.endProcesses(ctx); err != nil {
		return before, err
	}
	if err := unmountBelow(p.run, p.data()); err != nil {
		return before, err
	}
	removeGroups(p.containerIDs())
	if err := os.RemoveAll(p.run); err != nil {
		return before, fmt.Errorf("clearing the private engine: %w", err)
	}
	return before, nil
}

// containerIDs returns the ids of all containers that the engine has or had when
// it died.
func (p private) containerIDs() []string {
	entries, _ := os.ReadDir(filepath.Join(p.data(), "containers"))
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids
}

// listener returns the number of the process that listens on the Unix socket; 0
// when that cannot be told, as for a process in another container.
func listener(socket string) int {
	if socket == "" {
		return 0
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	if err != nil {
		return 0
	}
	return pid
}
