package catalog

import "strings"

// The keys of labels, which stand before the colon.
const (
	LabelArea     = "area"
	LabelLevel    = "level"
	LabelPath     = "path"
	LabelNeeds    = "needs"
	LabelTopology = "topology"
	LabelRun      = "run"
)

// labelDisruptive is of claims whose spec stops parts of the cluster.
const labelDisruptive = LabelRun + ":disruptive"

// Area is the part of a claim's id before the slash: what the claims that have it
// in common are about.
func (id ID) Area() string {
	area, _, _ := strings.Cut(string(id), "/")
	return area
}

// Labels returns what the claim can be selected by, as KEY:VALUE: its area, level
// and path, each feature that it needs and each topology that it is proven on, and
// run:disruptive where its spec stops parts of the cluster. Its spec in Ginkgo has
// the same.
func (c Claim) Labels() []string {
	labels := []string{LabelArea + ":" + c.ID.Area(), LabelLevel + ":" + string(c.Level), LabelPath + ":" + string(c.Path)}
	for _, f := range c.Needs {
		labels = append(labels, LabelNeeds+":"+string(f))
	}
	for _, t := range c.On() {
		labels = append(labels, LabelTopology+":"+string(t))
	}
	if c.Disruptive {
		labels = append(labels, labelDisruptive)
	}
	return labels
}
