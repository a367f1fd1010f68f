package token

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/probe"
)

func jwt(payload, signature string) probe.Secret {
	return probe.Secret("header." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + signature)
}

func TestCorrupted(t *testing.T) {
	for _, row := range []struct{ token, want string }{
		{"h.p.abcde", "h.p.abAde"},
		{"h.p.abAde", "h.p.abBde"},
		{"h.p.a", "h.p.A"},
		{"h.p.", "h.p."},
		{"opaque", "opaAue"},
	} {
		if got := corrupted(probe.Secret(row.token)).Reveal(); got != row.want {
			t.Errorf("%q: got %q, want %q", row.token, got, row.want)
		}
	}
}

func TestSubject(t *testing.T) {
	for _, row := range []struct {
		name  string
		token probe.Secret
		want  string
		err   string
	}{
		{"a token of a ServiceAccount", jwt(`{"sub":"system:serviceaccount:a:default"}`, "s"), "system:serviceaccount:a:default", ""},
		{"an opaque token", "opaque", "", "no JWT"},
		{"a payload that is not base64", "h.%.s", "", "decoding the payload"},
		{"a payload that is not JSON", jwt("x", "s"), "", "decoding the claims"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := subject(row.token)
			if got != row.want || (err == nil) != (row.err == "") || (err != nil && !strings.Contains(err.Error(), row.err)) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestDocumentedBlocksEndInTheirCurl(t *testing.T) {
	for _, name := range []string{byGrepAndCut, byJSONPath} {
		before, curl := cutCurl(fixtures.Command(name))
		if curl != "curl $APISERVER/api --header \"Authorization: Bearer $TOKEN\" --insecure\n" {
			t.Errorf("%s ends in %q", name, curl)
		}
		for _, variable := range []string{varServer, varToken} {
			if !strings.Contains("\n"+before, "\n"+variable+"=") {
				t.Errorf("%s does not set %s before its curl", name, variable)
			}
		}
	}
	if before, curl := cutCurl("kubectl config view\n"); before != "kubectl config view\n" || curl != "" {
		t.Errorf("a block without curl is parted into %q and %q", before, curl)
	}
}
