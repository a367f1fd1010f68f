package fault

import (
	"context"
	"fmt"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// backendPort is the port on which the backends of a run speak plain HTTP.
	backendPort = 8080
	// standInPort is where what stands in for a backend listens on a node.
	standInPort = 18080
)

var backendFaults = []Fault{
	// Whoever closes a connection of which he has not read all resets it.
	standIn("backend-error", `read_request; answer '500 Internal Server Error' 7; printf broken\n`),
	standIn("backend-slow", fmt.Sprintf(`read_request; sleep %d; answer '200 OK' 5; printf late\n`, int(slowness.Seconds()))),
	standIn("backend-resets", `read -r request; answer '200 OK' 1000; printf 'half of it'`),
}

// standInFunctions are for the scripts of what stands in for a backend, whose
// standard input and output are a connection.
const standInFunctions = `read_request() { while IFS= read -r line; do line=${line%$'\r'}; [ -n "$line" ] || break; done; }
answer() { printf 'HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n' "$1" "$2"; }
`

// standInUnits are the units of what stands in for a backend: a socket, and the
// service that systemd starts for each connection.
const standInUnits = `cat >/run/%[1]s.sh <<'END OF FILE'
%[2]s%[3]s
END OF FILE
cat >/run/systemd/system/%[1]s.socket <<'END OF FILE'
[Socket]
ListenStream=%[4]d
Accept=yes
END OF FILE
cat >/run/systemd/system/%[1]s@.service <<'END OF FILE'
[Unit]
CollectMode=inactive-or-failed
[Service]
ExecStart=-/usr/bin/bash /run/%[1]s.sh
StandardInput=socket
StandardError=null
END OF FILE
systemctl daemon-reload
systemctl start %[1]s.socket
`

// standIn is a fault of a backend: another program answers in its place whoever
// asks from another node. The kubelet asks from its own, so that the pods are
// ready.
func standIn(name, script string) Fault {
	unit := keptPrefix + name
	return Fault{
		Name: name, Hop: catalog.HopBackend, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := podRanges(ctx, s, workers(s))
			if err != nil {
				return err
			}
			var rules []string
			for _, r := range ranges {
				rules = append(rules, fmt.Sprintf("%s daddr %s tcp dport %d redirect to :%d", family(r.Addr()), r, backendPort, standInPort))
			}
			if err := onEach(ctx, s, workers(s), fmt.Sprintf(standInUnits, unit, standInFunctions, script, standInPort)); err != nil {
				return err
			}
			return translate(ctx, s, name, workers(s), arriving, rules)
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, workers(s), unfilter(name)+standDown(unit))
		},
		Healed: healthy,
	}
}

// standDown returns the script that removes the units of what stands in, if
// there are any.
func standDown(unit string) string {
	return fmt.Sprintf(`if test -e /run/systemd/system/%[1]s.socket; then
	systemctl stop %[1]s.socket '%[1]s@*'
	rm -f /run/%[1]s.sh /run/systemd/system/%[1]s.socket /run/systemd/system/%[1]s@.service
	systemctl daemon-reload
fi
`, unit)
}

// Hooks at which addresses are translated, each before kube-proxy's own turn.
const (
	arriving = "prerouting priority -110"
	leaving  = "postrouting priority 90"
)

// translate puts a fault's rules, which change the addresses of packets, on the
// nodes.
func translate(ctx context.Context, s *Site, fault string, nodes []string, hook string, rules []string) error {
	table := "inet " + keptPrefix + fault
	return onEach(ctx, s, nodes, fmt.Sprintf("nft -f - <<'END'\ntable %[1]s\ndelete table %[1]s\ntable %[1]s {\nchain translate {\ntype nat hook %[2]s; policy accept;\n%[3]s\n}\n}\nEND\n", table, hook, strings.Join(rules, "\n")))
}
