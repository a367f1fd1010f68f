// Command bench measures inroads: how fast it is, and what it takes, beside what
// kind costs and beside upstream's end-to-end tests. Users of inroads need none of
// it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	// Only the first signal is waited for: the next one leaves at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, os.Stdout, os.Stderr, os.Args[1:])
}
