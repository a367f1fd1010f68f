package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Advice is a sentence of the documentation that no run can prove false: it
// recommends, points elsewhere or is about the page. It is listed so that no
// sentence of the page is silently absent.
type Advice struct {
	// ID is an id as claims have, and no claim's.
	ID       ID
	Level    Level
	Sentence string
	Source   Source
	// Reason is why nothing can prove it, and which claims stand for what it
	// leads to.
	Reason string
}

var advices = []Advice{
	{
		ID: "direct/alternate", Level: Core,
		Sentence: "giving location and credentials to the HTTP client itself is the alternate approach",
		Source:   accessCluster(sectionRESTAPI),
		Reason:   "it ranks one approach below another; that it works is what the claims direct/* and rest/* say",
	},
	{
		ID: "in-pod/see-guide", Level: Core,
		Sentence: "Accessing the API from within a Pod has more details",
		Source:   fromAPod,
		Reason:   "it points to another page; the claims aap/* stand for what is there",
	},
	{
		ID: "meta/last-modified", Level: Core,
		Sentence: "the page was last modified on 2022-03-25, by commit 58a00cfb36",
		Source:   accessCluster(""),
		Reason:   "it is about the page's history and not about a cluster",
	},
	{
		ID: "proxy-mode/recommended", Level: Core,
		Sentence: "kubectl in proxy mode is the recommended approach",
		Source:   accessCluster(sectionRESTAPI),
		Reason:   "it ranks one approach above another; what speaks for it is what the claims proxy-mode/* and kubectl-proxy/* say",
	},
	{
		ID: "services/see-guide", Level: Core,
		Sentence: "Access Cluster Services tells how to connect to other services of a cluster",
		Source:   accessCluster("accessing-services-running-on-the-cluster"),
		Reason:   "it points to another page; the claims acs/* stand for what is there",
	},
}

// Advices returns every advice, sorted by id.
func Advices() []Advice {
	all := slices.Clone(advices)
	slices.SortFunc(all, func(a, b Advice) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// LookupAdvice returns the advice with the given id, and whether there is one.
func LookupAdvice(id ID) (Advice, bool) {
	i := slices.IndexFunc(advices, func(a Advice) bool { return a.ID == id })
	if i < 0 {
		return Advice{}, false
	}
	return advices[i], true
}

func (a Advice) validate() error {
	if err := validateSentence(a.ID, a.Level, a.Sentence, a.Source); err != nil {
		return err
	}
	if a.Reason == "" || strings.HasSuffix(a.Reason, ".") {
		return fmt.Errorf("the reason is empty or ends in a full stop")
	}
	return nil
}
