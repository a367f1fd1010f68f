package fault

import (
	"net/netip"
	"testing"
)

func TestUnroute(t *testing.T) {
	for _, row := range []struct{ pods, want string }{
		{"10.244.1.0/24", "ip -4 route replace unreachable 10.244.1.0/25 proto 202\nip -4 route replace unreachable 10.244.1.128/25 proto 202\n"},
		{"10.244.1.7/32", "ip -4 route replace unreachable 10.244.1.7/32 proto 202\n"},
		{"fd00:10:244:1::/64", "ip -6 route replace unreachable fd00:10:244:1::/65 proto 202\nip -6 route replace unreachable fd00:10:244:1:8000::/65 proto 202\n"},
	} {
		if got := unroute([]netip.Prefix{netip.MustParsePrefix(row.pods)}); got != row.want {
			t.Errorf("to make %s unreachable: %q, want %q", row.pods, got, row.want)
		}
	}
}
