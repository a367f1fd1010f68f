//go:build unix

package parallel

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// stopper interrupts the workers. They read a FIFO of which this process has
// the only writing end, so they are interrupted also when it is killed.
type stopper struct {
	fifo *os.File
	once sync.Once
}

func newStopper(path string) (*stopper, error) {
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("making the FIFO %q: %w", path, err)
	}
	// Opened for writing alone, it would wait for a reader.
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &stopper{fifo: fifo}, nil
}

func (s *stopper) close() { s.once.Do(func() { _ = s.fifo.Close() }) }

// interruptWhenStopped waits for the end of the stopper's FIFO and then sends
// this process the one SIGINT that Ginkgo takes as "clean up and report". A
// second one would skip the clean-up.
func interruptWhenStopped(path string) {
	fifo, err := os.Open(path)
	if err == nil {
		// Nobody ever writes: Read returns at the end alone.
		_, _ = fifo.Read(make([]byte, 1))
		_ = fifo.Close()
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
}

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
