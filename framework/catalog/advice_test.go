package catalog

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestAdvicesAreSorted(t *testing.T) {
	if !slices.IsSortedFunc(Advices(), func(a, b Advice) int { return strings.Compare(string(a.ID), string(b.ID)) }) {
		t.Error("the advice is not sorted by id")
	}
}

func TestAdviceValidate(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Advice)
		want   string // in the error; "" for none
	}{
		{"fit", func(*Advice) {}, ""},
		{"id without a group", func(a *Advice) { a.ID = "name" }, "group/name"},
		{"a sentence with a full stop", func(a *Advice) { a.Sentence += "." }, "sentence"},
		{"no page", func(a *Advice) { a.Source.Page = "" }, "source"},
		{"no reason", func(a *Advice) { a.Reason = "" }, "reason"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := Advices()[0]
			tc.change(&a)
			err := a.validate()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
		})
	}
}

// TestClaimsThatStandForAdvice: what a reason names, by its group, is there.
func TestClaimsThatStandForAdvice(t *testing.T) {
	group := regexp.MustCompile(`([a-z-]+/)\*`)
	for _, a := range Advices() {
		named := group.FindAllStringSubmatch(a.Reason, -1)
		if strings.HasSuffix(string(a.ID), "/see-guide") && len(named) == 0 {
			t.Errorf("advice %q names no claims that stand for the guide", a.ID)
		}
		for _, n := range named {
			if !slices.ContainsFunc(Claims(), func(c Claim) bool { return strings.HasPrefix(string(c.ID), n[1]) }) {
				t.Errorf("advice %q: there are no claims %s*", a.ID, n[1])
			}
		}
	}
}
