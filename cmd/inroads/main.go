// Command inroads proves that every documented way into a Kubernetes cluster
// works, and when one does not, it names the hop that broke.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/inroads-k8s/inroads/cmd/inroads/internal/cli"
	"github.com/inroads-k8s/inroads/cmd/inroads/internal/parallel"
	"github.com/inroads-k8s/inroads/framework/fault"
	"github.com/inroads-k8s/inroads/suites"
)

func main() { os.Exit(run()) }

// run returns the exit code. The first signal stops what goes on and has it
// clean up; the second one leaves at once.
func run() int {
	if code, ok := fault.Tool(context.Background(), os.Args[1:]); ok {
		return code
	}
	if code, ok := parallel.Child(suites.Run); ok {
		return code
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	streams := cli.Streams{Out: os.Stdout, Err: os.Stderr, Program: os.Args[0]}
	ended := make(chan int, 1)
	go func() { ended <- cli.Run(ctx, streams, os.Args[1:]) }()
	for {
		select {
		case code := <-ended:
			return code
		case <-signals:
			if ctx.Err() != nil {
				return cli.Abandon(streams)
			}
			fmt.Fprintln(os.Stderr, "inroads: interrupted, cleaning up; once more leaves at once")
			stop()
		}
	}
}
