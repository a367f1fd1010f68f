package kind

import "testing"

func TestShortage(t *testing.T) {
	for _, tc := range []struct {
		most, used, nodes int
		want              string
	}{
		{128, 20, 2, ""},
		{128, 121, 2, "only 7 of this machine's 128 inotify instances are free, and 2 nodes want about 50; if nodes do not start: sudo sysctl -w fs.inotify.max_user_instances=512"},
		{128, 140, 1, "only 0 of this machine's 128 inotify instances are free, and 1 nodes want about 25; if nodes do not start: sudo sysctl -w fs.inotify.max_user_instances=512"},
	} {
		if got := shortage(tc.most, tc.used, tc.nodes); got != tc.want {
			t.Errorf("%d of %d used, %d nodes: got %q, want %q", tc.used, tc.most, tc.nodes, got, tc.want)
		}
	}
}
