package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// selected returns the claims that the flags select.
func selected(t *testing.T, args ...string) []catalog.Claim {
	t.Helper()
	var s selection
	var o harness.Options
	cmd := &cobra.Command{Use: "x"}
	s.bind(cmd, ProfilePage)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	if err := s.apply(&o); err != nil {
		t.Fatal(err)
	}
	return o.Selected()
}

func TestSelection(t *testing.T) {
	is := func(c catalog.Claim, label string) bool { return slices.Contains(c.Labels(), label) }
	for _, tt := range []struct {
		args []string
		// want is whether a claim is selected.
		want func(catalog.Claim) bool
	}{
		{nil, func(catalog.Claim) bool { return true }},
		{[]string{"--label=needs:browser"}, func(c catalog.Claim) bool { return is(c, "needs:browser") }},
		{[]string{"--label=level:core,needs:browser", "--label=level:linked"}, func(c catalog.Claim) bool {
			return is(c, "needs:browser") && (c.Level == catalog.Core || c.Level == catalog.Linked)
		}},
		{[]string{"--skip-label=needs:browser,path:pod"}, func(c catalog.Claim) bool { return !is(c, "needs:browser") && c.Path != catalog.PathInPod }},
		{[]string{"--match=^aap/", "--match=(?i)MAN in the middle"}, func(c catalog.Claim) bool {
			return strings.HasPrefix(string(c.ID), "aap/") || strings.Contains(strings.ToLower(c.Sentence), "man in the middle")
		}},
		{[]string{"--path=pod", "--skip=dns"}, func(c catalog.Claim) bool {
			return c.Path == catalog.PathInPod && !strings.Contains(string(c.ID), "dns") && !strings.Contains(c.Sentence, "dns")
		}},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			got, want := selected(t, tt.args...), filter(catalog.Claims(), tt.want)
			if len(want) == 0 || len(want) == len(catalog.Claims()) && tt.args != nil {
				t.Fatalf("the test selects %d claims", len(want))
			}
			if !slices.EqualFunc(got, want, func(a, b catalog.Claim) bool { return a.ID == b.ID }) {
				t.Errorf("selected %d claims, want %d", len(got), len(want))
			}
		})
	}
}
