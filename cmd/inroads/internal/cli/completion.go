package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// addPluginCompletion adds to cobra's own command for completion the script by which
// kubectl completes the words of its plugin.
func addPluginCompletion(root *cobra.Command, s Streams) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.AddCommand(newPluginCompletion(s))
		}
	}
	s.nameAsCalled(root)
}

func newPluginCompletion(s Streams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "kubectl",
		Short: "Generate the script by which kubectl completes its plugin inroads",
		Long: `Print the script that kubectl runs to complete 'kubectl inroads …'. It has to be an
executable file in PATH by the name that kubectl looks for, kubectl_complete-inroads,
and the program one by the name kubectl-inroads; --install writes the script there.
kubectl's own completion has to be loaded: see 'kubectl completion --help'.`,
		Example: `  inroads completion kubectl --install /usr/local/bin
  inroads completion kubectl > ~/bin/kubectl_complete-inroads`,
		Args: noArgs,
		// That of the command above takes none.
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			name, script := s.pluginCompletion()
			if dir == "" {
				_, err := fmt.Fprint(s.Out, script)
				return writing(err)
			}
			path := filepath.Join(dir, name)
			// What is there may have another mode.
			if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
				return unable(fmt.Errorf("writing the completion of the plugin: %w", err), "give --install a folder of PATH that you may write to")
			}
			if err := os.Chmod(path, 0o755); err != nil {
				return unable(fmt.Errorf("writing the completion of the plugin: %w", err), "")
			}
			fmt.Fprintf(s.Out, "wrote %s, which kubectl looks for in PATH\n", path)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "install", "", "folder of PATH to write the script to (default prints it)")
	_ = cmd.MarkFlagDirname("install")
	return cmd
}

// pluginCompletion returns the name by which kubectl looks for the completion of the
// plugin, whose own name it keeps, and the script.
func (s Streams) pluginCompletion() (name, script string) {
	called := calledAs(s.Program)
	if called == programName {
		called = "kubectl " + programName
	}
	// The way back from what the user types.
	words := strings.ReplaceAll(strings.TrimPrefix(called, "kubectl "), "-", "_")
	name = "kubectl_complete-" + strings.ReplaceAll(words, " ", "-")
	return name, "#!/bin/sh\n# kubectl runs this to complete '" + called + "'.\nexec " + called + " " + cobra.ShellCompRequestCmd + ` "$@"` + "\n"
}
