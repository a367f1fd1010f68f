package fault

import (
	"slices"
	"testing"
)

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

func TestGoTools(t *testing.T) {
	for name, row := range map[string]struct{ args, want []string }{
		"go-get-other-version": {[]string{"get", "-C=/d", "k8s.io/client-go@kubernetes-1.37.2"}, []string{"get", "-C=/d", otherClientGo}},
		"go-modfile-ignored":   {[]string{"run", "-C=/d", "-modfile=previous.mod", "versions.go", "ns"}, []string{"run", "-C=/d", "versions.go", "ns"}},
	} {
		i := slices.IndexFunc(tools, func(of tool) bool { return of.name == name })
		c := &toolCall{args: row.args}
		if !c.of(tools[i].of) {
			t.Errorf("%s is not broken in %v", name, row.args)
		}
		if err := tools[i].change(c); err != nil || !slices.Equal(c.args, row.want) {
			t.Errorf("%s makes %v (%v), want %v", name, c.args, err, row.want)
		}
	}
}
