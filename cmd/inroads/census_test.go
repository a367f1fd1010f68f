//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

// The environment of the census; see README.md.
const (
	// envCensusKubeconfig is the kubeconfig of a cluster that is there. With none
	// each run makes a cluster of its own.
	envCensusKubeconfig = "INROADS_CENSUS_KUBECONFIG"
	// envCensusPoints is how many runs are killed, and envCensusSeed what the times
	// of that are drawn from.
	envCensusPoints = "INROADS_CENSUS_POINTS"
	envCensusSeed   = "INROADS_CENSUS_SEED"
	// envCensusArgs are more arguments of each run, such as images that the nodes
	// have.
	envCensusArgs = "INROADS_CENSUS_ARGS"
	// envCensus switches the census on.
	envCensus = "INROADS_CENSUS"
)

const (
	// goneTime is how long what was told to go has to do so.
	goneTime = 3 * time.Minute
	goneTick = time.Second
)

// censusClaims have between them namespaces, pods, Services, Secrets, tokens,
// rights, proxies and men in the middle.
var censusClaims = []string{
	"token/jsonpath-token", "aap/env-vars", "kubectl-proxy/reverse-proxy-mode", "ap/reach-service", "proxy-mode/verifies-identity",
}

// noise are the kinds whose objects come and go in a cluster that nobody uses:
// Events and what is renewed by a clock, and what controllers make of other
// objects that are counted themselves.
var noise = []string{"events", "leases", "endpointslices", "endpoints", "componentstatuses"}

// collected begins what a controller takes away by the clock: the kubelets' requests
// for certificates, an hour after they were granted.
const collected = "certificatesigningrequests."

// unkept are the folders of the cache whose content is meant to outlive a run.
var unkept = []string{"engine", "nodeimage", "clients"}

// telemetry is where the go command keeps its own counters, below the home folder.
const telemetry = ".config/go"

// TestCensus counts, by name, all that is in a cluster and of inroads on this machine
// before and after runs that end well, fail, are interrupted and are killed.
func TestCensus(t *testing.T) {
	if os.Getenv(envCensus) == "" {
		t.Skipf("%s is not set: 'make census' takes minutes and a real cluster", envCensus)
	}
	c := newCensus(t)
	whole := c.check(t, "normal end", 0, nil)
	t.Run("failure", func(t *testing.T) { c.check(t, "failure", 0, nil, "--kubectl", c.badKubectl(t)) })
	for _, part := range []float64{0.2, 0.5, 0.8} {
		at := time.Duration(part * float64(whole))
		t.Run(fmt.Sprintf("interrupted after %s", at.Round(time.Millisecond)), func(t *testing.T) {
			c.check(t, "Ctrl-C", at, func(p *os.Process) error { return p.Signal(os.Interrupt) })
		})
	}
	points, _ := strconv.Atoi(cmp.Or(os.Getenv(envCensusPoints), "20"))
	seed, _ := strconv.ParseUint(cmp.Or(os.Getenv(envCensusSeed), "1"), 10, 64)
	random := rand.New(rand.NewPCG(seed, seed))
	for i := range points {
		at := time.Duration(random.Int64N(int64(whole)))
		kill, who := c.killAll, "the whole tree"
		if i%2 == 0 {
			kill, who = (*os.Process).Kill, "the parent"
		}
		t.Run(fmt.Sprintf("killed %s after %s", who, at.Round(time.Millisecond)), func(t *testing.T) {
			c.check(t, "SIGKILL of "+who, at, kill)
		})
	}
}

// census runs the program and counts.
type census struct {
	program, cache, kubeconfig, home, temp string
}

func newCensus(t *testing.T) *census {
	t.Helper()
	dir, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	c := &census{program: filepath.Join(t.TempDir(), "inroads"), cache: dir, kubeconfig: os.Getenv(envCensusKubeconfig), home: t.TempDir(), temp: t.TempDir()}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", c.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return c
}

func (c *census) badKubectl(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubectl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho no >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func (c *census) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env = append(os.Environ(), "HOME="+c.home, "TMPDIR="+c.temp, cache.EnvDir+"="+c.cache)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	return cmd
}

