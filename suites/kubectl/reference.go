package kubectl

import (
	"context"
	"regexp"
	"strings"

	. "github.com/onsi/gomega"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// referencePage is the address of the reference, which kubectl itself tells.
	referencePage = "https://kubernetes.io/docs/reference/kubectl"
	examples      = "\nExamples:\n"
	flagHelp      = "--help"
	// noFlag and noCommand are what no kubectl has.
	noFlag         = "--inroads-no-such-flag"
	noCommand      = "inroads-no-such-command"
	saysNoFlag     = "unknown flag: " + noFlag
	saysNoCommand  = "unknown command"
	versionCommand = "version --client"
)

// used are the commands that the documentation and the specs use, each with the
// flags of its own.
var used = []struct {
	command string
	flags   []string
}{
	{"apply", []string{"filename"}},
	{"config set-cluster", []string{"server"}},
	{"config view", []string{"flatten", "minify", "output", "raw"}},
	{"create", []string{"filename", "raw"}},
	{"describe", nil},
	{"get", []string{"output", "raw"}},
	{"proxy", []string{"accept-hosts", "address", "api-prefix", "port"}},
}

// usedByAll are the flags that every command has.
var usedByAll = []string{"context", "kubeconfig", "server", "v"}

var _ = harness.Area(catalog.PathKubectl, func() {
	harness.Prove("kubectl/examples-and-reference-exist", func(ctx context.Context, env *harness.Env) {
		help := func(command string) string {
			return env.Meet(catalog.HopTool, "kubectl "+command, env.Host.RunKubectl(ctx, strings.Fields(command)...), catalog.Reached).Stdout
		}
		version := strings.TrimSpace(help(versionCommand))
		overview := help(flagHelp)
		Expect(overview).To(ContainSubstring(referencePage), "kubectl does not say where its reference is: %s", version)
		for _, c := range used {
			command, _, _ := strings.Cut(c.command, " ")
			Expect(overview).To(MatchRegexp(`(?m)^  %s `, regexp.QuoteMeta(command)), "kubectl has no command %q: %s", command, version)
			text := help(c.command + " " + flagHelp)
			Expect(text).To(ContainSubstring(examples), "kubectl has no example of %q: %s", c.command, version)
			for _, flag := range c.flags {
				Expect(text).To(MatchRegexp(flagLine, regexp.QuoteMeta(flag)), "kubectl %s has no flag --%s: %s", c.command, flag, version)
			}
		}
		options := help("options")
		for _, flag := range usedByAll {
			Expect(options).To(MatchRegexp(flagLine, regexp.QuoteMeta(flag)), "kubectl has no flag --%s: %s", flag, version)
		}

		for _, row := range []struct {
			args []string
			says string
		}{
			{[]string{"get", noFlag, flagHelp}, saysNoFlag},
			{[]string{noCommand, flagHelp}, saysNoCommand},
		} {
			r := env.Saw(catalog.HopTool, "kubectl "+strings.Join(row.args, " "), env.Host.RunKubectl(ctx, row.args...))
			Expect(r.Exit).NotTo(BeZero(), "kubectl takes what it does not know: %s", r)
			Expect(r.Stderr).To(ContainSubstring(row.says), "what kubectl says of what it does not know")
		}
	})
})

// flagLine is how the line begins in which kubectl explains a flag.
const flagLine = `(?m)^ +(-\w, )?--%s=`
