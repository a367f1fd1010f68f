package direct

import "testing"

func TestWorse(t *testing.T) {
	for _, row := range []struct{ a, b, want class }{
		{nothing, nothing, nothing},
		{nothing, health, health},
		{discovery, health, discovery},
		{discovery, everything, everything},
	} {
		if got := worse(row.a, row.b); got != row.want {
			t.Errorf("%q and %q: got %q, want %q", row.a, row.b, got, row.want)
		}
		if got := worse(row.b, row.a); got != row.want {
			t.Errorf("%q and %q: got %q, want %q", row.b, row.a, got, row.want)
		}
	}
}
