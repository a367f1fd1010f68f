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
)

// goVariables are those of the go tool that do not depend on a home folder.
var goVariables = []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOFLAGS", "GOTOOLCHAIN"}

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

// buildGoClient builds the program of client-go, which fills the caches that go
// run then takes it from.
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
	cmd := exec.CommandContext(ctx, access.GoProgram, "build", "-C", dir, "-o", os.DevNull, ".", goExamples+"out-of-cluster-client-configuration")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building a program of client-go: %w: %s", err, bytes.TrimSpace(out))
	}
	s.goEnv = []string{"GOENV=off"}
	for _, name := range goVariables {
		s.goEnv = append(s.goEnv, name+"="+variables[name])
	}
	return nil
}

// RunPython runs a program of fixtures/clients with the Python that has the
// package kubernetes.
func (e *Env) RunPython(ctx context.Context, host access.Host, name string, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	path := e.WriteFile(name, string(clients.Read(clients.Python, name)))
	return host.Exec(ctx, nil, run.session.python, append([]string{path}, args...)...)
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

// RunGo runs the program of client-go in fixtures/clients with go run.
func (e *Env) RunGo(ctx context.Context, host access.Host, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	return host.With(run.session.goEnv...).Exec(ctx, nil, access.GoProgram, append([]string{"run", e.goModule(), "."}, args...)...)
}

// RunGoExample runs client-go's own example of that name, which does not end by
// itself, until it has printed the words.
func (e *Env) RunGoExample(ctx context.Context, host access.Host, name, words string, args ...string) access.Result {
	ginkgo.GinkgoHelper()
	return host.With(run.session.goEnv...).ExecUntil(ctx, words, access.GoProgram, append([]string{"run", e.goModule(), goExamples + name}, args...)...)
}

// goModule is the flag by which the go tool goes to the module of the program.
func (e *Env) goModule() string {
	ginkgo.GinkgoHelper()
	dir, err := clientDir(clients.Go)
	e.Require(err, "looking for the program of client-go")
	return "-C=" + dir
}
