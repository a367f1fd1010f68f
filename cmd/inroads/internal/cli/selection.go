package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// ProfileCore is every claim that one control plane and one worker will do
	// for.
	ProfileCore = "core"
	// ProfilePage is every claim of the catalogue, on every topology that it names.
	ProfilePage = "page"
)

func profiles() []string { return []string{ProfileCore, ProfilePage} }

// selection is which claims a command is about.
type selection struct {
	claims, paths, levels, labels, skipLabels []string
	// matches and skips are regular expressions over id and sentence.
	matches, skips []string
	profile        string
}

func (s *selection) bind(cmd *cobra.Command, profile string) {
	f := cmd.Flags()
	f.StringSliceVar(&s.claims, "claim", nil, "id of a claim; may be repeated (default all)")
	f.StringSliceVar(&s.paths, "path", nil, "id of a path; may be repeated (default all)")
	f.StringSliceVar(&s.levels, "level", nil, "core, linked or extended; may be repeated (default all)")
	f.StringVar(&s.profile, "profile", profile, "core, what one control plane and one worker will do for, or page, on every topology")
	f.StringSliceVar(&s.labels, "label", nil, "KEY:VALUE, of area, level, path, needs, topology and run; of one key any, of different keys all; may be repeated")
	f.StringArrayVar(&s.matches, "match", nil, "regular expression that the id or the sentence of a claim matches; may be repeated, for any of them")
	f.StringArrayVar(&s.skips, "skip", nil, "regular expression of the ids and sentences of claims to leave out; may be repeated")
	f.StringSliceVar(&s.skipLabels, "skip-label", nil, "label of claims to leave out; may be repeated")
	complete(cmd, "claim", claimIDs)
	complete(cmd, "label", labelNames)
	complete(cmd, "skip-label", labelNames)
	complete(cmd, "path", pathIDs)
	complete(cmd, "level", levelNames)
	complete(cmd, "profile", profiles)
}

func complete(cmd *cobra.Command, flag string, values func() []string) {
	// The error is of a flag that does not exist, which help would show at once.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
}

// apply puts the selection into the options.
func (s *selection) apply(o *harness.Options) error {
	if err := known("profile", s.profile, profiles()); err != nil {
		return err
	}
	o.Page = s.profile == ProfilePage
	for _, id := range s.claims {
		if a, ok := catalog.LookupAdvice(catalog.ID(id)); ok {
			return usage(fmt.Sprintf("%q is advice, which nothing can prove: %s", id, a.Reason), fmt.Sprintf("'inroads explain %s' tells more", id))
		}
		if err := known("claim", id, claimIDs()); err != nil {
			return err
		}
		o.Claims = append(o.Claims, catalog.ID(id))
	}
	for _, id := range s.paths {
		if err := known("path", id, pathIDs()); err != nil {
			return err
		}
		o.Paths = append(o.Paths, catalog.PathID(id))
	}
	for _, level := range s.levels {
		if err := known("level", level, levelNames()); err != nil {
			return err
		}
		o.Levels = append(o.Levels, catalog.Level(level))
	}
	for flag, labels := range map[string][]string{"label": s.labels, "skip-label": s.skipLabels} {
		for _, label := range labels {
			if err := known(flag, label, labelNames()); err != nil {
				return err
			}
		}
	}
	if o.Topology != "" {
		if err := known("topology", string(o.Topology), topologyNames()); err != nil {
			return err
		}
	}
	return s.narrow(o)
}

// advices returns the advice of the chosen levels; none where claims are chosen in
// another way, of which advice is none.
func (s *selection) advices() []catalog.Advice {
	if len(s.claims)+len(s.paths)+len(s.labels)+len(s.matches) > 0 {
		return nil
	}
	return slices.DeleteFunc(catalog.Advices(), func(a catalog.Advice) bool {
		return len(s.levels) > 0 && !slices.Contains(s.levels, string(a.Level))
	})
}

func known(what, value string, values []string) error {
	if slices.Contains(values, value) {
		return nil
	}
	next := "'inroads list' prints them"
	if strings.HasSuffix(what, "label") {
		what, next = "label", "'inroads list -o json' prints them"
	}
	if what == "level" || what == "profile" || what == "topology" {
		next = "there are " + strings.Join(values, ", ")
	}
	return usage(fmt.Sprintf("no %s %q", what, value), suggest(value, values)+next)
}

func claimIDs() []string {
	return ids(catalog.Claims(), func(c catalog.Claim) string { return string(c.ID) })
}
func adviceIDs() []string {
	return ids(catalog.Advices(), func(a catalog.Advice) string { return string(a.ID) })
}
func pathIDs() []string {
	return ids(catalog.Paths(), func(p catalog.Path) string { return string(p.ID) })
}
func topologyNames() []string {
	return ids(catalog.Topologies(), func(t catalog.Topology) string { return string(t) })
}

// walkedPaths returns the paths that inroads probe walks. That of kube-proxy
// begins in pods of a run's own.
func walkedPaths() []string {
	return slices.DeleteFunc(pathIDs(), func(id string) bool { return id == string(catalog.PathKubeProxy) })
}
func levelNames() []string {
	return ids(catalog.Levels(), func(l catalog.Level) string { return string(l) })
}

func ids[T any](list []T, id func(T) string) []string {
	var out []string
	for _, v := range list {
		out = append(out, id(v))
	}
	return out
}

// maxSuggestions is how many near misses an error names.
const maxSuggestions = 3

// suggest returns "did you mean …? " with the values that are nearest to what
// was typed, in capitals or not, or "" when none is near.
func suggest(typed string, values []string) string {
	type near struct {
		value    string
		distance int
	}
	var found []near
	for _, v := range values {
		low := strings.ToLower(v)
		d := distance(strings.ToLower(typed), low)
		// What was typed may also be a part: "api-root", or a path for a claim.
		if strings.Contains(low, strings.ToLower(typed)) && typed != "" {
			d = min(d, 1)
		}
		if d <= max(2, len(typed)/4) {
			found = append(found, near{v, d})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.value, b.value))
	})
	if len(found) == 0 {
		return ""
	}
	var quoted []string
	for _, n := range found[:min(maxSuggestions, len(found))] {
		quoted = append(quoted, fmt.Sprintf("%q", n.value))
	}
	return "did you mean " + strings.Join(quoted, " or ") + "? "
}

// distance is the number of letters to add, drop or change to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
