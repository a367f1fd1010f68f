package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"github.com/inroads-k8s/inroads/fixtures/clients"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

const (
	// clientsDir is the folder of client libraries below the cache folder.
	clientsDir = "clients"
	hashLength = 12
	// installed is what npm writes last.
	installed = "node_modules/.package-lock.json"
	// goExamples are in client-go itself.
	goExamples = "k8s.io/client-go/examples/"
	// previousModule is the flag by which a program is built with client-go of the
	// minor version before.
	previousModule = "-modfile=previous.mod"
	clientGo       = "k8s.io/client-go"
	// tagOfPage is client-go's tag of the version whose documentation was read.
	tagOfPage = clientGo + "@kubernetes-1.23.0"
)

// goVariables are those of the go tool that do not depend on a home folder, and by
// which what was built once is not built again.
var goVariables = []string{"CGO_ENABLED", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOFLAGS", "GOTOOLCHAIN"}

// clientDir returns the folder of a language's client, named by its files.
func clientDir(language string) (string, error) {
	base, err := cache.Dir()
	return filepath.Join(base, clientsDir, language+"-"+clients.Sum(language)[:hashLength]), err
}

// writeClient writes the files of a language's client to its folder, all or none,
// unless they are there, and returns the folder.
func writeClient(language string) (string, error) {
	dir, err := clientDir(language)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(dir), language+"-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	if err := clients.Write(language, unfinished); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("writing a client: %w", err)
	}
	return dir, nil
}

func nodeClientThere() error {
	dir, err := clientDir(clients.JavaScript)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, installed)); err != nil {
		return errors.New("@kubernetes/client-node is not in the cache folder; npm gave none")
	}
	return nil
}

