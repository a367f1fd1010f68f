package cli

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// pluginPrefix is how the name of a program begins that kubectl takes for a plugin
// of its own.
const pluginPrefix = "kubectl-"

// programName is that of the program where it is no plugin.
const programName = "inroads"

// calledAs is how a user calls the program of that path: "inroads", or as the
// plugin of kubectl whose name the program has, "kubectl inroads".
func calledAs(program string) string {
	name := strings.TrimSuffix(filepath.Base(program), ".exe")
	plugin, is := strings.CutPrefix(name, pluginPrefix)
	if !is || plugin == "" {
		return programName
	}
	// kubectl looks for dashes as further words, and for underscores as dashes.
	return "kubectl " + strings.ReplaceAll(strings.ReplaceAll(plugin, "-", " "), "_", "-")
}

// own returns the text with each command line of this program, which begins with
// a verb of it, as the user calls it.
func (s Streams) own(text string) string {
	called := calledAs(s.Program)
	if called == programName {
		return text
	}
	verbs := append(commandNames(newRoot(Streams{})), "--help")
	command := regexp.MustCompile(`(^|['; ])` + programName + ` (` + strings.Join(verbs, "|") + `)\b`)
	// Some already are.
	text = strings.ReplaceAll(text, called+" ", programName+" ")
	return command.ReplaceAllString(text, "${1}"+called+" ${2}")
}

// nameAsCalled has the help of the command and of all below it say how the user
// calls them.
func (s Streams) nameAsCalled(root *cobra.Command) {
	if called := calledAs(s.Program); called != programName {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: called}
	}
	var rename func(*cobra.Command)
	rename = func(cmd *cobra.Command) {
		cmd.Example = s.ownExamples(cmd.Example)
		for _, c := range cmd.Commands() {
			rename(c)
		}
	}
	rename(root)
}

// ownExamples is own for the lines of an example, all of which are commands.
func (s Streams) ownExamples(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for _, before := range []string{"  ", "| "} {
			line = strings.Replace(line, before+programName+" ", before+calledAs(s.Program)+" ", 1)
		}
		out.WriteString(line)
	}
	return out.String()
}
