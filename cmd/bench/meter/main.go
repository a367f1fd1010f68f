// Command meter runs a program for bench and tells it what that took. It is a
// program of its own, and small: the memory that Linux tells of a process begins
// with that of the one that started it.
package main

import (
	"fmt"
	"os"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/meter"
)

func main() { os.Exit(run()) }

func run() int {
	if err := meter.Watch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}
