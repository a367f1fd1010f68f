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

// mostMemory is what the program may take of memory for itself, in bytes, beside
// the pages of its own file. Of those the kernel maps 44 MB or 58, as the file
// happens to lie in its cache.
const mostMemory = 15e6

// TestStartIsLight holds down the memory that the program takes before it does
// anything; the whole of it, and the time, are for 'make bench' to measure. It looks
// while the program waits to print more than its pipe takes.
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
		_, anonymous, _ := strings.Cut(string(status), "RssAnon:")
		var kilobytes int64
		if _, err := fmt.Sscan(anonymous, &kilobytes); err != nil {
			t.Fatalf("no anonymous memory in\n%s", status)
		}
		memory := kilobytes << 10
		t.Logf("%q takes %.1f MB", args, float64(memory)/1e6)
		if memory > mostMemory {
			t.Errorf("%q takes %.1f MB, more than %.0f", args, float64(memory)/1e6, mostMemory/1e6)
		}
	}
}
