package fault

import (
	"context"
	"errors"
	"slices"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	anonymousFlag            = "--anonymous-auth"
	authenticationConfigFlag = "--authentication-config"
)

// anonymousConfigured are the topologies whose API server was told of anonymous
// requests.
var anonymousConfigured = []catalog.Topology{catalog.TopologyAnonymousOff, catalog.TopologyAnonymousLimited}

var anonymousFaults = []Fault{{
	Name: "anonymous-taken", Hop: catalog.HopAuthn, Scope: Cluster, Needs: []Need{Nodes, AnonymousConfigured}, Spares: throughout,
	Inject: func(ctx context.Context, s *Site) error {
		forget := func(lines []string) []string {
			return setFlag(authenticationConfigFlag, "")(setFlag(anonymousFlag, "")(slices.Clone(lines)))
		}
		err := changeManifest(ctx, s, "anonymous-taken", apiServerPod, forget)
		return errors.Join(err, settle(ctx, s))
	},
	Took: ready, Heal: healManifests("anonymous-taken"), Healed: healthy,
}}
