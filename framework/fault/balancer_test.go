package fault

import (
	"strings"
	"testing"
)

func TestBalancerChecks(t *testing.T) {
	const config = `backend apiservers
    option httpchk GET /readyz
    http-check expect status 200
    default-server check check-ssl verify none inter 1s fall 2 rise 1 init-addr libc,none resolvers engine on-marked-down shutdown-sessions
    server a a:6443
    server b b:6443
`
	const want = `backend apiservers
    default-server init-addr libc,none resolvers engine
    server a a:6443
    server b b:6443
`
	if got := balancerChecks.ReplaceAllString(config, ""); got != want {
		t.Errorf("without checks:\n%s", got)
	}
	if got := oneBackend(config); !strings.HasSuffix(got, "server a a:6443\n") || strings.Contains(got, "b:6443") {
		t.Errorf("with one backend:\n%s", got)
	}
}
