package meter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/meter"
)

var watcher string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "meter-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	watcher = filepath.Join(dir, "meter")
	if out, err := exec.Command("go", "build", "-o", watcher, "../../meter").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestUsage(t *testing.T) {
	var out bytes.Buffer
	u, err := meter.Run(t.Context(), watcher, meter.Command{
		Args: []string{"sh", "-c", `echo "$GREETING"; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 3`},
		Env:  []string{"GREETING=hello"}, Output: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(out.String()); got != "hello" {
		t.Errorf("it printed %q", got)
	}
	// A process of this test has several times as much.
	const little = 20 << 20
	if u.Floor > little {
		t.Errorf("the memory that a program begins with: %d bytes", u.Floor)
	}
	if u.Exit != 3 || u.Seconds <= 0 || u.CPUSeconds <= 0 || u.MaxRSS < 1<<20 || u.Floor <= 0 {
		t.Errorf("usage: %+v", u)
	}
}

func TestMemoryOfAProgramThatTakesMuch(t *testing.T) {
	const much = 300 << 20
	u, err := meter.Run(t.Context(), watcher, meter.Command{Args: []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=300M", "count=1"}, Output: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	if u.MaxRSS < much || u.Floor > much {
		t.Errorf("usage: %+v", u)
	}
}

func TestProgramThatIsNotThere(t *testing.T) {
	if _, err := meter.Run(t.Context(), watcher, meter.Command{Args: []string{"/no/such/program"}, Output: &bytes.Buffer{}}); err == nil {
		t.Error("no error")
	}
}

func TestInterruptedProgramCleansUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	out := &started{then: func() { cancel(cause) }}
	_, err := meter.Run(ctx, watcher, meter.Command{Args: []string{"sh", "-c", `trap 'echo cleaned; exit 0' INT; echo started; while :; do sleep 0.1; done`}, Output: out})
	if !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.said.String(), "cleaned") {
		t.Errorf("it printed %q", out.said.String())
	}
}

// started calls then as soon as something is written.
type started struct {
	said bytes.Buffer // not embedded: its ReadFrom would pass Write by
	then func()
}

func (s *started) Write(b []byte) (int, error) {
	n, err := s.said.Write(b)
	s.then()
	return n, err
}
