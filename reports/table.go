package reports

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes a line for each claim, and what came of the run. It returns the
// writer's error.
func (r Report) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VERDICT\tCLAIM\tPATH\tTIME\tBLAMED\tWHY")
	for _, c := range r.Claims {
		seen, _ := c.cause()
		if c.Deviates {
			seen = "documentation deviates: " + clean(c.Deviation)
		}
		row := []string{string(c.Verdict), c.Name(), string(c.Path), c.Duration.String(), cmp.Or(strings.TrimSpace(string(c.Hop)+" "+c.Code), markNone), oneLineOf(seen)}
		_, _ = fmt.Fprintln(w, strings.TrimSpace(strings.Join(row, "\t")))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if len(r.Contexts()) > 0 {
		_, _ = fmt.Fprintln(out)
	}
	if err := r.WriteContexts(out); err != nil {
		return err
	}
	lines := []string{"", r.headline(), r.about()}
	if r.Setup != nil {
		lines = append(lines, r.Setup.Stage+": "+oneLineOf(clean(r.Setup.Message)))
	}
	if r.CleanUp != "" {
		lines = append(lines, "not cleaned up: "+oneLineOf(clean(r.CleanUp)))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	return nil
}
