package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

// criterion is one condition of a selection, in the words of the command line.
type criterion struct {
	flag string
	// keeps is whether the claim meets it.
	keeps func(catalog.Claim) bool
}

// criteria returns the conditions of the selection beside the profile: a claim is
// selected that meets all of them.
func (s *selection) criteria() (all []criterion, err error) {
	among := func(flag string, values []string, of func(catalog.Claim) string) {
		if len(values) > 0 {
			all = append(all, criterion{given(flag, values), func(c catalog.Claim) bool { return slices.Contains(values, of(c)) }})
		}
	}
	among("claim", s.claims, func(c catalog.Claim) string { return string(c.ID) })
	among("path", s.paths, func(c catalog.Claim) string { return string(c.Path) })
	among("level", s.levels, func(c catalog.Claim) string { return string(c.Level) })
	if len(s.labels) > 0 {
		all = append(all, criterion{given("label", s.labels), func(c catalog.Claim) bool { return labelled(c, s.labels) }})
	}
	if len(s.matches) > 0 {
		matches, err := expressions("match", s.matches)
		if err != nil {
			return nil, err
		}
		all = append(all, criterion{given("match", s.matches), func(c catalog.Claim) bool { return anyMatches(c, matches) }})
	}
	if len(s.skips) > 0 {
		skips, err := expressions("skip", s.skips)
		if err != nil {
			return nil, err
		}
		all = append(all, criterion{given("skip", s.skips), func(c catalog.Claim) bool { return !anyMatches(c, skips) }})
	}
	if len(s.skipLabels) > 0 {
		all = append(all, criterion{given("skip-label", s.skipLabels), func(c catalog.Claim) bool {
			return !slices.ContainsFunc(s.skipLabels, func(l string) bool { return slices.Contains(c.Labels(), l) })
		}})
	}
	return all, nil
}

// given is how a flag was given.
func given(flag string, values []string) string {
	var words []string
	for _, v := range values {
		words = append(words, fmt.Sprintf("--%s %s", flag, v))
	}
	return strings.Join(words, " ")
}

// labelled is whether the claim has a label of each key that is asked for.
func labelled(c catalog.Claim, wanted []string) bool {
	has := c.Labels()
	for _, l := range wanted {
		key, _, _ := strings.Cut(l, ":")
		if !slices.ContainsFunc(wanted, func(w string) bool { return strings.HasPrefix(w, key+":") && slices.Contains(has, w) }) {
			return false
		}
	}
	return true
}

func anyMatches(c catalog.Claim, expressions []*regexp.Regexp) bool {
	return slices.ContainsFunc(expressions, func(e *regexp.Regexp) bool {
		return e.MatchString(string(c.ID)) || e.MatchString(c.Sentence)
	})
}

func expressions(flag string, texts []string) (all []*regexp.Regexp, err error) {
	for _, text := range texts {
		e, err := regexp.Compile(text)
		if err != nil {
			return nil, usage(fmt.Sprintf("--%s %q is no regular expression: %v", flag, text, err), "see https://pkg.go.dev/regexp/syntax")
		}
		all = append(all, e)
	}
	return all, nil
}

// narrow leaves out of the options what the criteria do not keep. That no claim is
// left is an error, which names the criterion that left none.
func (s *selection) narrow(o *harness.Options) error {
	criteria, err := s.criteria()
	if err != nil {
		return err
	}
	left := catalog.Claims()
	for i, k := range criteria {
		kept := filter(left, k.keeps)
		if len(kept) == 0 {
			return nothingLeft(left, criteria[:i], k)
		}
		left = kept
	}
	for _, c := range catalog.Claims() {
		if !slices.ContainsFunc(left, func(l catalog.Claim) bool { return l.ID == c.ID }) {
			o.Except = append(o.Except, c.ID)
		}
	}
	if len(o.Selected()) > 0 {
		return nil
	}
	var on []string
	for _, c := range left {
		on = append(on, string(c.On()[0]))
	}
	slices.Sort(on)
	on = slices.Compact(on)
	if o.Topology != "" {
		return usage(fmt.Sprintf("--topology %s leaves none of the %s: they are proven on %s", o.Topology, claimsOf(left, criteria), strings.Join(on, ", ")), "drop --topology, with --profile "+ProfilePage)
	}
	return usage(fmt.Sprintf("--profile %s leaves none of the %s: they are proven on %s", cmp.Or(s.profile, ProfileCore), claimsOf(left, criteria), strings.Join(on, ", ")), "give --profile "+ProfilePage)
}

// nothingLeft is the error of a criterion after which no claim is left.
func nothingLeft(before []catalog.Claim, earlier []criterion, k criterion) error {
	next := "'inroads list' prints the claims, 'inroads list -o json' with their labels"
	if len(filter(catalog.Claims(), k.keeps)) == 0 {
		return usage("no claim meets "+k.flag, next)
	}
	return usage(fmt.Sprintf("%s leaves none of the %s", k.flag, claimsOf(before, earlier)), next)
}

// claimsOf says how many claims the criteria have left.
func claimsOf(claims []catalog.Claim, criteria []criterion) string {
	text := fmt.Sprintf("%d claims", len(claims))
	if len(claims) == 1 {
		text = "one claim"
	}
	var flags []string
	for _, k := range criteria {
		flags = append(flags, k.flag)
	}
	if len(flags) > 0 {
		text += " of " + strings.Join(flags, " ")
	}
	return text
}

func filter[T any](list []T, keeps func(T) bool) (kept []T) {
	for _, v := range list {
		if keeps(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// labelNames returns every label that a claim has, sorted.
func labelNames() []string {
	var all []string
	for _, c := range catalog.Claims() {
		all = append(all, c.Labels()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