// check counts before and after one run, which stop ends after the time, and
// returns how long it took. What was killed is swept first.
func (c *census) check(t *testing.T, how string, after time.Duration, stop func(*os.Process) error, args ...string) time.Duration {
	t.Helper()
	before := c.count(t)
	run := []string{"run", "--artifacts", filepath.Join(t.TempDir(), "artifacts")}
	for _, claim := range censusClaims {
		run = append(run, "--claim", claim)
	}
	if c.kubeconfig != "" {
		run = append(run, "--kubeconfig", c.kubeconfig)
	} else {
		run = append(run, "--name", "inroads-census")
	}
	run = append(run, strings.Fields(os.Getenv(envCensusArgs))...)
	var out bytes.Buffer
	cmd := c.command(t.Context(), append(run, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	if stop != nil {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
			if err := stop(cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
		}
	}
	<-ended
	took := time.Since(began)
	if cmd.ProcessState.ExitCode() < 0 {
		// Workers outlive a parent that was killed for as long as they clean up.
		c.wait(t, func() []string { return c.processes(before) })
		swept, err := c.command(t.Context(), "sweep").CombinedOutput()
		if err != nil {
			t.Errorf("sweep: %v: %s", err, swept)
		}
		out.Write(swept)
	}
	left := c.wait(t, func() []string { return different(before, c.count(t)) })
	t.Logf("%s after %s: exit code %d, %d things before, %d differ after", how, took.Round(time.Millisecond), cmd.ProcessState.ExitCode(), len(before), len(left))
	if len(left) > 0 {
		t.Errorf("%s leaves, or takes away:\n  %s\n%s", how, strings.Join(left, "\n  "), out.String())
		// The next count begins clean.
		_ = c.command(t.Context(), "sweep").Run()
	}
	return took
}

// wait returns what is left once that is nothing, or when the time is over.
func (c *census) wait(t *testing.T, left func() []string) []string {
	t.Helper()
	tick := time.NewTicker(goneTick)
	defer tick.Stop()
	for deadline := time.Now().Add(goneTime); ; <-tick.C {
		if now := left(); len(now) == 0 || time.Now().After(deadline) {
			return now
		}
	}
}

// killAll kills the run with all that it has started, at once.
func (c *census) killAll(p *os.Process) error {
	err := p.Kill()
	for pid := range c.own() {
		if pid != os.Getpid() {
			err = errors.Join(err, ignoreGone(syscall.Kill(pid, syscall.SIGKILL)))
		}
	}
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// own are the processes that have the program's folder for temporary files in their
// environment, which every one gets that a run starts, with their arguments.
func (c *census) own() map[int]string {
	all := map[int]string{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if bytes.Contains(environ, []byte("TMPDIR="+c.temp)) {
			arguments, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
			all[pid] = strings.ReplaceAll(strings.TrimRight(string(arguments), "\x00"), "\x00", " ")
		}
	}
	return all
}

// processes returns those that were not there before.
func (c *census) processes(before []string) []string {
	var now []string
	for _, arguments := range c.own() {
		if name := "process " + arguments; !slices.Contains(before, name) {
			now = append(now, name)
		}
	}
	return now
}

// count returns the name of everything that there is.
func (c *census) count(t *testing.T) []string {
	t.Helper()
	all := append(c.processes(nil), c.files()...)
	all = append(all, c.engine(t)...)
	if c.kubeconfig != "" {
		objects, err := c.objects(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, objects...)
	}
	for pid, arguments := range c.own() {
		for _, socket := range listeners(pid) {
			all = append(all, "listener "+socket+" of "+arguments)
		}
	}
	slices.Sort(all)
	return all
}

// files are those of the home folder, the folder for temporary files and the cache,
// but for locks, which are empty.
func (c *census) files() (names []string) {
	for _, root := range []string{c.home, c.temp, c.cache} {
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			within, _ := filepath.Rel(root, path)
			switch {
			case err != nil || within == ".":
			case root == c.cache && slices.Contains(unkept, within), root == c.home && within == telemetry:
				return fs.SkipDir
			case entry.IsDir() && (root == c.cache || root == c.home) && filepath.Dir(within) == ".":
			case strings.HasSuffix(entry.Name(), "lock"):
			default:
				names = append(names, "file "+path)
			}
			return nil
		})
	}
	return names
}

// engine are the containers, networks and volumes of the private engine.
func (c *census) engine(t *testing.T) (names []string) {
	socket := filepath.Join(c.cache, "engine", "run", "docker.sock")
	if _, err := os.Stat(socket); err != nil {
		return nil
	}
	for kind, args := range map[string][]string{
		"container": {"ps", "--all", "--format", "{{.Names}}"},
		"network":   {"network", "ls", "--format", "{{.Name}}"},
		"volume":    {"volume", "ls", "--format", "{{.Name}}"},
	} {
		out, _ := exec.CommandContext(t.Context(), "docker", append([]string{"--host", "unix://" + socket}, args...)...).Output()
		for name := range strings.FieldsSeq(string(out)) {
			names = append(names, kind+" "+name)
		}
	}
	return names
}

// objects are all objects of every kind that can be listed, by discovery.
func (c *census) objects(ctx context.Context) (names []string, err error) {
	config, err := cluster.Ref{Kubeconfig: c.kubeconfig}.RESTConfig()
	if err != nil {
		return nil, err
	}
	discover, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	lists, err := discover.ServerPreferredResources()
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || slices.Contains(noise, r.Name) {
				continue
			}
			found, err := client.Resource(version.WithResource(r.Name)).List(ctx, metav1.ListOptions{})
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", r.Name, err)
			}
			for _, o := range found.Items {
				names = append(names, strings.TrimSpace(fmt.Sprintf("%s.%s %s/%s", r.Name, version.Group, o.Namespace, o.Name)))
			}
		}
	}
	return names, nil
}

// listeners are the TCP addresses, as the kernel writes them, at which the process
// listens.
func listeners(pid int) (addresses []string) {
	const listening = "0A"
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	inodes := map[string]bool{}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		target, _ := os.Readlink(filepath.Join(dir, e.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		for line := range strings.Lines(string(raw)) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == listening && inodes[f[9]] {
				addresses = append(addresses, f[1])
			}
		}
	}
	return addresses
}

// different returns what is in one of the counts alone.
func different(before, after []string) (names []string) {
	for _, n := range after {
		if !slices.Contains(before, n) {
			names = append(names, "left: "+n)
		}
	}
	for _, n := range before {
		if !slices.Contains(after, n) && !strings.HasPrefix(n, collected) {
			names = append(names, "gone: "+n)
		}
	}
	return names
}
