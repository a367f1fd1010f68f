package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// The matters that a preflight looks at, beside the way to the API server.
const (
	checkSpeed        = "speed"
	checkRights       = "rights"
	checkClock        = "clock"
	checkCertificates = "certificates"
	checkImages       = "images"
	checkLeftovers    = "leftovers"
)

// rights asks the API server for every right that the selected claims need, all
// at once over one connection. It returns the claims that lack one, and which.
func (p *preflight) rights(ctx context.Context) ([]Finding, map[catalog.ID]string) {
	claims := p.options.Applicable()
	wanted := p.options.Rights(claims...)
	allowed, errs := make([]bool, len(wanted)), make([]error, len(wanted))
	var wait sync.WaitGroup
	for i, r := range wanted {
		wait.Go(func() { allowed[i], errs[i] = may(ctx, p.client, r) })
	}
	wait.Wait()

	var missing []catalog.Right
	var unknown []error
	for i, r := range wanted {
		switch {
		case errs[i] != nil:
			unknown = append(unknown, errs[i])
		case !allowed[i]:
			missing = append(missing, r)
		}
	}
	findings, forbidden := p.options.explainMissing(claims, missing)
	switch {
	case len(unknown) > 0:
		f := unseen(checkRights, unknown[0])
		f.Saw = fmt.Sprintf("%d of %d are not known: %s", len(unknown), len(wanted), f.Saw)
		findings = append(findings, f)
	case len(missing) == 0:
		findings = append(findings, Finding{Check: checkRights, Severity: Fine, Saw: fmt.Sprintf("all %d that the %d claims need", len(wanted), len(claims))})
	}
	return findings, forbidden
}

// may asks the API server whether the client's user has the right. About the namespaces
// of a run, whose names nobody knows yet, it asks for all namespaces.
func may(ctx context.Context, client kubernetes.Interface, r catalog.Right) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{}
	if r.NonResourceURL != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Verb: r.Verb, Path: r.NonResourceURL}
	} else {
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Verb: r.Verb, Group: r.Group, Resource: r.Resource, Subresource: r.Subresource, Name: r.Name, Namespace: r.Namespace,
		}
	}
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking for the right to %s: %w", r, err)
	}
	return answer.Status.Allowed, nil
}

// explainMissing returns a finding for each set of claims that lack the same
// rights, and the rights that each claim lacks in words.
func (o Options) explainMissing(claims []catalog.Claim, missing []catalog.Right) ([]Finding, map[catalog.ID]string) {
	type group struct {
		claims []catalog.ID
		rights []catalog.Right
	}
	var groups []*group
	forbidden := map[catalog.ID]string{}
	for _, r := range missing {
		var lacking []catalog.ID
		for _, c := range claims {
			if slices.Contains(o.rightsOf(c), r) {
				lacking = append(lacking, c.ID)
				if forbidden[c.ID] != "" {
					forbidden[c.ID] += ", "
				}
				forbidden[c.ID] += r.String()
			}
		}
		i := slices.IndexFunc(groups, func(g *group) bool { return slices.Equal(g.claims, lacking) })
		if i < 0 {
			groups = append(groups, &group{claims: lacking})
			i = len(groups) - 1
		}
		groups[i].rights = append(groups[i].rights, r)
	}
	var findings []Finding
	for _, g := range groups {
		findings = append(findings, Finding{
			Check: checkRights, Severity: Warning, Claims: g.claims,
			Saw:  fmt.Sprintf("not allowed to %s; skipped without: %s", words(g.rights), some(g.claims)),
			Next: g.rights[0].Command(),
		})
	}
	if len(forbidden) == 0 {
		return findings, nil
	}
	return findings, forbidden
}

func words(rights []catalog.Right) string {
	var all []string
	for _, r := range rights {
		all = append(all, r.String())
	}
	return strings.Join(all, ", ")
}

// shownClaims is how many claims a finding names in text.
const shownClaims = 4

// some names the first of the claims, and how many there are besides.
func some(claims []catalog.ID) string {
	var names []string
	for _, id := range claims[:min(len(claims), shownClaims)] {
		names = append(names, string(id))
	}
	out := strings.Join(names, ", ")
	if more := len(claims) - len(names); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}
