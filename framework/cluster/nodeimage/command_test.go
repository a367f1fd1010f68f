//go:build unix

package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestACommandsErrorTellsTheCommandAndItsOutput(t *testing.T) {
	log := filepath.Join(t.TempDir(), "logs", "part.log")
	_, err := command{argv: []string{"sh", "-c", "echo out; echo broken >&2; exit 3"}, log: log}.run(t.Context())
	for _, want := range []string{"sh -c", "exit status 3", "out", "broken"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	// The two streams come in any order.
	data, err := os.ReadFile(log)
	if said := slices.Sorted(strings.Lines(string(data))); err != nil || !slices.Equal(said, []string{"broken\n", "out\n"}) {
		t.Errorf("the log has %q, %v", said, err)
	}
	out, err := command{argv: []string{"sh", "-c", "echo $0 $MORE; cat; echo no >&2"}, arg0: "sh", env: []string{"MORE=more"},
		in: strings.NewReader("in")}.run(t.Context())
	if err != nil || string(out) != "sh more\nin" {
		t.Errorf("output %q, %v", out, err)
	}
	if _, err := (command{argv: []string{"no-such-program-of-inroads"}}).run(t.Context()); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("a program that is not there: %v", err)
	}
}

// sleepers is a command with a child that both hold a pipe open while they live.
func sleepers(pipe string) command {
	return command{argv: []string{"sh", "-c", `exec 3>"$0"; sleep 1000 & echo ready >&3; wait`, pipe}}
}

// openReady opens the pipe of sleepers, of which both run. It ends with them.
func openReady(t *testing.T, pipe string) io.Reader {
	t.Helper()
	reader, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	ready := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(reader, ready); err != nil {
		t.Fatal(err)
	}
	return reader
}

func TestEndingTheContextEndsACommandAndItsChildren(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := sleepers(pipe).run(ctx)
		ended <- err
	}()
	reader := openReady(t, pipe)
	stop(stopped)
	if err := <-ended; !errors.Is(err, stopped) {
		t.Errorf("the command ends with %v", err)
	}
	if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// crashMarker makes the test binary a process that runs a command and is killed.
const crashMarker = "INROADS_TEST_CRASH_PIPE"

func TestMain(m *testing.M) {
	if pipe := os.Getenv(crashMarker); pipe != "" {
		_, err := sleepers(pipe).run(context.Background())
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestKillingThisProcessEndsItsCommandAndTheChildren(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	self := exec.CommandContext(t.Context(), os.Args[0])
	self.Env = append(os.Environ(), crashMarker+"="+pipe)
	self.Stderr = t.Output()
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	reader := openReady(t, pipe)
	if err := self.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = self.Wait()
	if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}
