package ledger

import "testing"

func TestParseStat(t *testing.T) {
	const rest = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	tests := []struct {
		name, stat string
		start      uint64
		ended      bool
		bad        bool
	}{
		{"sleeps", "7 (cat) S" + rest, 4711, false, false},
		{"zombie", "7 (cat) Z" + rest, 4711, true, false},
		{"odd name", "7 (a) Z (b c)) R" + rest, 4711, false, false},
		{"cut off", "7 (cat) S 1 2", 0, false, true},
		{"not a number", "7 (cat) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x 20", 0, false, true},
		{"empty", "", 0, false, true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			start, ended, err := parseStat(tc.stat)
			if start != tc.start || ended != tc.ended || (err != nil) != tc.bad {
				t.Errorf("parseStat(%q) = %d, %v, %v", tc.stat, start, ended, err)
			}
		})
	}
}
