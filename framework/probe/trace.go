package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// State tells what became of a hop.
type State string

const (
	// NotReached is a hop after the one that broke.
	NotReached State = "not reached"
	// OK is a hop that was passed.
	OK State = "ok"
	// Broken is the hop that the walk ended at.
	Broken State = "broken"
	// Skipped is a hop that this walk could say nothing about: it was not
	// asked for, does not apply, or a later hop broke before it was known.
	Skipped State = "skipped"
)

// Step is what happened at one hop.
type Step struct {
	Hop   catalog.Hop
	State State
	// Target is what was addressed: a file, a name, an address, a URL.
	Target string
	// Duration is the time that this hop alone took, zero if it took none.
	Duration time.Duration
	// Saw is what was seen, in one line.
	Saw string
	// Code is the diagnosis of a broken hop, empty for every other.
	Code Code
	// Err is the error of a broken hop, or nil. JSON has its text alone.
	Err error
}

// Hint returns what to type next about a broken step, or "".
func (s Step) Hint() string {
	d, ok := Lookup(s.Code)
	if !ok {
		return ""
	}
	return Redact(d.HintFor(s.Target))
}

// Summary returns the step in one line: hop, target, what was seen, and for a
// broken one its code and the next step.
func (s Step) Summary() string {
	d, ok := Lookup(s.Code)
	if s.State != Broken || !ok {
		return Redact(fmt.Sprintf("%s %s at %s: %s", hopName(s.Hop), s.State, s.Target, s.Saw))
	}
	seen := d.Title
	if s.Saw != "" && s.Saw != d.Title {
		seen += ": " + s.Saw
	}
	return Redact(fmt.Sprintf("%s %s at %s: %s (%s); %s", hopName(s.Hop), verb(d.Outcome), s.Target, seen, s.Code, s.Hint()))
}

// hopName writes a hop as people do.
func hopName(h catalog.Hop) string {
	switch h {
	case catalog.HopTLS:
		return "TLS"
	case catalog.HopAPI:
		return "API"
	default:
		return string(h)
	}
}

func verb(o catalog.Outcome) string {
	switch o {
	case catalog.Refused, catalog.Untrusted, catalog.NotTLS, catalog.Unauthorized, catalog.Forbidden:
		return "refused"
	case catalog.TimedOut:
		return "timed out"
	case catalog.Unknown:
		return "stopped"
	default:
		return "broke"
	}
}

type stepJSON struct {
	Hop      catalog.Hop `json:"hop"`
	State    State       `json:"state"`
	Target   string      `json:"target,omitempty"`
	Duration string      `json:"duration,omitempty"`
	Saw      string      `json:"saw,omitempty"`
	Code     Code        `json:"code,omitempty"`
	Error    string      `json:"error,omitempty"`
	Hint     string      `json:"hint,omitempty"`
}

// MarshalJSON writes the step with its error as text and its duration as Go
// writes durations ("1.5ms"). All text is redacted.
func (s Step) MarshalJSON() ([]byte, error) {
	out := stepJSON{Hop: s.Hop, State: s.State, Target: Redact(s.Target), Saw: Redact(s.Saw), Code: s.Code, Hint: s.Hint()}
	if s.Duration != 0 {
		out.Duration = s.Duration.String()
	}
	if s.Err != nil {
		out.Error = Redact(s.Err.Error())
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote. The error comes back as its text.
func (s *Step) UnmarshalJSON(data []byte) error {
	var in stepJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("reading a step: %w", err)
	}
	*s = Step{Hop: in.Hop, State: in.State, Target: in.Target, Saw: in.Saw, Code: in.Code}
	if in.Duration != "" {
		d, err := time.ParseDuration(in.Duration)
		if err != nil {
			return fmt.Errorf("reading the duration of step %q: %w", in.Hop, err)
		}
		s.Duration = d
	}
	if in.Error != "" {
		s.Err = errors.New(in.Error)
	}
	return nil
}

// Trace is what happened on a path, hop by hop, up to the first that broke.
type Trace struct {
	Path  catalog.PathID `json:"path"`
	Steps []Step         `json:"steps"`
}

// Broken returns the step that the walk ended at, and whether there is one.
func (t Trace) Broken() (Step, bool) {
	i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.State == Broken })
	if i < 0 {
		return Step{}, false
	}
	return t.Steps[i], true
}

// Step returns the step of the given hop, and whether the path has it.
func (t Trace) Step(hop catalog.Hop) (Step, bool) {
	i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.Hop == hop })
	if i < 0 {
		return Step{}, false
	}
	return t.Steps[i], true
}

// Outcome returns what the caller observed at the end of the path: Reached if
// nothing broke, Unknown for a trace without steps or a walk that was stopped.
func (t Trace) Outcome() catalog.Outcome {
	step, broken := t.Broken()
	switch {
	case broken:
		d, _ := Lookup(step.Code)
		return d.Outcome
	case len(t.Steps) == 0:
		return catalog.Unknown
	default:
		return catalog.Reached
	}
}

// Summary returns the trace in one line: the broken step, or what answered.
func (t Trace) Summary() string {
	if step, broken := t.Broken(); broken {
		return step.Summary()
	}
	var parts []string
	for _, s := range t.Steps {
		if s.State == OK && (s.Hop == catalog.HopAuthn || s.Hop == catalog.HopAPI) {
			parts = append(parts, s.Saw)
		}
	}
	if len(t.Steps) == 0 {
		return fmt.Sprintf("%s: not walked", t.Path)
	}
	return Redact(strings.TrimSuffix(fmt.Sprintf("%s reached %s: %s", t.Path, t.Steps[len(t.Steps)-1].Target, strings.Join(parts, ", ")), ": "))
}

// Err returns nil if nothing broke, and else an error that says Summary and
// wraps the error of the broken step.
func (t Trace) Err() error {
	step, broken := t.Broken()
	if !broken {
		return nil
	}
	return &brokenError{step: step}
}

// WriteTable writes a line for each step and, for a broken trace, its error and
// what to type next. It returns the writer's error.
func (t Trace) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range t.Steps {
		took := ""
		if s.Duration != 0 {
			took = s.Duration.Round(10 * time.Microsecond).String()
		}
		saw := s.Saw
		if d, ok := Lookup(s.Code); ok && s.Code != "" {
			saw = strings.TrimSuffix(d.Title+": "+s.Saw, ": ") + " (" + string(s.Code) + ")"
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(Redact(strings.Join([]string{hopName(s.Hop), string(s.State), s.Target, took, saw}, "\t")), "\t"))
	}
	if step, broken := t.Broken(); broken {
		_, _ = fmt.Fprintf(w, "next: %s\n", step.Hint())
		if d, ok := Lookup(step.Code); ok {
			_, _ = fmt.Fprintf(w, "see: %s\n", d.Doc)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the trace: %w", err)
	}
	return nil
}

type brokenError struct{ step Step }

func (e *brokenError) Error() string { return e.step.Summary() }
func (e *brokenError) Unwrap() error { return e.step.Err }

// safeError is an error whose text has no credential in it.
type safeError struct {
	text string
	err  error
}

func (e *safeError) Error() string                 { return e.text }
func (e *safeError) Unwrap() error                 { return e.err }
func (e *safeError) Format(f fmt.State, verb rune) { _, _ = fmt.Fprintf(f, "%s", e.text) }
