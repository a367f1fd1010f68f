package catalog

import (
	"slices"
	"strings"
	"testing"
)

// good is a claim that is fit to be run.
func good() Claim {
	return Claim{
		ID: "group/name", Path: PathKubectl, Level: Core, Sentence: "it works", Expect: Reached,
		Source: Source{Page: "page", Version: "v1.23"},
		Rights: []Right{{Verb: "list", Resource: "pods", Namespaced: true}},
		Faults: []Fault{{Name: "broken", Hop: HopTLS, Code: "A-TLS-01", How: "break it"}},
	}
}

func TestValidate(t *testing.T) {
	if err := Validate(); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*Claim)
		want   string // in the error; "" for none
	}{
		{"fit", func(*Claim) {}, ""},
		{"id without a group", func(c *Claim) { c.ID = "name" }, "group/name"},
		{"id in capitals", func(c *Claim) { c.ID = "Group/name" }, "group/name"},
		{"unknown path", func(c *Claim) { c.Path = "nope" }, `"nope"`},
		{"unknown level", func(c *Claim) { c.Level = "nope" }, `"nope"`},
		{"no sentence", func(c *Claim) { c.Sentence = "" }, "sentence"},
		{"a sentence with a full stop", func(c *Claim) { c.Sentence = "it works." }, "sentence"},
		{"no page", func(c *Claim) { c.Source.Page = "" }, "source"},
		{"no outcome", func(c *Claim) { c.Expect = Unknown }, "outcome"},
		{"no right", func(c *Claim) { c.Rights = nil }, "right"},
		{"no right where nobody is asked", func(c *Claim) { c.Rights, c.Path, c.Faults[0].Hop = nil, PathConfigView, HopTool }, ""},
		{"a right without a verb", func(c *Claim) { c.Rights[0].Verb = "" }, "verb"},
		{"a right to nothing", func(c *Claim) { c.Rights[0].Resource = "" }, "resource or a path"},
		{"a path in a namespace", func(c *Claim) { c.Rights[0] = Right{Verb: "get", NonResourceURL: "/api", Namespaced: true} }, "no namespace"},
		{"a namespace of a resource in none", func(c *Claim) { c.Rights[0] = Right{Verb: "get", Resource: "nodes", Namespace: "x"} }, "is in none"},
		{"no fault", func(c *Claim) { c.Faults = nil }, "fault"},
		{"a fault at a hop that the path lacks", func(c *Claim) { c.Faults[0].Hop = HopBackend }, `"backend"`},
		{"a fault without a code", func(c *Claim) { c.Faults[0].Code = "" }, "code"},
		{"a fault that says nothing", func(c *Claim) { c.Faults[0].How = "" }, "description"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := good()
			tc.change(&c)
			err := c.validate()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
		})
	}
}

func TestClaimsAreSorted(t *testing.T) {
	if !slices.IsSortedFunc(Claims(), func(a, b Claim) int { return strings.Compare(string(a.ID), string(b.ID)) }) {
		t.Error("the claims are not sorted by id")
	}
}

func TestRight(t *testing.T) {
	for _, row := range []struct {
		right          Right
		words, command string
	}{
		{Right{Verb: "get", NonResourceURL: "/api"}, "get /api", "kubectl auth can-i get /api"},
		{Right{Verb: "create", Resource: "namespaces"}, "create namespaces", "kubectl auth can-i create namespaces"},
		{
			Right{Verb: "create", Resource: "pods", Subresource: "exec", Namespaced: true},
			"create pods/exec in namespaces", "kubectl auth can-i create pods --subresource=exec --all-namespaces",
		},
		{
			Right{Verb: "get", Resource: "services", Name: "kubernetes", Namespaced: true, Namespace: "default"},
			"get services kubernetes in namespace default", "kubectl auth can-i get services/kubernetes --namespace=default",
		},
		{
			Right{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "roles", Namespaced: true},
			"create roles.rbac.authorization.k8s.io in namespaces", "kubectl auth can-i create roles.rbac.authorization.k8s.io --all-namespaces",
		},
	} {
		if got := row.right.String(); got != row.words {
			t.Errorf("got %q, want %q", got, row.words)
		}
		if got := row.right.Command(); got != row.command {
			t.Errorf("got %q, want %q", got, row.command)
		}
	}
}

func TestRightsOf(t *testing.T) {
	all := RightsOf(Claims())
	if !slices.IsSortedFunc(all, Right.Compare) {
		t.Error("the rights are not sorted")
	}
	for i := range all[1:] {
		if all[i] == all[i+1] {
			t.Errorf("%q is there twice", all[i])
		}
	}
}

func TestFromStatus(t *testing.T) {
	for code, want := range map[int]Outcome{
		0: Unknown, 200: Reached, 204: Reached, 302: Redirected, 400: BadRequest, 401: Unauthorized, 403: Forbidden,
		404: NotFound, 405: BadRequest, 409: BadRequest, 422: BadRequest, 500: ServerError, 502: ServerError, 503: Unavailable, 504: ServerError,
	} {
		if got := FromStatus(code); got != want {
			t.Errorf("status %d is %q, want %q", code, got, want)
		}
	}
}
