package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// column is what a report says of one topology or context with one kubectl.
type column struct {
	Topology catalog.Topology
	Context  string
	Kubectl  string
	// Clusters are those of the topology, or that of the context.
	Clusters []Cluster
}

// columns returns what the report's claims were put to the test on, in the order
// in which a claim has them.
func (r Report) columns() []column {
	var out []column
	for _, c := range r.Claims {
		if slices.ContainsFunc(out, func(of column) bool { return of.has(c) }) {
			continue
		}
		of := columnOf(c)
		for _, one := range r.Clusters {
			if one.Topology == c.Topology && (c.Context == "" || one.Name == c.Context) {
				of.Clusters = append(of.Clusters, one)
			}
		}
		out = append(out, of)
	}
	order := catalog.Topologies()
	slices.SortStableFunc(out, func(a, b column) int {
		return cmp.Compare(slices.Index(order, a.Topology), slices.Index(order, b.Topology))
	})
	return out
}

func columnOf(c Claim) column {
	return column{Topology: c.Topology, Context: c.Context, Kubectl: c.Kubectl}
}

func (of column) has(c Claim) bool {
	return c.Topology == of.Topology && c.Context == of.Context && c.Kubectl == of.Kubectl
}

// Name tells the column from the report's others, and from itself where there is
// none: "multi-node, kubectl v1.37.2".
func (of column) Name() string {
	var parts []string
	if of.Topology != "" {
		parts = append(parts, string(of.Topology))
	}
	if of.Context != "" {
		parts = append(parts, of.Context)
	}
	if of.Kubectl != "" {
		parts = append(parts, "kubectl "+of.Kubectl)
	}
	return cmp.Or(strings.Join(parts, ", "), "verdicts")
}

// Kubernetes is the version of the column's cluster, or "".
func (of column) Kubernetes() string {
	var all []string
	for _, c := range of.Clusters {
		if !slices.Contains(all, c.KubernetesVersion) {
			all = append(all, c.KubernetesVersion)
		}
	}
	return strings.Join(all, ", ")
}

// pathRow is what a report says of one path: its claims in each of the columns.
type pathRow struct {
	ID    catalog.PathID
	Title string
	Hops  []catalog.Hop
	Cells []cell
}

// cell has the claims of one path in one column.
type cell []Claim

// paths returns a row for each path that the report has a claim of, in the order
// of the documentation.
func (r Report) paths(columns []column) []pathRow {
	var rows []pathRow
	for _, c := range r.Claims {
		i := slices.IndexFunc(rows, func(row pathRow) bool { return row.ID == c.Path })
		if i < 0 {
			i = len(rows)
			row := pathRow{ID: c.Path, Title: string(c.Path), Cells: make([]cell, len(columns))}
			if path, err := catalog.LookupPath(c.Path); err == nil {
				row.Title, row.Hops = path.Title, path.Hops
			}
			rows = append(rows, row)
		}
		j := slices.IndexFunc(columns, func(of column) bool { return of.has(c) })
		rows[i].Cells[j] = append(rows[i].Cells[j], c)
	}
	order := catalog.Paths()
	place := func(row pathRow) int {
		i := slices.IndexFunc(order, func(p catalog.Path) bool { return p.ID == row.ID })
		if i < 0 {
			return len(order)
		}
		return i
	}
	slices.SortStableFunc(rows, func(a, b pathRow) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.ID, b.ID)) })
	return rows
}

