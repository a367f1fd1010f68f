package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

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
