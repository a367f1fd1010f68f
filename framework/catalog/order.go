package catalog

import (
	"cmp"
	"slices"
)

// MostTelling returns the claims in the order in which a run that may not get to
// all of them learns most: each next claim is the one that notices most faults
// that none before it notices; of equals the one nearer to the page goes first,
// then the one that may take less time, then by id. When no claim notices
// anything new, a next round begins with the claims that are left. Claims that
// stop parts of the cluster come last, since they run alone.
func MostTelling(claims []Claim) []Claim {
	calm, disruptive := slices.Clone(claims), []Claim(nil)
	calm = slices.DeleteFunc(calm, func(c Claim) bool {
		if c.Disruptive {
			disruptive = append(disruptive, c)
		}
		return c.Disruptive
	})
	return append(mostTelling(calm), mostTelling(disruptive)...)
}

func mostTelling(left []Claim) (order []Claim) {
	noticed := map[string]bool{}
	fresh := func(c Claim) (n int) {
		for _, f := range c.Faults {
			if !noticed[f.Name] {
				n++
			}
		}
		return n
	}
	for len(left) > 0 {
		next := slices.MinFunc(left, func(a, b Claim) int {
			return cmp.Or(
				cmp.Compare(fresh(b), fresh(a)),
				cmp.Compare(slices.Index(Levels(), a.Level), slices.Index(Levels(), b.Level)),
				cmp.Compare(a.Bound(), b.Bound()),
				cmp.Compare(a.ID, b.ID),
			)
		})
		if fresh(next) == 0 && len(noticed) > 0 {
			clear(noticed)
			continue
		}
		for _, f := range next.Faults {
			noticed[f.Name] = true
		}
		order = append(order, next)
		left = slices.DeleteFunc(left, func(c Claim) bool { return c.ID == next.ID })
	}
	return order
}
