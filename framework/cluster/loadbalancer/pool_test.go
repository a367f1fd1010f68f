package loadbalancer

import (
	"net/netip"
	"testing"
)

func TestPoolBeside(t *testing.T) {
	for _, tt := range []struct{ node, want string }{
		{"172.18.0.2/16", "172.18.255.223-172.18.255.238"},
		{"172.18.0.3/16", "172.18.255.207-172.18.255.222"},
		{"172.18.0.1/16", "172.18.255.239-172.18.255.254"},
		{"10.89.0.2/24", "10.89.0.223-10.89.0.238"},
		{"10.89.0.8/24", "10.89.0.127-10.89.0.142"},
		{"10.89.0.9/24", ""},
		{"10.89.0.2/28", ""},
		{"fd00::2/64", ""},
	} {
		got, err := PoolBeside(netip.MustParsePrefix(tt.node))
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s: got %s, want an error", tt.node, got)
			}
			continue
		}
		if err != nil || got.String() != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.node, got, err, tt.want)
		}
	}
}

func TestReadAddress(t *testing.T) {
	for _, tt := range []struct{ name, says, want string }{
		{"an address", `[{"ifname":"eth0","addr_info":[{"family":"inet","local":"172.18.0.2","prefixlen":16}]}]`, "172.18.0.2/16"},
		{"none", `[{"ifname":"eth0","addr_info":[]}]`, ""},
		{"something else", "Device does not exist", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadAddress(tt.says)
			if tt.want == "" && err == nil || tt.want != "" && got.String() != tt.want {
				t.Errorf("got %s, %v, want %q", got, err, tt.want)
			}
		})
	}
}
