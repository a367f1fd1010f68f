package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// plan is what a run would do, as --dry-run prints it.
type plan struct {
	Clusters []plannedCluster `json:"clusters"`
	// Order is that of the claims, in words; "" means any.
	Order string `json:"order,omitempty"`
}

// plannedCluster is one cluster of a run with the claims that are proven on it.
type plannedCluster struct {
	// Name is the context of a cluster that is there, or the name of one that is
	// made.
	Name     string           `json:"name"`
	Topology catalog.Topology `json:"topology,omitempty"`
	// Nodes is 0 where they are not known yet.
	Nodes int `json:"nodes,omitempty"`
	// Made is whether the run makes the cluster, and removes it unless it is kept.
	Made   bool       `json:"made"`
	Claims []claimRow `json:"claims"`
}

// plan works out what the run would do, without looking at a cluster.
func (r *runner) plan() plan {
	if len(r.kubectls) == 0 {
		r.kubectls = []kubectl{{path: r.options.Kubectl}}
	}
	p := plan{Clusters: []plannedCluster{}, Order: strings.TrimPrefix(r.limits.order(), ", ")}
	for _, leg := range r.legs() {
		o := leg.options
		c := plannedCluster{Name: o.ClusterName, Topology: o.Topology, Nodes: harness.NodesOf(o), Made: true}
		if o.Existing() {
			c.Name, c.Made = cmp.Or(o.Context, "the current context of "+o.Kubeconfig), false
		}
		claims := o.Selected()
		if p.Order != "" {
			claims = catalog.MostTelling(claims)
		}
		for _, claim := range claims {
			c.Claims = append(c.Claims, rowOf(claim))
		}
		p.Clusters = append(p.Clusters, c)
	}
	return p
}

// describe says in one line what the cluster is.
func (c plannedCluster) describe() string {
	text := "cluster: " + c.Name
	switch {
	case !c.Made:
		text += ", which is there"
	default:
		text += fmt.Sprintf(", made with kind, topology %s, %d nodes", cmp.Or(c.Topology, catalog.TopologyMultiNode), c.Nodes)
	}
	return text + fmt.Sprintf(": %d claims", len(c.Claims))
}

// needs is what the claim needs, beside the cluster's topology.
func (row claimRow) needs() string { return cmp.Or(join(row.Needs), "–") }

// again is whether the claims of the cluster are those of the one before, and are
// listed with the last of such clusters.
func (p plan) again(i int) bool {
	return i > 0 && slices.EqualFunc(p.Clusters[i-1].Claims, p.Clusters[i].Claims, func(a, b claimRow) bool { return a.ID == b.ID })
}

func (p plan) write(out io.Writer, format string) error {
	switch format {
	case formatTable:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for i, c := range p.Clusters {
			if i > 0 && !p.again(i) {
				fmt.Fprintln(w)
			}
			fmt.Fprintln(w, c.describe())
			if i+1 < len(p.Clusters) && p.again(i+1) {
				continue
			}
			fmt.Fprintln(w, "CLAIM\tLEVEL\tPATH\tNEEDS\tEXPECTED\tSENTENCE")
			for _, row := range c.Claims {
				fmt.Fprintln(w, strings.Join([]string{string(row.ID), string(row.Level), string(row.Path), row.needs(), string(row.Expect), row.Sentence}, "\t"))
			}
		}
		if p.Order != "" {
			fmt.Fprintf(w, "\norder: %s\n", p.Order)
		}
		return w.Flush()
	case formatMarkdown:
		for i, c := range p.Clusters {
			if i+1 < len(p.Clusters) && p.again(i+1) {
				fmt.Fprintf(out, "%s\n\n", c.describe())
				continue
			}
			var rows [][]string
			for _, row := range c.Claims {
				rows = append(rows, []string{"`" + string(row.ID) + "`", string(row.Level), string(row.Path), row.needs(), string(row.Expect), row.Sentence})
			}
			fmt.Fprintf(out, "%s\n\n", c.describe())
			writeMarkdownTable(out, []string{"claim", "level", "path", "needs", "expected", "says"}, rows)
			fmt.Fprintln(out)
		}
		return nil
	}
	return writeData(out, format, p)
}
