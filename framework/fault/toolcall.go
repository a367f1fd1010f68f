package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// envTool names the file that says which broken tool a process is. It is taken
// out of the environment before the real program is run.
const envTool = "INROADS_TOOL"

// toolFile is what a broken tool has to know.
type toolFile struct {
	Fault string `json:"fault"`
	// Real is the path of the real program.
	Real string `json:"real"`
	// Server is the location of the cluster's API server.
	Server string `json:"server"`
}

// toolCall is one call of a broken tool.
type toolCall struct {
	toolFile
	// dir is the site's folder, for kubeconfigs that differ from the caller's.
	dir  string
	args []string
	env  []string
}

// Tool does the work of a broken client program where a fault has made this
// process one, and returns its exit code and true. In any other process it
// returns false at once. It must be called before the program looks at its
// arguments, and may never return: the real program takes its place.
func Tool(ctx context.Context, args []string) (code int, ok bool) {
	path := os.Getenv(envTool)
	if path == "" {
		return 0, false
	}
	// A child is to end with the thread that started it, which is to be the
	// process.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	code, err := callTool(ctx, path, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1, true
	}
	return code, true
}

func callTool(ctx context.Context, path string, args []string) (int, error) {
	if err := os.Unsetenv(envTool); err != nil {
		return 0, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	c := &toolCall{dir: filepath.Dir(path), args: slices.Clone(args), env: os.Environ()}
	if err := json.Unmarshal(raw, &c.toolFile); err != nil {
		return 0, fmt.Errorf("reading %q: %w", path, err)
	}
	i := slices.IndexFunc(tools, func(t tool) bool { return t.name == c.Fault })
	if i < 0 {
		return 0, fmt.Errorf("reading %q: no tool is broken in the way of %q", path, c.Fault)
	}
	t := tools[i]
	if !c.of(t.of) {
		return c.replace()
	}
	if t.change != nil {
		if err := t.change(c); err != nil {
			return 0, err
		}
	}
	if t.run != nil {
		return t.run(ctx, c)
	}
	return c.replace()
}

// of is whether the command begins with the words, flags aside.
func (c *toolCall) of(words []string) bool {
	said := slices.DeleteFunc(slices.Clone(c.args), func(a string) bool { return strings.HasPrefix(a, "-") })
	return len(said) >= len(words) && slices.Equal(said[:len(words)], words)
}

// flags returns the arguments before a "--", and those from it on, which are no
// flags.
func (c *toolCall) flags() (flags, rest []string) {
	i := slices.Index(c.args, "--")
	if i < 0 {
		i = len(c.args)
	}
	return c.args[:i:i], c.args[i:]
}

// add appends flags.
func (c *toolCall) add(args ...string) {
	flags, rest := c.flags()
	c.args = slices.Concat(flags, args, rest)
}

// drop removes flags that stand by themselves.
func (c *toolCall) drop(names ...string) {
	flags, rest := c.flags()
	kept := slices.DeleteFunc(slices.Clone(flags), func(a string) bool {
		name, _, _ := strings.Cut(a, "=")
		return slices.Contains(names, name)
	})
	c.args = slices.Concat(kept, rest)
}

// take removes a flag that has a value, and returns the last value, "" without
// the flag.
func (c *toolCall) take(flag string) (value string) {
	flags, rest := c.flags()
	var kept []string
	for i := 0; i < len(flags); i++ {
		switch name, v, same := strings.Cut(flags[i], "="); {
		case name != flag:
			kept = append(kept, flags[i])
		case same:
			value = v
		case i+1 < len(flags):
			i++
			value = flags[i]
		}
	}
	c.args = slices.Concat(kept, rest)
	return value
}

// value returns what take would, and leaves the flag.
func (c *toolCall) value(flag string) string {
	copied := toolCall{args: c.args}
	return copied.take(flag)
}

// setenv sets a variable of the real program's environment; "" removes it.
func (c *toolCall) setenv(name, value string) {
	c.env = slices.DeleteFunc(c.env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	if value != "" {
		c.env = append(c.env, name+"="+value)
	}
}

// replace puts the real program in this process's place. It returns only when
// that cannot be done.
func (c *toolCall) replace() (int, error) {
	err := syscall.Exec(c.Real, append([]string{c.Real}, c.args...), c.env)
	return 0, fmt.Errorf("running %q: %w", c.Real, err)
}

// command returns the real program as a child that ends when this process or
// ctx does. Its standard streams are this process's.
func (c *toolCall) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Real, c.args...)
	cmd.Env = c.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// child runs the real program as a child.
func (c *toolCall) child(ctx context.Context) (int, error) { return exitCode(c.command(ctx).Run()) }

// exitCode makes an exit code of what a command ended with. That of a command
// that a signal ended is 1.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// adding returns a change that adds arguments.
func adding(args ...string) func(*toolCall) error {
	return func(c *toolCall) error { c.add(args...); return nil }
}

// dropping returns a change that removes flags that stand by themselves.
func dropping(flags ...string) func(*toolCall) error {
	return func(c *toolCall) error { c.drop(flags...); return nil }
}

// taking returns a change that removes a flag and its value.
func taking(flag string) func(*toolCall) error {
	return func(c *toolCall) error { c.take(flag); return nil }
}
