package harness

import (
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/reports"
)

// Meta returns what a report says of a run with these options on the clusters.
func (o Options) Meta(clusters []cluster.Ref) reports.Meta {
	m := reports.Meta{Claims: o.Selected(), Topology: o.Topology}
	for _, c := range clusters {
		m.Clusters = append(m.Clusters, reports.Cluster{
			Name: c.Name, Provider: c.Provider, Topology: c.Topology, KubernetesVersion: c.KubernetesVersion, Nodes: len(c.Nodes),
		})
	}
	return m
}
