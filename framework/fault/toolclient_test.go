package fault

import "testing"

func TestDropPod(t *testing.T) {
	for line, want := range map[string]string{
		"pod first\n":                       "pod first\n",
		"pod second\n":                      "",
		"None\tdefault\tsecond\n":           "",
		"There are 7 pods in the cluster\n": exampleNone,
	} {
		if got := dropPod(line); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
}
