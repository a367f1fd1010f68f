package fault

import (
	"context"
	"errors"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const auditLogFlag = "--audit-log-path"

var auditFaults = []Fault{{
	Name: "audit-log-off", Hop: catalog.HopAPI, Scope: Cluster, Needs: []Need{Nodes, AuditLog}, Spares: throughout,
	Inject: func(ctx context.Context, s *Site) error {
		err := changeManifest(ctx, s, "audit-log-off", apiServerPod, setFlag(auditLogFlag, ""))
		return errors.Join(err, settle(ctx, s))
	},
	Took: ready, Heal: healManifests("audit-log-off"), Healed: healthy,
}}
