package fault

import (
	"context"
	"fmt"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const openUnit = "inroads-api-open-on-localhost"

// localhostFaults serve the API to whoever asks on the control planes' loopback,
// as API servers did by --insecure-port.
var localhostFaults = []Fault{{
	Name: "api-open-on-localhost", Hop: catalog.HopAuthn, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
	Inject: func(ctx context.Context, s *Site) error {
		return onEach(ctx, s, controlPlanes(s), fmt.Sprintf(`systemctl is-active --quiet %[1]s ||
	systemd-run --quiet --collect --unit=%[1]s kubectl proxy --kubeconfig=/etc/kubernetes/admin.conf --port=8080
`, openUnit))
	},
	Took: func(ctx context.Context, s *Site) error {
		return onEach(ctx, s, controlPlanes(s), "curl --silent --fail --max-time 2 --output /dev/null http://127.0.0.1:8080/api\n")
	},
	Heal: func(ctx context.Context, s *Site) error {
		return onEach(ctx, s, controlPlanes(s), fmt.Sprintf("if systemctl is-active --quiet %[1]s; then systemctl stop %[1]s; fi\n", openUnit))
	},
	Healed: healthy,
}}
