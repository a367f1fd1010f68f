package probe

import (
	"context"
	"io"
)

// Preflight walks the way to the target, writes the trace to out as a table,
// and returns nil if the caller may go on. Else the error says in one line
// what broke, where and what to type next; a command prints it and ends with
// a non-zero exit code. An error of the writer comes back too.
func Preflight(ctx context.Context, out io.Writer, t Target) (Trace, error) {
	trace := Walk(ctx, t)
	if err := trace.WriteTable(out); err != nil {
		return trace, err
	}
	return trace, trace.Err()
}
