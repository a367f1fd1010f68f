package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/reporters"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// Check is one matter that was looked at without a claim: a hop of a walk, or a
// finding about a cluster or this machine.
type Check struct {
	Name string
	// Verdict is what a test case is made of, as that of a claim is; Proven is a
	// matter in which nothing is wrong.
	Verdict catalog.Verdict
	Target  string
	Took    time.Duration
	// Saw says what was seen, Code what is wrong where that has one, and Next what
	// to type next, or "".
	Saw, Code, Next string
}

// ChecksOf returns a check for each hop of the trace. One that broke is disproven, or
// inconclusive where that says nothing about the way; one that was not looked at is
// skipped.
func ChecksOf(t probe.Trace) []Check {
	var all []Check
	for _, s := range t.Steps {
		c := Check{Name: string(s.Hop), Verdict: catalog.Skipped, Target: s.Target, Took: s.Duration, Saw: s.Saw, Code: string(s.Code), Next: s.Hint()}
		switch {
		case s.State == probe.OK:
			c.Verdict = catalog.Proven
		case s.State == probe.Broken && t.Outcome() == catalog.Unknown:
			c.Verdict = catalog.Inconclusive
		case s.State == probe.Broken:
			c.Verdict = catalog.Disproven
		case s.Saw == "":
			c.Saw = string(s.State)
		}
		if d, ok := probe.Lookup(s.Code); ok {
			c.Saw = strings.TrimSuffix(d.Title+": "+s.Saw, ": ")
		}
		all = append(all, c)
	}
	return all
}

// ChecksJUnit returns the checks as JUnit XML, a test case each, in a suite of the
// name; started is when they began. Those of one name are numbered.
func ChecksJUnit(name string, started time.Time, checks []Check) ([]byte, error) {
	suite := junitSuite{
		Name: name, Package: junitName, Timestamp: started.UTC().Format(junitTimestamp),
		Properties: reporters.JUnitProperties{Properties: []reporters.JUnitProperty{{Name: "tool", Value: junitName + " " + Version()}}},
	}
	seen := map[string]int{}
	for _, c := range checks {
		saw, called := clean(c.Saw), c.Name
		if seen[c.Name]++; seen[c.Name] > 1 {
			called = fmt.Sprintf("%s %d", c.Name, seen[c.Name])
		}
		text := strings.TrimSpace(saw + "\n" + clean(c.Next))
		suite.Time += seconds(c.Took)
		suite.Cases = append(suite.Cases, junitCase{
			Name: called, Classname: name, Time: seconds(c.Took),
			Properties: properties("target", clean(c.Target), "saw", saw, "code", c.Code, "next", clean(c.Next)),
		}.judged(c.Verdict, saw, text))
	}
	return suite.xml()
}
