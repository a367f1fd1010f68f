// Package engine gives the container engine that clusters run in. An engine that
// the environment reaches is used as it is. On a Debian or Ubuntu machine
// without one, and as root, the distribution's Docker is installed and a private
// daemon of it is started below the cache folder, beside whatever else the
// machine has: own data, sockets, configuration and containerd.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
)

// The names of engines, as kind's KIND_EXPERIMENTAL_PROVIDER has them.
const (
	Docker  = "docker"
	Nerdctl = "nerdctl"
	Finch   = "finch"
	Podman  = "podman"
)

// The environment that says which engine is meant.
const (
	envHost     = "DOCKER_HOST"
	envContext  = "DOCKER_CONTEXT"
	envProvider = "KIND_EXPERIMENTAL_PROVIDER"
)

// MissingError tells what the machine lacks and the command that mends it.
type MissingError = hostpackages.MissingError

// Options say where the private engine lives and what may be done for it.
type Options struct {
	// CacheDir is the cache folder; empty for cache.Dir.
	CacheDir string
	// Log gets a line for each thing done or found; nil for none.
	Log io.Writer
	// Keep leaves a private engine running when its last user releases it, until Stop.
	Keep bool
	// NoInstall forbids installing packages.
	NoInstall bool
}

// normal fills in what is left out.
func (o Options) normal() (Options, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.CacheDir == "" {
		dir, err := cache.Dir()
		if err != nil {
			return o, err
		}
		o.CacheDir = dir
	}
	return o, nil
}

func (o Options) logf(format string, args ...any) {
	fmt.Fprintf(o.Log, "engine: "+format+"\n", args...)
}

// InUseError tells that a private engine is not stopped, because others use it.
type InUseError struct {
	// PIDs are the processes that use it, ascending.
	PIDs []int
}

// Error names the processes.
func (e *InUseError) Error() string {
	return fmt.Sprintf("stopping the private engine: in use by processes %v", e.PIDs)
}

// Engine is a container engine that answered.
type Engine struct {
	// Name is Docker, Podman, Nerdctl or Finch: also the command's name.
	Name string
	// Host is the value of DOCKER_HOST with which the engine is reached; empty
	// when the environment reaches it as it is.
	Host string
	// Version is the engine's own.
	Version string
	// Private tells that this package started the engine.
	Private bool
	// Sandbox says what a node in this engine must do without.
	Sandbox Sandbox

	lease *lease // of a private engine
}

// Find returns the engine that the environment reaches, or else a private one
// that runs, of which the caller then is a user until Release. It installs,
// starts and, on Release, stops nothing; false means that there is no engine.
// The error is a *MissingError when the environment names an engine and that one
// does not answer: another is then not what the user asked for.
func Find(ctx context.Context, o Options) (*Engine, bool, error) {
	o, err := o.normal()
	if err != nil {
		return nil, false, err
	}
	e, err := find(ctx, o, false)
	return e, e != nil, err
}

// find returns nil when there is no engine.
func find(ctx context.Context, o Options, stops bool) (*Engine, error) {
	p := newPrivate(o)
	// A shell may have the private engine in its environment from an earlier run.
	if os.Getenv(envHost) != p.host() {
		e, err := ambient(ctx, o)
		if e != nil || err != nil {
			return e, err
		}
	}
	return p.join(ctx, stops)
}

// Ensure returns the engine that Find finds, or else installs what a private one
// needs and starts it. Release must be called when the engine is no longer
// needed: the last user of a private engine thereby stops it, unless one of its
// users wanted it kept. The error is a *MissingError when the machine's owner has
// to act.
func Ensure(ctx context.Context, o Options) (*Engine, error) {
	o, err := o.normal()
	if err != nil {
		return nil, err
	}
	e, err := find(ctx, o, true)
	if err == nil && e == nil {
		e, err = newPrivate(o).ensure(ctx)
	}
	if err != nil {
		return nil, err
	}
	kind := "found " + e.Name
	if e.Private {
		kind = "private " + e.Name
		if o.Keep {
			if err := e.lease.private.keep(); err != nil {
				return nil, errors.Join(err, e.Release(ctx))
			}
		}
	}
	o.logf("using %s %s%s", kind, e.Version, at(e.Host))
	for _, s := range e.Sandbox.reasons() {
		o.logf("nodes need special settings: %s", s)
	}
	return e, nil
}

// Stop ends a private engine, whoever started it, with all its containers, and
// removes what it left on the machine, also when it was killed. Its images stay in
// the cache. The error is an *InUseError when a
// process uses the engine. Without a
// private engine Stop does nothing.
func Stop(ctx context.Context, o Options) error {
	o, err := o.normal()
	if err != nil {
		return err
	}
	return newPrivate(o).stop(ctx)
}

// Release ends this use of the engine. Releasing twice, or an engine that is not
// private, does nothing.
func (e *Engine) Release(ctx context.Context) error {
	if e.lease == nil {
		return nil
	}
	l := e.lease
	e.lease = nil
	return l.release(ctx)
}

// Env returns what a child process needs in its environment, beside what this
// process has, to reach the engine.
func (e *Engine) Env() []string {
	if e.Host == "" {
		return nil
	}
	return []string{envHost + "=" + e.Host}
}

// Command returns a command of the engine's own client.
func (e *Engine) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.Name, args...)
	cmd.Env = append(os.Environ(), e.Env()...)
	return cmd
}

// output runs a command of the engine's client and returns its standard output.
func (e *Engine) output(ctx context.Context, args ...string) (string, error) {
	return output(e.Command(ctx, args...))
}

func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("running %q: %w: %s", strings.Join(cmd.Args, " "), err, oneLine(stderr.String()))
	}
	return string(out), nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func at(host string) string {
	if host == "" {
		return ""
	}
	return " at " + host
}