// installNodeClient installs the locked packages into the cache folder, without
// their install scripts, unless they are there.
func installNodeClient(ctx context.Context, log io.Writer) error {
	dir, err := clientDir(clients.JavaScript)
	if err != nil {
		return err
	}
	unlock, err := cache.Lock(ctx, dir+".lock", nil)
	if err != nil {
		return err
	}
	defer unlock()
	if nodeClientThere() == nil {
		return nil
	}
	if _, err := writeClient(clients.JavaScript); err != nil {
		return err
	}
	fmt.Fprintln(log, "tools: installing @kubernetes/client-node into the cache folder: npm ci --ignore-scripts")
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("installing @kubernetes/client-node: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// buildGoClient compiles the program of client-go and its example, into the cache
// that go run then takes it from. It links neither: go run does, and keeps that too.
func (s *session) buildGoClient(ctx context.Context) error {
	if s.goEnv != nil {
		return nil
	}
	dir, err := writeClient(clients.Go)
	if err != nil {
		return err
	}
	raw, err := exec.CommandContext(ctx, access.GoProgram, append([]string{"env", "-json"}, goVariables...)...).Output()
	if err != nil {
		return fmt.Errorf("asking go for its variables: %w", err)
	}
	variables := map[string]string{}
	if err := json.Unmarshal(raw, &variables); err != nil {
		return fmt.Errorf("reading go's variables: %w", err)
	}
	if _, err := s.once(ctx, "go-client", func(ctx context.Context) (string, error) {
		return "", s.runGo(ctx, "list", "-C", dir, "-export", ".", goExamples+"out-of-cluster-client-configuration")
	}); err != nil {
		return fmt.Errorf("compiling a program of client-go: %w", err)
	}
	s.goEnv = []string{"GOENV=off"}
	for _, name := range goVariables {
		s.goEnv = append(s.goEnv, name+"="+variables[name])
	}
	return nil
}

// buildPreviousGoClient is buildGoClient with the minor version before.
func (s *session) buildPreviousGoClient(ctx context.Context) error {
	dir, err := writeClient(clients.Go)
	if err != nil {
		return err
	}
	if _, err := s.once(ctx, "previous-go-client", func(ctx context.Context) (string, error) {
		return "", s.runGo(ctx, "list", "-C", dir, previousModule, "-export", ".")
	}); err != nil {
		return fmt.Errorf("compiling a program of an older client-go: %w", err)
	}
	return nil
}

// resolveTag asks for the version of a tag of client-go, as go get does.
func (s *session) resolveTag(ctx context.Context) error {
	dir, err := writeClient(clients.Go)
	if err != nil {
		return err
	}
	if err := s.runGo(ctx, "list", "-C", dir, "-m", tagOfPage); err != nil {
		return fmt.Errorf("asking for the version of client-go's tag: %w", err)
	}
	return nil
}

// runGo runs the go tool, which leaves its temporary files when it is killed, with
// those in the folder of this process.
func (s *session) runGo(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, access.GoProgram, args...)
	cmd.Env = append(os.Environ(), "GOTMPDIR="+s.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// askPythonIndex returns nil when a package index gives the package kubernetes to the
// pip of a Python that has one, or else to that of a virtual environment in the
// folder, which takes some seconds to make.
func askPythonIndex(ctx context.Context, in string) error {
	dir, err := os.MkdirTemp(in, "index-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	python, err := access.FindPython(ctx, access.PythonEnsurePip)
	if err != nil {
		return err
	}
	var commands [][]string
	if installed, err := access.FindPython(ctx, access.PythonPip); err == nil {
		python = installed
	} else {
		commands, python = append(commands, []string{python, "-m", "venv", dir}), venvPython(dir)
	}
	commands = append(commands, append(pipCommand(python), "--retries=0", "--timeout=5", "download", "--quiet", "--no-deps", "--dest="+dir, access.PythonClient))
	for _, args := range commands {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("asking a package index for %s: %w: %s", access.PythonClient, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// pipCommand is the pip of that Python.
func pipCommand(python string) []string {
	return []string{python, "-m", access.PythonPip, "--disable-pip-version-check"}
}

func venvPython(dir string) string { return filepath.Join(dir, "bin", access.PythonProgram) }

// Venv is a virtual environment of Python.
type Venv struct {
	env *Env
	dir string
}

// MakeVenv makes a virtual environment in the spec's own folder, with the first
// Python that can.
func (e *Env) MakeVenv(ctx context.Context) (Venv, access.Result) {
	ginkgo.GinkgoHelper()
	python, err := access.FindPython(ctx, access.PythonEnsurePip)
	e.Require(err, "looking for a Python that makes virtual environments")
	v := Venv{e, filepath.Join(e.dir, "venv")}
	return v, e.Host.Exec(ctx, nil, python, "-m", "venv", v.dir)
}

// Pip runs the environment's pip with this machine's package index.
func (v Venv) Pip(ctx context.Context, args ...string) access.Result {
	command := append(pipCommand(venvPython(v.dir)), args...)
	return v.env.Host.With(append(pipVariables(), "TMPDIR="+v.env.dir)...).Exec(ctx, nil, command[0], command[1:]...)
}

// Python runs the environment's Python.
func (v Venv) Python(ctx context.Context, args ...string) access.Result {
	return v.env.Host.With("TMPDIR="+v.env.dir).Exec(ctx, nil, venvPython(v.dir), args...)
}

// RunClient runs the program of fixtures/clients with the environment's Python.
func (v Venv) RunClient(ctx context.Context, namespace string) access.Result {
	ginkgo.GinkgoHelper()
	return v.Python(ctx, v.env.WriteFile("client.py", string(clients.Read(clients.Python, "client.py"))), namespace)
}

// pipVariables are those by which pip is told what a home folder may tell too.
func pipVariables() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return !strings.HasPrefix(kv, "PIP_") })
}

// RunPython runs a program of fixtures/clients with the Python that has the
// package kubernetes.
func (e *Env) RunPython(ctx context.Context, host access.Host, name string, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	path := e.WriteFile(name, string(clients.Read(clients.Python, name)))
	// Its client writes the kubeconfig's key to a temporary file.
	return host.With("TMPDIR="+e.dir).Exec(ctx, nil, run.session.python, append([]string{path}, args...)...)
}

// RunNode runs a program of fixtures/clients with Node.js, beside
// @kubernetes/client-node.
func (e *Env) RunNode(ctx context.Context, host access.Host, name string, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	dir, err := clientDir(clients.JavaScript)
	e.Require(err, "looking for @kubernetes/client-node")
	// A module finds its packages by where it is itself.
	return host.Exec(ctx, nil, access.NodeProgram, append([]string{filepath.Join(dir, name)}, args...)...)
}

// OtherAuthority returns the certificate of an authority that has vouched for
// nobody but a man in the middle.
func (e *Env) OtherAuthority(ctx context.Context) []byte {
	ginkgo.GinkgoHelper()
	mitm, err := access.StartMITM(ctx, access.MITMOptions{})
	e.Require(err, "making an authority")
	mitm.Stop()
	return mitm.CAPEM
}

// RunGo runs the program of client-go in fixtures/clients with go run.
func (e *Env) RunGo(ctx context.Context, host access.Host, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	return e.RunGoProgram(ctx, host, ".", args...)
}

// RunGoProgram runs another program of the same module, a file.
func (e *Env) RunGoProgram(ctx context.Context, host access.Host, name string, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	return e.GoTool(ctx, host, append([]string{"run", e.goModule(), name}, args...)...)
}

// RunPreviousGoProgram is RunGoProgram with client-go of the minor version before.
func (e *Env) RunPreviousGoProgram(ctx context.Context, host access.Host, name string, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	return e.GoTool(ctx, host, append([]string{"run", e.goModule(), previousModule, name}, args...)...)
}

// ListGo runs go list in the module of the program.
func (e *Env) ListGo(ctx context.Context, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	return e.GoTool(ctx, e.Host, append([]string{"list", e.goModule()}, args...)...)
}

// GoTool runs the go tool in the spec's own folder, with this machine's module
// proxy and caches.
func (e *Env) GoTool(ctx context.Context, host access.Host, args ...string) access.Result {
	return e.withGo(host).Exec(ctx, nil, access.GoProgram, args...)
}

// withGo returns the host with what the go tool needs of this machine, and its
// temporary files in the spec's own folder.
func (e *Env) withGo(host access.Host) access.Host {
	return host.With(append(slices.Clone(run.session.goEnv), "GOTMPDIR="+e.dir)...)
}

// RunGoExample runs client-go's own example of that name, which does not end by
// itself, until it has printed the words.
func (e *Env) RunGoExample(ctx context.Context, host access.Host, name, words string, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	return e.withGo(host).ExecUntil(ctx, words, access.GoProgram, append([]string{"run", e.goModule(), goExamples + name}, args...)...)
}

// goModule is the flag by which the go tool goes to the module of the program.
func (e *Env) goModule() string {
	ginkgo.GinkgoHelper()
	dir, err := clientDir(clients.Go)
	e.Require(err, "looking for the program of client-go")
	return "-C=" + dir
}
