// Package cli is the command line of inroads: one file per verb, and one way in.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// The exit codes of inroads.
const (
	// ExitProven: nothing that was asked for is disproven or inconclusive.
	ExitProven = 0
	// ExitDisproven: at least one claim is disproven.
	ExitDisproven = 1
	// ExitUsage: the command line asks for what there is not.
	ExitUsage = 2
	// ExitInconclusive: the run could not tell, or did not get to its claims.
	ExitInconclusive = 3
	// ExitInterrupted: a signal ended the run, which cleaned up.
	ExitInterrupted = 4
	// ExitAbandoned: a second signal ended the run, which did not clean up. It
	// is what a shell says of a program that SIGINT killed.
	ExitAbandoned = 130
)

// Streams are where a command writes.
type Streams struct {
	// Out gets results and progress, Err the one line about what went wrong.
	Out, Err io.Writer
	// Program is what the program was called as, its path or its name; it may be that
	// of a plugin of kubectl. "" means inroads.
	Program string
}

// Run runs one command line, without the program's name, and returns its exit
// code. When ctx ends, the command stops and cleans up. An error is one line on
// s.Err, the cause and the next step; of several each has a line.
func Run(ctx context.Context, s Streams, args []string) int {
	root := newRoot(s)
	addPluginCompletion(root, s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitProven
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		// Cobra itself only complains about the command line.
		exit = usage(err.Error(), "'inroads --help' tells more")
	}
	for _, cause := range exit.before {
		fmt.Fprintln(s.Err, "inroads: "+s.own(oneLine(cause)))
	}
	if exit.cause != "" {
		fmt.Fprintln(s.Err, "inroads: "+s.own(exit.Error()))
	}
	return exit.code
}

func newRoot(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "inroads",
		Short: "Prove that every documented way into a Kubernetes cluster works",
		Long: `inroads proves that every documented way into a Kubernetes cluster works, and
when one does not, it names the hop that broke.

Exit codes: 0 proven, 1 disproven, 2 usage, 3 inconclusive or no set-up,
4 interrupted and cleaned up.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usage(fmt.Sprintf("unknown command %q", args[0]), suggest(args[0], commandNames(cmd))+"'inroads --help' lists the commands")
		},
	}
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err.Error(), fmt.Sprintf("'%s --help' lists the flags", cmd.CommandPath()))
	})
	root.AddCommand(
		newRun(s), newList(s), newExplain(s), newProbe(s), newDoctor(s), newCluster(s),
		newFaults(s), newMeasure(s), newReport(s), newNodeImage(s), newImage(s), newRBAC(s), newSweep(s), newVersion(s),
	)
	s.nameAsCalled(root)
	return root
}

func commandNames(cmd *cobra.Command) []string {
	var out []string
	for _, c := range cmd.Commands() {
		out = append(out, c.Name())
	}
	return out
}

// noArgs is cobra.NoArgs with an error in our form.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Sprintf("unexpected argument %q", args[0]), fmt.Sprintf("'%s --help' tells more", cmd.CommandPath()))
	}
	return nil
}

// group returns a command that only has others below it.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usage(fmt.Sprintf("unknown command %q", strings.Join(append([]string{cmd.Name()}, args[0]), " ")),
				suggest(args[0], commandNames(cmd))+fmt.Sprintf("'%s --help' lists the commands", cmd.CommandPath()))
		},
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// exitError ends the program with a code, after one line unless cause is "", and
// before that a line for each other cause.
type exitError struct {
	code        int
	cause, next string
	before      []string
}

func (e *exitError) Error() string {
	line := oneLine(e.cause)
	if e.next != "" {
		line += "; " + oneLine(e.next)
	}
	return line
}

func usage(cause, next string) *exitError {
	return &exitError{code: ExitUsage, cause: cause, next: next}
}

// unable is the error of what could not be done, for whatever cause. An error
// that already says what to do next keeps its own words.
func unable(err error, next string) *exitError {
	var missing *cluster.MissingError
	if errors.As(err, &missing) && missing.Remedy != "" {
		next = ""
	}
	exit := &exitError{code: ExitInconclusive, next: next}
	all := each(err)
	for _, e := range all[:len(all)-1] {
		exit.before = append(exit.before, e.Error())
	}
	exit.cause = all[len(all)-1].Error()
	return exit
}

// each returns the errors that were joined, in their order, or the one that was not.
func each(err error) []error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err} // a message of its own, which has others in it at most
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}

// done ends the program with a code and without another word.
func done(code int) error {
	if code == ExitProven {
		return nil
	}
	return &exitError{code: code}
}

// oneLine returns the text in one line and without credentials.
func oneLine(text string) string {
	return strings.Join(strings.Fields(probe.Redact(text)), " ")
}
