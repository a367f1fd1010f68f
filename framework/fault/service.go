package fault

import (
	"context"
	"fmt"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// labelProxyName tells kube-proxy to leave a Service alone.
	labelProxyName = "service.kubernetes.io/service-proxy-name"
	udpDropped     = "service-udp-dropped"
	awareProxy     = "http-aware-proxy"
	// dnsPort and apiPort are left alone by what breaks all Services.
	dnsPort = 53
	apiPort = 443
)

// serviceFaults break what is between a caller and the pods of a Service.
var serviceFaults = []Fault{
	policyFault("affinity-dropped", catalog.HopService, createdServices,
		when(`has(object.spec.sessionAffinity) && object.spec.sessionAffinity == "ClientIP"`,
			patch{"replace", `"/spec/sessionAffinity"`, `"None"`}, patch{op: "remove", path: `"/spec/sessionAffinityConfig"`})),
	policyFault("proxy-name-dropped", catalog.HopService, createdServices,
		when(fmt.Sprintf("has(object.metadata.labels) && %q in object.metadata.labels", labelProxyName),
			patch{op: "remove", path: fmt.Sprintf(`"/metadata/labels/" + jsonpatch.escapeKey(%q)`, labelProxyName)})),
	{
		Name: udpDropped, Hop: catalog.HopService, Scope: Cluster, Needs: []Need{Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := serviceRanges(ctx, s)
			if err != nil {
				return err
			}
			var rules []string
			for _, r := range ranges {
				// The address of the Service has become that of an endpoint by now.
				rules = append(rules, fmt.Sprintf("ct original %s daddr %s meta l4proto udp ct original proto-dst != %d drop", family(r.Addr()), r, dnsPort))
			}
			for _, node := range workers(s) {
				if err := filter(ctx, s, udpDropped, node, packetRule{"forward", rules}); err != nil {
					return err
				}
			}
			return nil
		},
		Heal:   func(ctx context.Context, s *Site) error { return onEach(ctx, s, workers(s), unfilter(udpDropped)) },
		Healed: healthy,
	},
	{
		Name: awareProxy, Hop: catalog.HopService, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			ranges, err := serviceRanges(ctx, s)
			if err != nil {
				return err
			}
			var rules []string
			for _, r := range ranges {
				rules = append(rules, fmt.Sprintf("%s daddr %s tcp dport != { %d, %d } redirect to :%d", family(r.Addr()), r, dnsPort, apiPort, standInPort))
			}
			if err := onEach(ctx, s, everyNode(s), fmt.Sprintf(standInUnits, keptPrefix+awareProxy, standInFunctions, forwardRequests, standInPort)); err != nil {
				return err
			}
			return translate(ctx, s, awareProxy, everyNode(s), arriving, rules)
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, everyNode(s), unfilter(awareProxy)+standDown(keptPrefix+awareProxy))
		},
		Healed: healthy,
	},
}

// forwardRequests is a proxy that understands HTTP/1.1: it sends each request on
// by itself, to the host that the request names, and adds for whom. It closes the
// connection when the client asks for that.
const forwardRequests = `export LC_ALL=C
while IFS= read -r line; do
	line=${line%$'\r'}
	case $line in
	'GET '*' HTTP/1.1') path=${line#GET } path=${path% HTTP/1.1} ;;
	*) answer '400 Bad Request' 0; exit ;;
	esac
	headers=(--header "X-Forwarded-For: $REMOTE_ADDR") host= connection=keep-alive
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		'') break ;;
		[Hh]ost:*) host=${line#*: } ;;
		'Connection: close') connection=close ;;
		*) headers+=(--header "$line") ;;
		esac
	done
	body=$(curl --silent --fail --max-time 5 "${headers[@]}" "http://$host$path") || { answer '502 Bad Gateway' 0; exit; }
	printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s' "$connection" "${#body}" "$body"
	[ "$connection" = keep-alive ] || exit
done
`
