package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mostMemory is what the program may take of memory, in bytes. Most of it is the
// binary itself, as far as it is read.
const mostMemory = 60e6

// TestStartIsLight holds down the memory that the program takes before it does
// anything; the time is for 'make bench' to measure. What the system tells of a
// process that has ended includes the memory of the one that started it, which is
// this test's and more. So it looks while the program waits to print more than its
// pipe takes.
func TestStartIsLight(t *testing.T) {
	for _, args := range [][]string{{"list"}, {"run", "--help"}} {
		prints, printed, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		const page = 4096
		if _, err := unix.FcntlInt(printed.Fd(), unix.F_SETPIPE_SZ, page); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, args...)
		cmd.Stdout = printed
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = printed.Close()
		if _, err := prints.Read(make([]byte, 1)); err != nil {
			t.Errorf("%q prints nothing: %v", args, err)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, prints); err != nil || n < page {
			t.Errorf("%q prints %d bytes, error %v: too few to wait", args, n, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		_, peak, _ := strings.Cut(string(status), "VmHWM:")
		var kilobytes int64
		if _, err := fmt.Sscan(peak, &kilobytes); err != nil {
			t.Fatalf("no peak of memory in\n%s", status)
		}
		memory := kilobytes << 10
		t.Logf("%q takes %.1f MB", args, float64(memory)/1e6)
		if memory > mostMemory {
			t.Errorf("%q takes %.1f MB, more than %.0f", args, float64(memory)/1e6, mostMemory/1e6)
		}
	}
}
