package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// configFlag names the flag of the file that flags are read from.
const configFlag = "config"

// notInConfig are flags that a file has no say in.
var notInConfig = []string{configFlag, "help"}

// bindConfig binds --config: a YAML file whose fields are the flags of the command,
// by their names. A flag on the command line overrides its field. So that one file
// does for all verbs, a field may also be a flag of another verb that has --config.
// It must be bound after all other flags.
func bindConfig(cmd *cobra.Command) {
	var path string
	cmd.Flags().StringVar(&path, configFlag, "", "YAML file with flags of this command by their names, which those of the command line override")
	_ = cmd.MarkFlagFilename(configFlag, "yaml", "yml")
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if path != "" {
			if err := readConfig(path, cmd); err != nil {
				return err
			}
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
}

// readConfig sets the flags that the file has and the command line has not.
func readConfig(path string, cmd *cobra.Command) error {
	flags := cmd.Flags()
	wrong := func(line int, cause, next string) error {
		where := fmt.Sprintf("--%s %s", configFlag, path)
		if line > 0 {
			where += fmt.Sprintf(", line %d", line)
		}
		return usage(where+": "+cause, next)
	}
	fields, err := configFields(path)
	if err != nil {
		return wrong(0, err.Error(), "it is a YAML mapping of flags, such as 'profile: page'")
	}
	names := configNames(cmd)
	seen := map[string]bool{}
	for i := 0; i+1 < len(fields); i += 2 {
		name, value := fields[i].Value, fields[i+1]
		if !slices.Contains(names, name) {
			return wrong(fields[i].Line, fmt.Sprintf("unknown field %q", name), suggest(name, names)+"the fields are the flags that '--help' lists")
		}
		if seen[name] {
			return wrong(fields[i].Line, fmt.Sprintf("field %q is there twice", name), "drop one of them")
		}
		seen[name] = true
		flag := flags.Lookup(name)
		if flag == nil {
			continue // of another verb
		}
		values, ok := configValues(value)
		_, list := flag.Value.(pflag.SliceValue)
		if !ok || len(values) != 1 && !list {
			return wrong(value.Line, fmt.Sprintf("field %q is %s", name, kindOf(value)), "it is one value"+map[bool]string{true: ", or a list of them"}[list])
		}
		if flag.Changed {
			continue
		}
		if slices, ok := flag.Value.(pflag.SliceValue); ok {
			err = slices.Replace(values)
			flag.Changed = true
		} else {
			err = flags.Set(name, values[0])
		}
		if err != nil {
			return wrong(value.Line, fmt.Sprintf("field %q: %v", name, err), "'--help' tells what it takes")
		}
	}
	return nil
}

// configFields returns the keys and the values of the file, one after the other.
func configFields(path string) ([]*yaml.Node, error) {
	f, err := os.Open(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err // the path is said already
		}
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var doc, more yaml.Node
	decoder := yaml.NewDecoder(f)
	if err := decoder.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil // an empty file changes nothing
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has more than one document")
	}
	root := doc.Content[0]
	switch {
	case root.Kind == yaml.MappingNode:
		return root.Content, nil
	case root.Tag == "!!null":
		return nil, nil
	}
	return nil, errors.New("it is no mapping")
}

// configValues returns the value, or the values of a list, as flags have them.
func configValues(n *yaml.Node) (values []string, ok bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return []string{n.Value}, true
	case n.Kind != yaml.SequenceNode:
		return nil, false
	}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, false
		}
		values = append(values, item.Value)
	}
	return values, true
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	case yaml.AliasNode:
		return "an alias"
	}
	return "empty"
}

// configNames returns the flags that a file may have, sorted: those of every verb
// that takes one.
func configNames(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) {
		if !slices.Contains(notInConfig, f.Name) {
			names = append(names, f.Name)
		}
	}
	cmd.Flags().VisitAll(add)
	for _, verb := range cmd.Root().Commands() {
		if verb.Flags().Lookup(configFlag) != nil {
			verb.Flags().VisitAll(add)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
