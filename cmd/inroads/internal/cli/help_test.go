package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// verbs returns every command that does something.
func verbs(cmd *cobra.Command) (all []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if len(c.Commands()) == 0 {
			all = append(all, c)
		}
		all = append(all, verbs(c)...)
	}
	return all
}

// TestHelpHasExamples proves that each verb has examples, and that each of these
// names a verb and flags that there are.
func TestHelpHasExamples(t *testing.T) {
	for _, verb := range verbs(newRoot(Streams{})) {
		if verb.Short == "" || strings.HasSuffix(verb.Short, ".") {
			t.Errorf("%s: %q", verb.CommandPath(), verb.Short)
		}
		lines := strings.Split(strings.TrimSpace(verb.Example), "\n")
		own := false
		for _, line := range lines {
			line, _, _ = strings.Cut(line, "#")
			if _, piped, ok := strings.Cut(line, "| "); ok {
				line = piped
			}
			args := strings.Fields(strings.TrimSpace(line))
			if len(args) == 0 || args[0] != programName {
				t.Errorf("%s: example %q", verb.CommandPath(), line)
				continue
			}
			found, rest, err := newRoot(Streams{}).Find(args[1:])
			if err != nil || found.Name() == programName {
				t.Errorf("%s: example %q: %v", verb.CommandPath(), line, err)
				continue
			}
			own = own || found.CommandPath() == verb.CommandPath()
			for _, arg := range rest {
				name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
				if strings.HasPrefix(arg, "--") && found.Flags().Lookup(name) == nil {
					t.Errorf("%s: example %q: no flag --%s", verb.CommandPath(), line, name)
				}
			}
		}
		if !own {
			t.Errorf("%s: no example of its own", verb.CommandPath())
		}
	}
}

// TestFlagsAreAlike proves that a flag means the same in each verb that has it.
func TestFlagsAreAlike(t *testing.T) {
	type meaning struct{ verb, kind, short string }
	seen := map[string]meaning{}
	for _, verb := range verbs(newRoot(Streams{})) {
		verb.Flags().VisitAll(func(f *pflag.Flag) {
			is := meaning{verb.CommandPath(), f.Value.Type(), f.Shorthand}
			if f.Name == "kubectl" || verb.Name() == "probe" && f.Name == "path" {
				// Of several kubectls in run alone; and that of a request, in a walk
				// whose path is its argument.
				return
			}
			if before, ok := seen[f.Name]; ok && (before.kind != is.kind || before.short != is.short) {
				t.Errorf("--%s is %s -%s in %s, and %s -%s in %s", f.Name, before.kind, before.short, before.verb, is.kind, is.short, is.verb)
			}
			seen[f.Name] = is
		})
	}
}

func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(cache.EnvDir, dir)
	l, err := ledger.Open(filepath.Join(dir, ledger.DirName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Note(ledger.Entry{Kind: ledger.Cluster, Name: "mine"}); err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	write(t, kubeconfig, `{"apiVersion":"v1","kind":"Config","contexts":[{"name":"staging","context":{}},{"name":"prod","context":{}}]}`)
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"run", "--claim", "aap/dns"}, []string{"aap/dns-name"}},
		{[]string{"run", "--path", "kubectl-"}, []string{"kubectl-proxy"}},
		{[]string{"list", "--label", "needs:bro"}, []string{"needs:browser"}},
		{[]string{"faults", "--fault", "dns-d"}, []string{"dns-down"}},
		{[]string{"doctor", "--kubeconfig", kubeconfig, "--context", ""}, []string{"prod", "staging"}},
		{[]string{"probe", "--kubeconfig", kubeconfig, "--context", "s"}, []string{"staging"}},
		{[]string{"explain", "A-TLS-02"}, []string{"A-TLS-02"}},
		{[]string{"measure", "--way", "kubectl-"}, []string{"kubectl-proxy"}},
		{[]string{"measure", "--load", "t"}, []string{"transfer"}},
		{[]string{"run", "--topology", "du"}, []string{"dual-stack"}},
		{[]string{"run", "--output", "ju"}, []string{"junit"}},
		{[]string{"cluster", "down", "--name", ""}, []string{"mine"}},
		{[]string{"probe", "kubectl-p"}, []string{"kubectl-proxy"}},
	} {
		code, out, _ := try(t, append([]string{cobra.ShellCompNoDescRequestCmd}, tt.args...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		// The last line is the directive. Shells drop what does not begin as typed.
		typed := tt.args[len(tt.args)-1]
		got := slices.DeleteFunc(lines[:len(lines)-1], func(l string) bool { return !strings.HasPrefix(l, typed) })
		if code != ExitProven || !slices.Equal(got, tt.want) {
			t.Errorf("%q: exit code %d, completes %q, want %q", tt.args, code, got, tt.want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, _ := try(t, "completion", shell); code != ExitProven || !strings.Contains(out, "inroads") {
			t.Errorf("completion for %s: exit code %d", shell, code)
		}
	}
}
