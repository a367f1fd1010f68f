package reports

import (
	"testing"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestClaimOf(t *testing.T) {
	for _, tc := range []struct {
		text string
		kind types.NodeType
		want catalog.ID
	}{
		{"token/wait: it waits", types.NodeTypeIt, "token/wait"},
		{"token/wait: it waits", types.NodeTypeBeforeSuite, ""},
		{"no colon", types.NodeTypeIt, ""},
	} {
		if got := ClaimOf(types.SpecReport{LeafNodeText: tc.text, LeafNodeType: tc.kind}); got != tc.want {
			t.Errorf("%q: got %q", tc.text, got)
		}
	}
}
