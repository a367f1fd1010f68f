package reports

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/reporters"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	junitSuite     = "inroads"
	junitSetup     = "set-up"
	junitCleanUp   = "clean-up"
	junitLeak      = "leak"
	junitTimestamp = "2006-01-02T15:04:05"
	// maxJUnitMessage bounds the message attribute, which viewers show in one
	// line; the whole reason is in the element's text.
	maxJUnitMessage = 300
	// maxJUnitText bounds the text of a failure; report.json has the rest.
	maxJUnitText = 3 << 10
)

// JUnit returns the report as JUnit XML in Ginkgo's format: one test case for
// each claim, named by Claim.Name, and one each for a set-up and a clean-up that failed. A
// disproven claim is a failure, an inconclusive one an error, and one that is
// skipped or not applicable is skipped.
func (r Report) JUnit() ([]byte, error) {
	suite := reporters.JUnitTestSuite{
		Name:      junitSuite,
		Package:   r.Documentation.Title,
		Timestamp: r.Started.Format(junitTimestamp),
		Properties: reporters.JUnitProperties{Properties: []reporters.JUnitProperty{
			{Name: "tool", Value: r.Tool.Name + " " + r.Tool.Version},
			{Name: "documentation", Value: fmt.Sprintf("%s %s %s", r.Documentation.Title, r.Documentation.Version, r.Documentation.Commit)},
			{Name: "result", Value: string(r.Result)},
		}},
		TestCases: []reporters.JUnitTestCase{},
	}
	if !r.Finished.IsZero() {
		suite.Time = seconds(r.Finished.Sub(r.Started))
	}
	for _, c := range r.Clusters {
		suite.Properties.Properties = append(suite.Properties.Properties, reporters.JUnitProperty{
			Name:  "cluster",
			Value: strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %d nodes", c.Name, c.Provider, c.Topology, c.KubernetesVersion, c.Nodes)), " "),
		})
	}
	if r.Setup != nil {
		suite.Errors++
		suite.TestCases = append(suite.TestCases, setupCase(*r.Setup))
	}
	if r.CleanUp != "" {
		suite.Errors++
		suite.TestCases = append(suite.TestCases, reporters.JUnitTestCase{
			Name:      junitCleanUp,
			Classname: junitSuite,
			Status:    string(catalog.Inconclusive),
			Error:     &reporters.JUnitError{Message: clip(r.CleanUp, maxJUnitMessage), Type: string(catalog.Inconclusive), Description: r.CleanUp},
		})
	}
	for _, leak := range r.Leaks {
		suite.Errors++
		suite.TestCases = append(suite.TestCases, reporters.JUnitTestCase{
			Name: junitLeak, Classname: junitSuite, Status: string(catalog.Inconclusive),
			Error: &reporters.JUnitError{Message: leak, Type: string(catalog.Inconclusive), Description: leak},
		})
	}
	for _, c := range r.Claims {
		switch c.Verdict {
		case catalog.Disproven:
			suite.Failures++
		case catalog.Inconclusive:
			suite.Errors++
		case catalog.Skipped, catalog.NotApplicable:
			suite.Skipped++
		}
		suite.TestCases = append(suite.TestCases, claimCase(c))
	}
	suite.Tests = len(suite.TestCases)

	var out bytes.Buffer
	out.WriteString(xml.Header)
	enc := xml.NewEncoder(&out)
	enc.Indent("", "  ")
	err := enc.Encode(reporters.JUnitTestSuites{
		Tests:      suite.Tests,
		Disabled:   suite.Disabled + suite.Skipped,
		Errors:     suite.Errors,
		Failures:   suite.Failures,
		Time:       suite.Time,
		TestSuites: []reporters.JUnitTestSuite{suite},
	})
	if err != nil {
		return nil, fmt.Errorf("writing the report as JUnit XML: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func setupCase(f SetupFailure) reporters.JUnitTestCase {
	return reporters.JUnitTestCase{
		Name:       junitSetup,
		Classname:  junitSuite,
		Status:     string(catalog.Inconclusive),
		Properties: properties("stage", f.Stage, "hop", string(f.Hop), "code", f.Code),
		Error: &reporters.JUnitError{
			Message:     clip(f.Stage+": "+f.Message, maxJUnitMessage),
			Type:        string(catalog.Inconclusive),
			Description: f.Message,
		},
	}
}

func claimCase(c Claim) reporters.JUnitTestCase {
	deviates := ""
	if c.Deviates {
		deviates = c.Deviation
	}
	tc := reporters.JUnitTestCase{
		Name:      c.Name(),
		Classname: string(c.Path),
		Status:    string(c.Verdict),
		Time:      seconds(time.Duration(c.Duration)),
		Properties: properties(append([]string{
			"claim", string(c.ID), "level", string(c.Level), "sentence", c.Sentence, "source", c.Source,
			"topology", string(c.Topology), "kubectl", c.Kubectl, "verdict", string(c.Verdict), "documentation deviates", deviates, "hop", string(c.Hop), "code", c.Code, "script", c.Script,
		}, traceProperties(c.Trace)...)...),
	}
	message := clip(c.Reason, maxJUnitMessage)
	switch c.Verdict {
	case catalog.Disproven:
		tc.Failure = &reporters.JUnitFailure{Message: message, Type: string(c.Verdict), Description: c.explain()}
	case catalog.Inconclusive:
		tc.Error = &reporters.JUnitError{Message: message, Type: string(c.Verdict), Description: c.explain()}
	case catalog.Skipped, catalog.NotApplicable:
		tc.Skipped = &reporters.JUnitSkipped{Message: string(c.Verdict) + ": " + message}
	}
	return tc
}

// traceProperties returns a name and a value for each hop that was reached.
func traceProperties(trace []probe.Step) (pairs []string) {
	for _, s := range trace {
		if s.State != probe.OK && s.State != probe.Broken {
			continue
		}
		text := string(s.State)
		if s.Duration != 0 {
			text += " " + s.Duration.Round(10*time.Microsecond).String()
		}
		if s.Target != "" {
			text += " at " + s.Target
		}
		if s.Saw != "" {
			text += ": " + s.Saw
		}
		pairs = append(pairs, "trace."+string(s.Hop), clip(clean(text), maxJUnitMessage))
	}
	return pairs
}

// seconds returns the seconds of d to the millisecond. Duration.Seconds would
// give 1.2349999999999999 for 1.235.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// explain returns the claim, the reason of its verdict and the evidence.
func (c Claim) explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "claim: %s\n%s\n", c.Sentence, c.Reason)
	for i, s := range c.Steps {
		b.WriteString(strconv.Itoa(i+1) + ". " + s.String() + "\n")
	}
	return clip(b.String(), maxJUnitText)
}

// properties returns the properties of name and value pairs, without those
// that have no value.
func properties(pairs ...string) *reporters.JUnitProperties {
	var out reporters.JUnitProperties
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out.Properties = append(out.Properties, reporters.JUnitProperty{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return &out
}
