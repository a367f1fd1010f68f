package kind

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	kinderrors "sigs.k8s.io/kind/pkg/errors"
	kindexec "sigs.k8s.io/kind/pkg/exec"
)

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	l := logger{&out}
	l.V(0).Infof("Creating cluster %q ...\n", "x")
	l.V(0).Infof(" • %s  ...\n", "Preparing nodes 📦 📦 ")
	l.V(0).Infof(" ✓ %s\n", "Preparing nodes 📦 📦 ")
	l.V(0).Infof(" ✗ %s\n", "Starting control-plane 🕹️")
	l.V(1).Infof("detail")
	l.Warn("cgroup v1 is deprecated")
	l.V(0).Info("")
	const want = `kind: Creating cluster "x"
kind: Preparing nodes
kind: not done: Starting control-plane
kind: cgroup v1 is deprecated
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &out, want)
	}
}

func TestExplainAddsTheOutput(t *testing.T) {
	failed := kinderrors.Wrap(kinderrors.WithStack(&kindexec.RunError{
		Command: []string{"docker", "run", "x"}, Output: []byte(strings.Repeat("a", 3*outputTail) + "port is already allocated\n"), Inner: errors.New("exit status 125"),
	}), "starting")
	err := explain(failed)
	if !errors.Is(err, failed) || !strings.HasSuffix(err.Error(), "port is already allocated") || len(err.Error()) > 2*outputTail {
		t.Errorf("got %v", err)
	}
	if plain := errors.New("plain"); !errors.Is(explain(plain), plain) || explain(nil) != nil {
		t.Error("an error without a command changed")
	}
}

func TestEnterGivesTheEnvironmentOfTheEngine(t *testing.T) {
	const kept, added = "INROADS_TEST_KEPT", "INROADS_TEST_ADDED"
	t.Setenv(kept, "before")
	l := library{engine: client{env: []string{kept + "=during", added + "="}}}
	leave, err := l.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, set := os.LookupEnv(added); !set || os.Getenv(kept) != "during" {
		t.Error("the environment is not that of the engine")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a second one entered: %v", err)
	}
	leave()
	if _, set := os.LookupEnv(added); set || os.Getenv(kept) != "before" {
		t.Error("the environment is not as before")
	}
}
