package capability

import "testing"

func TestParseBounding(t *testing.T) {
	tests := []struct {
		name, status string
		want         Set
		bad          bool
	}{
		{"full", "Name:\tx\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\n", 1<<41 - 1, false},
		{"without CAP_SYS_RESOURCE", "CapBnd:\t000001fffeffffff\n", (1<<41 - 1) &^ (1 << SysResource), false},
		{"none", "CapBnd:\t0000000000000000\n", 0, false},
		{"no such line", "Name:\tx\n", 0, true},
		{"no number", "CapBnd:\tfull\n", 0, true},
		{"empty", "", 0, true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseBounding(tc.status)
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("parseBounding = %s, %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	// From linux/capability.h: the first, the last, and some between.
	for name, want := range map[string]int{
		"CAP_CHOWN": 0, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_SYS_RESOURCE": SysResource,
		"CAP_SETFCAP": 31, "CAP_AUDIT_READ": 37, "CAP_CHECKPOINT_RESTORE": 40,
	} {
		if got, ok := Numbers[name]; got != want || !ok {
			t.Errorf("Numbers[%q] = %d, %v, want %d", name, got, ok, want)
		}
	}
	if len(Numbers) != 41 {
		t.Errorf("%d capabilities, want 41", len(Numbers))
	}
}
