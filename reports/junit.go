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
	junitName      = "inroads"
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

// The elements are Ginkgo's, without the attributes disabled and status, which the
// schema of Jenkins' xUnit plugin does not have and which say nothing new.
// The properties of a test case are in no schema either, and are what Ginkgo, pytest
// and Jenkins' JUnit plugin have them for; the xUnit plugin refuses a file with them.
type (
	junitSuites struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Errors   int      `xml:"errors,attr"`
		Failures int      `xml:"failures,attr"`
		Time     float64  `xml:"time,attr"`
		Suites   []junitSuite
	}
	junitSuite struct {
		XMLName    xml.Name                  `xml:"testsuite"`
		Name       string                    `xml:"name,attr"`
		Package    string                    `xml:"package,attr"`
		Tests      int                       `xml:"tests,attr"`
		Skipped    int                       `xml:"skipped,attr"`
		Errors     int                       `xml:"errors,attr"`
		Failures   int                       `xml:"failures,attr"`
		Time       float64                   `xml:"time,attr"`
		Timestamp  string                    `xml:"timestamp,attr"`
		Properties reporters.JUnitProperties `xml:"properties"`
		Cases      []junitCase
	}
	junitCase struct {
		XMLName    xml.Name                   `xml:"testcase"`
		Name       string                     `xml:"name,attr"`
		Classname  string                     `xml:"classname,attr"`
		Time       float64                    `xml:"time,attr"`
		Properties *reporters.JUnitProperties `xml:"properties,omitempty"`
		Skipped    *reporters.JUnitSkipped    `xml:"skipped,omitempty"`
		Error      *reporters.JUnitError      `xml:"error,omitempty"`
		Failure    *reporters.JUnitFailure    `xml:"failure,omitempty"`
	}
)

// JUnit returns the report as JUnit XML: one test case for each claim, named by
// Claim.Name, and one each for a set-up and a clean-up that failed and for each
// leak. A disproven claim is a failure, an inconclusive one an error, and one that
// is skipped or not applicable is skipped.
func (r Report) JUnit() ([]byte, error) {
	suite := junitSuite{
		Name:      junitName,
		Package:   r.Documentation.Title,
		Timestamp: r.Started.Format(junitTimestamp),
		Properties: reporters.JUnitProperties{Properties: []reporters.JUnitProperty{
			{Name: "tool", Value: r.Tool.Name + " " + r.Tool.Version},
			{Name: "documentation", Value: fmt.Sprintf("%s %s %s", r.Documentation.Title, r.Documentation.Version, r.Documentation.Commit)},
			{Name: "result", Value: string(r.Result)},
		}},
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
		suite.Cases = append(suite.Cases, setupCase(*r.Setup))
	}
	if r.CleanUp != "" {
		suite.Cases = append(suite.Cases, errorCase(junitCleanUp, r.CleanUp))
	}
	for _, leak := range r.Leaks {
		suite.Cases = append(suite.Cases, errorCase(junitLeak, leak))
	}
	for _, c := range r.Claims {
		suite.Cases = append(suite.Cases, claimCase(c))
	}
	return suite.xml()
}

// xml counts the test cases and returns the suite as a document of its own.
func (suite junitSuite) xml() ([]byte, error) {
	suite.Tests = len(suite.Cases)
	for _, c := range suite.Cases {
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	enc := xml.NewEncoder(&out)
	enc.Indent("", "  ")
	err := enc.Encode(junitSuites{
		Tests: suite.Tests, Errors: suite.Errors, Failures: suite.Failures, Time: suite.Time, Suites: []junitSuite{suite},
	})
	if err != nil {
		return nil, fmt.Errorf("writing JUnit XML: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// errorCase is a test case of the run itself, for which no claim stands.
func errorCase(name, what string) junitCase {
	return junitCase{
		Name:      name,
		Classname: junitName,
		Error:     &reporters.JUnitError{Message: clip(what, maxJUnitMessage), Type: string(catalog.Inconclusive), Description: what},
	}
}

func setupCase(f SetupFailure) junitCase {
	return junitCase{
		Name:       junitSetup,
		Classname:  junitName,
		Properties: properties("stage", f.Stage, "hop", string(f.Hop), "code", f.Code),
		Error: &reporters.JUnitError{
			Message:     clip(f.Stage+": "+f.Message, maxJUnitMessage),
			Type:        string(catalog.Inconclusive),
			Description: f.Message,
		},
	}
}

func claimCase(c Claim) junitCase {
	deviates := ""
	if c.Deviates {
		deviates = c.Deviation
	}
	tc := junitCase{
		Name:      c.Name(),
		Classname: string(c.Path),
		Time:      seconds(time.Duration(c.Duration)),
		Properties: properties(append([]string{
			"claim", string(c.ID), "level", string(c.Level), "sentence", c.Sentence, "source", c.Source,
			"topology", string(c.Topology), "context", c.Context, "kubectl", c.Kubectl, "verdict", string(c.Verdict), "documentation deviates", deviates, "hop", string(c.Hop), "code", c.Code, "script", c.Script,
		}, traceProperties(c.Trace)...)...),
	}
	return tc.judged(c.Verdict, c.Reason, c.explain())
}

// judged returns the test case with what the verdict makes of it: text is all that
// there is to say of the reason.
func (tc junitCase) judged(v catalog.Verdict, reason, text string) junitCase {
	message := clip(reason, maxJUnitMessage)
	switch v {
	case catalog.Disproven:
		tc.Failure = &reporters.JUnitFailure{Message: message, Type: string(v), Description: text}
	case catalog.Inconclusive:
		tc.Error = &reporters.JUnitError{Message: message, Type: string(v), Description: text}
	case catalog.Skipped, catalog.NotApplicable:
		tc.Skipped = &reporters.JUnitSkipped{Message: string(v) + ": " + message}
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
