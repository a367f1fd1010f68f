package reports

import (
	"bytes"
	"cmp"
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
	maxPageAlso     = 100
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
	Contexts []ContextResult
	Clusters []string
	Kubectls []string
	Columns  []column
	Rows     []pathRow
	Groups   []group
	// Unproven are the claims that are not proven, those with one reason together.
	Unproven []unproven
	// Seen are the hops that saw the same in several claims, which is told once.
	Seen []hop
	// Several is whether there is more than one column, and Dense whether there are so
	// many that the table only counts.
	Several, Dense bool
}

// verdictCount is how many claims have a verdict.
type verdictCount struct {
	Verdict catalog.Verdict
	N       int
}

// unproven is one claim that is not proven, or many that are alike.
type unproven struct {
	Claim
	// Seen is the reason in one line, and Many tells which claims they are, "" of one.
	Seen string
	Todo next
	Many string
}

// group has the claims of a path.
type group struct {
	Row    pathRow
	Claims []claimView
}

// claimView is a claim with what is worked out of it. Every text is redacted.
type claimView struct {
	Claim
	Hops diagram
	// Column is that of the claim, and Columns has a line for each in which it came to
	// the same.
	Column, Columns string
	// Also are the contexts in which it came to the same, each with what was seen
	// there if that is something else, and Others how many there are besides.
	Also   []string
	Others int
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

// Besides is in how many contexts the claim came to the same.
func (v claimView) Besides() int { return len(v.Also) + v.Others }

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
		Title:  ToolName + ": " + r.Documentation.Title, Headline: r.headline(), Verdict: r.worst(), Columns: r.columns(), Contexts: r.Contexts(),
	}
	r.Claims = anchored(r.Claims)
	p.Report = r
	for _, of := range p.Columns {
		if of.Kubectl != "" && !slices.Contains(p.Kubectls, of.Kubectl) {
			p.Kubectls = append(p.Kubectls, of.Kubectl)
		}
	}
	if len(r.Clusters) >= manyAlike {
		p.Clusters = r.clusters()
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
		one := unproven{Claim: alike[0], Todo: alike[0].next()}
		if len(alike) > 1 {
			one.Many = Together(alike)
		}
		one.Seen, _ = one.cause()
		p.Unproven = append(p.Unproven, one)
	}
	p.Several, p.Dense = len(p.Columns) > 1, len(p.Columns) >= dense
	p.Rows = r.paths(p.Columns)
	// What kept all claims from being looked at is told once, at the top.
	open := r.Setup == nil && r.Result != Unfinished
	for _, row := range p.Rows {
		g := group{Row: row}
		for _, alike := range gather(row.Claims(), Claim.Anchor) {
			c := alike[0]
			view := viewOf(c)
			view.Open = open && !p.Dense && (c.Verdict == catalog.Disproven || c.Verdict == catalog.Inconclusive)
			if p.Several {
				view.Column = columnOf(c).Name()
				view.alike(alike)
			}
			g.Claims = append(g.Claims, view)
		}
		p.Groups = append(p.Groups, g)
	}
	p.Seen = p.often()
	var out bytes.Buffer
	if err := reportTemplate.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("writing the report as HTML: %w", err)
	}
	return out.Bytes(), nil
}

// often returns, of each hop of which several claims of the page tell one thing, what
// most of them tell, and marks those of them that do.
func (p page) often() []hop {
	var all []*hop
	for _, g := range p.Groups {
		for _, c := range g.Claims {
			for _, hops := range [][]hop{c.Hops.Way, c.Hops.Path} {
				for i := range hops {
					if h := &hops[i]; h.Told() && h.State == probe.OK {
						all = append(all, h)
					}
				}
			}
		}
	}
	times := map[hop]int{}
	for _, h := range all {
		times[h.saying()]++
	}
	var most []hop
	for _, h := range all {
		said := h.saying()
		i := slices.IndexFunc(most, func(m hop) bool { return m.Name == h.Name })
		switch {
		case times[said] == 1:
		case i < 0:
			most = append(most, said)
		case times[said] > times[most[i]]:
			most[i] = said
		}
	}
	for _, h := range all {
		h.Often = slices.Contains(most, h.saying())
	}
	return most
}

// anchored returns the claims with their anchors: those that came to the same in
// several contexts have one.
func anchored(claims []Claim) []Claim {
	out := slices.Clone(claims)
	anchors, used := map[string]string{}, map[string]int{}
	for i := range out {
		c := &out[i]
		if c.Context == "" {
			continue
		}
		key := c.outcome()
		if anchors[key] == "" {
			elsewhere := *c
			elsewhere.Context = ""
			// A context's name may have anything in it.
			base := elsewhere.Anchor()
			used[base]++
			anchors[key] = fmt.Sprintf("%s-%d", base, used[base])
		}
		c.anchor = anchors[key]
	}
	return out
}

// alike has the view tell of all claims that came to what its own did, which is the
// first.
func (v *claimView) alike(claims []Claim) {
	var columns []string
	for i, c := range claims {
		columns = append(columns, columnOf(c).Name())
		switch seen, _ := c.cause(); {
		case i == 0:
		case i > maxPageAlso:
			v.Others++
		case seen != v.First:
			v.Also = append(v.Also, c.Context+": "+seen)
		default:
			v.Also = append(v.Also, c.Context)
		}
	}
	v.Columns = strings.Join(columns, "\n")
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

// Anchor is where the claim is on the page.
func (c Claim) Anchor() string { return cmp.Or(c.anchor, "claim-"+class(c.Name())) }

// Blames is whether the claim names a hop that broke, or a code.
func (c Claim) Blames() bool { return c.Hop != "" || c.Code != "" }

// Means is what the claim's code means, or "".
func (c Claim) Means() string {
	d, _ := probe.Lookup(probe.Code(c.Code))
	return d.Title
}

// PageStyle is the style that all pages of inroads have in common, in colours for
// light and for dark.
func PageStyle() string { return pageStyle }
