package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
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
