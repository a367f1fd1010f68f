package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// Bounds, in bytes and pieces, of what a page shows of one claim. The rest is in
// report.json.
const (
	maxPageSteps    = 60
	maxPageEvidence = 16 << 10
)

var (
	//go:embed page.css
	pageStyle string
	//go:embed report.css
	reportStyle string
	//go:embed report.js
	reportScript string
	//go:embed report.gohtml
	reportPage string

	reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
		"mark": mark, "class": func(v any) string { return class(fmt.Sprint(v)) },
	}).Parse(reportPage))
)

// assets are the style and the script of a page, and the policy by which a browser
// takes these and nothing else, from nowhere.
type assets struct {
	Style  template.CSS
	Script template.JS
	Policy string
}

func newAssets(style, script string) assets {
	policy := "default-src 'none'; style-src " + digest(style)
	if script != "" {
		policy += "; script-src " + digest(script)
	}
	return assets{Style: template.CSS(style), Script: template.JS(script), Policy: policy + "; base-uri 'none'; form-action 'none'"}
}

// digest is a text as a source of a content security policy.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// page is what the template of a report shows.
type page struct {
	assets
	Report   Report
	Title    string
	Headline string
	Verdict  catalog.Verdict
	Took     string
	Counts   []verdictCount
	Levels   []catalog.Level
	Columns  []column
	Rows     []pathRow
	Groups   []group
	// Unproven are the claims that are not proven, those with one reason together.
	Unproven []unproven
	// Several is whether there is more than one column.
	Several bool
}

// verdictCount is how many claims have a verdict.
type verdictCount struct {
	Verdict catalog.Verdict
	N       int
}

// unproven is one claim that is not proven, or many with one reason.
type unproven struct {
	Claim
	// Seen is the reason in one line, and N the number of the claims.
	Seen string
	Todo next
	N    int
}

// group has the claims of a path.
type group struct {
	Row    pathRow
	Claims []claimView
}

// claimView is a claim with what is worked out of it. Every text is redacted.
type claimView struct {
	Claim
	Hops   diagram
	Column string
	// First is the first line of the reason, without the next step, and Rest has
	// all others.
	First, Rest string
	Todo        next
	Evidence    []stepView
	// More is the number of pieces of evidence that report.json has besides.
	More int
	// Open is whether the page shows it at once.
	Open bool
	// Link is the address of the documentation, or "" where it is none to go to.
	Link string
}

// stepView is one piece of evidence.
type stepView struct {
	Step
	Took string
	// Saw is the outcome in words, and As whether it is the one that was wanted,
	// or another, or none was named.
	Saw string
	As  string
}

// HTML returns the report as one page that needs nothing else and loads nothing.
// It can be read without a script, which only filters.
func (r Report) HTML() ([]byte, error) {
	p := page{
		assets: newAssets(pageStyle+reportStyle, reportScript),
		Report: r, Title: ToolName + ": " + r.Documentation.Title, Headline: r.headline(), Verdict: r.worst(), Columns: r.columns(),
	}
	if took := r.took(); took != 0 {
		p.Took = took.Round(time.Second).String()
	}
	for _, v := range append([]catalog.Verdict{catalog.Proven}, worstFirst()...) {
		p.Counts = append(p.Counts, verdictCount{v, r.Summary.of(v)})
	}
	for _, level := range catalog.Levels() {
		if slices.ContainsFunc(r.Claims, func(c Claim) bool { return c.Level == level }) {
			p.Levels = append(p.Levels, level)
		}
	}
	for _, alike := range r.unproven() {
		one := unproven{Claim: alike[0], Todo: alike[0].next(), N: len(alike)}
		one.Seen, _ = one.cause()
		p.Unproven = append(p.Unproven, one)
	}
	p.Several = len(p.Columns) > 1
	p.Rows = r.paths(p.Columns)
	// What kept all claims from being looked at is told once, at the top.
	open := r.Setup == nil && r.Result != Unfinished
	for _, row := range p.Rows {
		g := group{Row: row}
		for _, c := range row.Claims() {
			view := viewOf(c)
			view.Open = open && (c.Verdict == catalog.Disproven || c.Verdict == catalog.Inconclusive)
			if p.Several {
				view.Column = column{Topology: c.Topology, Kubectl: c.Kubectl}.Name()
			}
			g.Claims = append(g.Claims, view)
		}
		p.Groups = append(p.Groups, g)
	}
	var out bytes.Buffer
	if err := reportTemplate.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("writing the report as HTML: %w", err)
	}
	return out.Bytes(), nil
}

func viewOf(c Claim) claimView {
	v := claimView{Claim: c, Hops: c.diagram(), Todo: c.next()}
	if strings.HasPrefix(c.Source, "https://") {
		v.Link = c.Source
	}
	v.First, _ = c.cause()
	_, v.Rest, _ = strings.Cut(clip(clean(c.Reason), maxReason), "\n")
	size := 0
	for _, s := range c.Steps {
		one := stepViewOf(s)
		size += len(one.What) + len(one.Command)
		if len(v.Evidence) == maxPageSteps || size > maxPageEvidence {
			break
		}
		v.Evidence = append(v.Evidence, one)
	}
	v.More = len(c.Steps) - len(v.Evidence)
	return v
}

func stepViewOf(s Step) stepView {
	s.What, s.Command = clip(clean(s.What), maxCommand), clip(clean(s.Command), maxCommand)
	v := stepView{Step: s, Saw: string(s.Outcome), As: "seen"}
	if s.Outcome == catalog.Unknown {
		v.Saw = "could not run"
	}
	if s.Status != 0 {
		v.Saw += fmt.Sprintf(", HTTP %d", s.Status)
	}
	if s.Exit != 0 {
		v.Saw += fmt.Sprintf(", exit code %d", s.Exit)
	}
	switch s.Want {
	case catalog.Unknown:
	case s.Outcome:
		v.As = "wanted"
	default:
		v.As = "unwanted"
		v.Saw += ", want " + string(s.Want)
	}
	v.Took = hop{Took: time.Duration(s.Milliseconds) * time.Millisecond}.Time()
	return v
}

// Mark is the sign of how the step went.
func (s stepView) Mark() string {
	switch s.As {
	case "wanted":
		return markGood
	case "unwanted":
		return markBad
	default:
		return markEvident
	}
}

// Anchor is where the claim is on the page.
func (c Claim) Anchor() string { return "claim-" + class(c.Name()) }

// Blames is whether the claim names a hop that broke, or a code.
func (c Claim) Blames() bool { return c.Hop != "" || c.Code != "" }

// Means is what the claim's code means, or "".
func (c Claim) Means() string {
	d, _ := probe.Lookup(probe.Code(c.Code))
	return d.Title
}
