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
