package reports

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// ContextResult is what came of a run in one of its contexts.
type ContextResult struct {
	Name string
	// Cluster is what the context leads to; it is zero where none was reached.
	Cluster Cluster
	Summary Summary
	// Verdict is what the context comes to as a report of its own would, and Why what
	// was in the way of a better one, in one line, or "".
	Verdict catalog.Verdict
	Why     string
}

// Contexts returns what came of each context, in the order of the run; none where
// the run was about a single cluster.
func (r Report) Contexts() (out []ContextResult) {
	for _, claims := range gather(r.Claims, func(c Claim) string { return c.Context }) {
		name := claims[0].Context
		if name == "" {
			continue
		}
		one := Report{Claims: claims}
		one.count()
		result := ContextResult{Name: name, Summary: one.Summary, Verdict: one.worst()}
		if result.Verdict != catalog.Proven {
			result.Why = why(claims)
		}
		if i := slices.IndexFunc(r.Clusters, func(c Cluster) bool { return c.Name == name }); i >= 0 {
			result.Cluster = r.Clusters[i]
		}
		out = append(out, result)
	}
	return out
}

// ContextsOf returns the names of the contexts that the claims are of, in their order.
func ContextsOf(claims []Claim) (names []string) {
	for _, of := range gather(claims, func(c Claim) string { return c.Context }) {
		if of[0].Context != "" {
			names = append(names, of[0].Context)
		}
	}
	return names
}

// why tells of the worst of the claims, and which it is unless all are alike.
func why(claims []Claim) string {
	worst := cell(claims).Worst()
	var bad []Claim
	for _, c := range claims {
		if c.Verdict == worst {
			bad = append(bad, c)
		}
	}
	text, hint := bad[0].cause()
	if hint != "" {
		text += "; " + hint
	}
	text = oneLineOf(text)
	if !slices.ContainsFunc(claims, func(c Claim) bool { return c.Reason != bad[0].Reason }) {
		return text
	}
	text = string(bad[0].ID) + ": " + text
	if more := len(bad) - 1; more > 0 {
		text = fmt.Sprintf("%s (and %d more)", text, more)
	}
	return text
}

// Counts says how many claims have which verdict.
func (c ContextResult) Counts() string { return c.Summary.text() }

// Kubernetes is the version of the context's cluster and the number of its nodes,
// or "".
func (c ContextResult) Kubernetes() string {
	if c.Cluster.KubernetesVersion == "" {
		return ""
	}
	return fmt.Sprintf("%s, %d nodes", c.Cluster.KubernetesVersion, c.Cluster.Nodes)
}

// WriteContexts writes a line for each context, and nothing where the run was about
// a single cluster. It returns the writer's error.
func (r Report) WriteContexts(out io.Writer) error {
	contexts := r.Contexts()
	if len(contexts) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "CONTEXT\tVERDICT\tCLAIMS\tKUBERNETES\tWHY")
	for _, c := range contexts {
		row := []string{c.Name, string(c.Verdict), c.Counts(), cmp.Or(c.Kubernetes(), markNone), c.Why}
		_, _ = fmt.Fprintln(w, strings.TrimSpace(strings.Join(row, "\t")))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the contexts: %w", err)
	}
	return nil
}

// gather returns the claims that have one key together, in the order of the first
// of each.
func gather(claims []Claim, key func(Claim) string) (out [][]Claim) {
	place := map[string]int{}
	for _, c := range claims {
		k := key(c)
		i, seen := place[k]
		if !seen {
			i = len(out)
			place[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

// outcome is the key of the claims that came to the same in several contexts.
func (c Claim) outcome() string {
	return fmt.Sprintf("%q", []string{string(c.ID), string(c.Topology), c.Kubectl, string(c.Verdict), string(c.Hop), c.Code, fmt.Sprint(c.Deviates)})
}
