package reports

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// EntryName is the name under which a spec attaches its Entry, with Ginkgo's
// AddReportEntry. A spec may attach several: steps add up, and of the other
// fields the last one that is set counts.
const EntryName = "inroads"

// Entry is what a spec says of its claim.
type Entry struct {
	Claim catalog.ID `json:"claim"`
	// Verdict is set where the state of the spec does not tell it:
	// inconclusive, skipped or not applicable.
	Verdict catalog.Verdict `json:"verdict,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	// Hop and Code are the hop that is blamed and its diagnosis, or empty.
	Hop   catalog.Hop `json:"hop,omitempty"`
	Code  string      `json:"code,omitempty"`
	Steps []Step      `json:"steps,omitempty"`
	// Trace is what happened at each hop of the path, in its order.
	Trace []probe.Step `json:"trace,omitempty"`
	// Script is the file that repeats what failed; see Claim.
	Script string `json:"script,omitempty"`
}

// String keeps Ginkgo's console reporter from printing the evidence as a Go
// value.
func (e Entry) String() string {
	out := string(e.Claim)
	for _, s := range e.Steps {
		out += "\n" + s.String()
	}
	return out
}

// String returns the step in one line.
func (s Step) String() string {
	out := s.What + ": "
	if s.Hop != "" {
		out = "[" + string(s.Hop) + "] " + out
	}
	out += cmp.Or(string(s.Outcome), "could not run")
	if s.Status != 0 {
		out += fmt.Sprintf(", HTTP %d", s.Status)
	}
	if s.Exit != 0 {
		out += fmt.Sprintf(", exit code %d", s.Exit)
	}
	if s.Want != catalog.Unknown && s.Want != s.Outcome {
		out += ", want " + string(s.Want)
	}
	out += fmt.Sprintf(", %d ms", s.Milliseconds)
	if s.Command != "" {
		out += ": " + s.Command
	}
	return out
}

// entryOf returns what the spec says of its claim, all its entries together.
// An entry of another process arrives as JSON, so every entry is read as JSON.
func entryOf(spec types.SpecReport) (Entry, bool) {
	var whole Entry
	found := false
	for _, re := range spec.ReportEntries {
		if re.Name != EntryName {
			continue
		}
		raw := []byte(re.Value.AsJSON)
		if len(raw) == 0 {
			var err error
			if raw, err = json.Marshal(re.Value.GetRawValue()); err != nil {
				continue
			}
		}
		var e Entry
		if json.Unmarshal(raw, &e) != nil || e.Claim == "" {
			continue
		}
		found = true
		whole.Claim = e.Claim
		if e.Verdict != "" {
			whole.Verdict = e.Verdict
		}
		if e.Reason != "" {
			whole.Reason = e.Reason
		}
		if e.Hop != "" {
			whole.Hop, whole.Code = e.Hop, e.Code
		}
		whole.Steps = append(whole.Steps, e.Steps...)
		if len(e.Trace) > 0 {
			whole.Trace = e.Trace
		}
		if e.Script != "" {
			whole.Script = e.Script
		}
	}
	return whole, found
}
