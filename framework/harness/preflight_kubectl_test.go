package harness

import "testing"

func TestJudgeSkew(t *testing.T) {
	for _, tc := range []struct {
		kubectl, server string
		want            Severity
	}{
		{"v1.37.2", "v1.37.2", Fine},
		{"v1.36.3", "v1.37.2", Fine},
		{"v1.37.2", "v1.36.3", Fine},
		{"v1.35.4", "v1.37.2", Warning},
		{"v1.37.2", "v1.35.4-gke.1", Warning},
		{"v2.37.2", "v1.37.2", Warning},
		{"v1.37.2", "(devel)", Unseen},
	} {
		if got := judgeSkew(tc.kubectl, tc.server); got.Severity != tc.want {
			t.Errorf("kubectl %s, API server %s: %s, want %s", tc.kubectl, tc.server, got.Severity, tc.want)
		}
	}
}