// Claims returns the claims of the row in the report's order.
func (row pathRow) Claims() []Claim {
	all := slices.Concat(row.Cells...)
	slices.SortStableFunc(all, func(a, b Claim) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Counts says how many claims of the cell have which verdict, the good ones first:
// "9 of 10 proven, 1 disproven", or "" where there is none.
func (c cell) Counts() string {
	if len(c) == 0 {
		return ""
	}
	one := Report{Claims: c}
	one.count()
	return one.Summary.text()
}

// First is the first of the worst claims of the cell, which has at least one.
func (c cell) First() Claim {
	order := catalog.Verdicts()
	return slices.MaxFunc(c, func(a, b Claim) int {
		return cmp.Compare(slices.Index(order, a.Verdict), slices.Index(order, b.Verdict))
	})
}

// Worst is the worst verdict of the cell, which has at least one.
func (c cell) Worst() catalog.Verdict { return c.First().Verdict }

// Brief says how many claims of the cell are proven, for a narrow column: "10", or
// "9/10" where not all are.
func (c cell) Brief() string {
	one := Report{Claims: c}
	one.count()
	if n := one.Summary.Proven; n < len(c) {
		return fmt.Sprintf("%d/%d", n, len(c))
	}
	return fmt.Sprint(len(c))
}

// text returns the counts in words, without those that are zero.
func (s Summary) text() string {
	parts := []string{fmt.Sprintf("%d of %d proven", s.Proven, s.Total())}
	for _, v := range worstFirst() {
		if n := s.of(v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// of returns how many claims have the verdict.
func (s Summary) of(v catalog.Verdict) int {
	switch v {
	case catalog.Proven:
		return s.Proven
	case catalog.Disproven:
		return s.Disproven
	case catalog.NotApplicable:
		return s.NotApplicable
	case catalog.Skipped:
		return s.Skipped
	default:
		return s.Inconclusive
	}
}

// worst is the verdict that the report as a whole comes to: disproven where a
// claim is, inconclusive where the run or a claim did not come to its end, and
// else proven.
func (r Report) worst() catalog.Verdict {
	switch s := r.Summary; {
	case s.Disproven > 0:
		return catalog.Disproven
	case s.Inconclusive > 0, s.Proven == 0, r.Setup != nil, r.CleanUp != "", r.Interrupted, r.Result == Unfinished:
		return catalog.Inconclusive
	default:
		return catalog.Proven
	}
}

// headline says in one line what came of the run.
func (r Report) headline() string {
	s := r.Summary
	switch {
	case r.Result == Unfinished:
		return "The run did not finish"
	case r.Setup != nil:
		return "No claim was put to the test: " + r.Setup.Stage + " did not succeed"
	case r.Interrupted:
		return "The run was interrupted: " + s.text()
	default:
		return s.text()
	}
}

const (
	// manyAlike is from how many claims on one reason is told once for all.
	manyAlike = 4
	// dense is from how many columns on a table has no room for each of their claims.
	dense = 8
)

// worstFirst returns every verdict but proven.
func worstFirst() []catalog.Verdict {
	return []catalog.Verdict{catalog.Disproven, catalog.Inconclusive, catalog.Skipped, catalog.NotApplicable}
}

// unproven returns the claims that are not proven, the worst first, and those
// together, in one slice, that are many and alike.
func (r Report) unproven() (out [][]Claim) {
	for _, v := range worstFirst() {
		out = append(out, Alike(slices.DeleteFunc(slices.Clone(r.Claims), func(c Claim) bool { return c.Verdict != v }), manyAlike)...)
	}
	return out
}

// Alike returns the claims in groups, in the order of the first of each: those that
// have one verdict and one reason where they are at least so many, and those that
// are one claim which came to the same in so many contexts. Any other is alone.
func Alike(claims []Claim, many int) [][]Claim {
	reason := func(c Claim) string { return string(c.Verdict) + " " + c.Reason }
	reasons, outcomes := map[string]int{}, map[string]int{}
	for _, c := range claims {
		outcomes[c.outcome()]++
		if c.Reason != "" {
			reasons[reason(c)]++
		}
	}
	alone := 0
	return gather(claims, func(c Claim) string {
		switch {
		case reasons[reason(c)] >= many:
			return reason(c)
		case c.Context != "" && outcomes[c.outcome()] >= many:
			return c.outcome()
		}
		alone++
		return fmt.Sprint(alone)
	})
}

// Together tells which claims of Alike they are: how many, or in how many contexts
// where they are one.
func Together(claims []Claim) string {
	if slices.ContainsFunc(claims, func(c Claim) bool { return c.ID != claims[0].ID || c.Context == "" }) {
		return fmt.Sprintf("%d claims", len(claims))
	}
	return fmt.Sprintf("%s in %d contexts", claims[0].ID, len(claims))
}

// clusters tells where the report is of, in a few words each: the clusters, or how
// many have which version where they are many.
func (r Report) clusters() (out []string) {
	if len(r.Clusters) >= manyAlike {
		versions := map[string]int{}
		for _, c := range r.Clusters {
			versions[c.KubernetesVersion]++
		}
		for _, v := range slices.Sorted(maps.Keys(versions)) {
			out = append(out, fmt.Sprintf("Kubernetes %s on %d clusters", v, versions[v]))
		}
		return out
	}
	for _, c := range r.Clusters {
		out = append(out, fmt.Sprintf("Kubernetes %s on %s (%s, %d nodes)", c.KubernetesVersion, c.Name, strings.TrimSpace(c.Provider+" "+string(c.Topology)), c.Nodes))
	}
	return out
}

// took is how long the run took, or zero where it did not finish.
func (r Report) took() time.Duration {
	if r.Finished.IsZero() {
		return 0
	}
	return r.Finished.Sub(r.Started)
}

// mark is the sign of a verdict.
func mark(v catalog.Verdict) string {
	switch v {
	case catalog.Proven:
		return markGood
	case catalog.Disproven:
		return markBad
	case catalog.NotApplicable:
		return markNone
	case catalog.Skipped:
		return markSkipped
	default:
		return markUnsure
	}
}

// class is a text as a name in a style sheet or an address within a page.
func class(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '.':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		case c == '/':
			return '.'
		default:
			return '-'
		}
	}, text)
}
