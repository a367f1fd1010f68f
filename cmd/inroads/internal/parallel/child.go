package parallel

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/ginkgo/command"
	"github.com/onsi/ginkgo/v2/ginkgo/run"
)

// The environment of a process that Run starts. The role makes it what it is;
// it is taken out of the environment before any spec can start a program.
const (
	envRole    = "INROADS_ROLE"
	envDir     = "INROADS_PROCS_DIR"
	envWorkDir = "INROADS_WORK_DIR"
	envProcs   = "INROADS_PROCS"

	roleGinkgo = "ginkgo"
	roleWorker = "worker"
)

// workerFlags are what a worker is told that nobody else tells how to run.
var workerFlags = []string{"--ginkgo.no-color", "--ginkgo.v"}

// Child does the work of a process that Run started, and returns its exit code
// and true. In any other process it returns false at once. It must be called
// before the program looks at its arguments.
func Child(suite Suite) (code int, ok bool) {
	switch os.Getenv(envRole) {
	case roleGinkgo:
		return coordinate(), true
	case roleWorker:
		return work(suite), true
	default:
		return 0, false
	}
}

// coordinate is Ginkgo's command line, running the symlink to this binary as a
// precompiled suite.
func coordinate() int {
	if err := os.Setenv(envRole, roleWorker); err != nil {
		return fatal(err)
	}
	code := 0
	program := command.Program{
		Name:           "inroads",
		DefaultCommand: run.BuildRunCommand(),
		Exiter:         func(c int) { code = c },
	}
	program.RunAndExit([]string{
		"inroads", "run",
		"--procs=" + os.Getenv(envProcs),
		"--no-color",
		"-v",
		// Intercepting would wait for every program that a spec leaves behind.
		"--output-interceptor-mode=none",
		filepath.Join(os.Getenv(envDir), binaryName),
	})
	return code
}

// work runs the specs that Ginkgo's command line hands to this process.
func work(suite Suite) int {
	dir, workDir := os.Getenv(envDir), os.Getenv(envWorkDir)
	for _, name := range []string{envRole, envDir, envWorkDir, envProcs} {
		if err := os.Unsetenv(name); err != nil {
			return fatal(err)
		}
	}
	// Ginkgo passes flags of go test, and starts its workers in the folder of
	// the symlink.
	testing.Init()
	flag.Parse()
	if err := os.Chdir(workDir); err != nil {
		return fatal(err)
	}
	go interruptWhenStopped(filepath.Join(dir, stopName))
	var v verdict
	if !suite(&v) || v.failed {
		return 1
	}
	return 0
}

func fatal(err error) int {
	fmt.Fprintln(os.Stderr, "inroads:", err)
	return 1
}

func setenv(kv string) error {
	name, value, _ := strings.Cut(kv, "=")
	if err := os.Setenv(name, value); err != nil {
		return fmt.Errorf("setting %q: %w", name, err)
	}
	return nil
}
