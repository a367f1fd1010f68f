package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// firewall is the state of the machine's network settings that dockerd changes
// and leaves changed when it ends.
type firewall struct {
	// Settings are the values of kernel settings, by name.
	Settings map[string]string `json:"settings"`
	// Chains and Policies are by command and table, as in "iptables/nat".
	Chains   map[string][]string          `json:"chains"`
	Policies map[string]map[string]string `json:"policies"`
}

// settings are the kernel settings that dockerd changes for the whole machine.
var settings = []string{
	"net/ipv4/ip_forward",
	"net/ipv6/conf/all/forwarding",
	"net/ipv6/conf/default/forwarding",
}

// tools are the commands of the firewall, one for each family of addresses.
var tools = []string{"iptables", "ip6tables"}

// dockerPrefix begins the names of all chains that dockerd makes.
const dockerPrefix = "DOCKER"

// readFirewall returns the present state.
func readFirewall(ctx context.Context) (firewall, error) {
	f := firewall{Settings: map[string]string{}, Chains: map[string][]string{}, Policies: map[string]map[string]string{}}
	for _, name := range settings {
		value, err := os.ReadFile(filepath.Join("/proc/sys", name))
		if errors.Is(err, os.ErrNotExist) {
			continue // a machine without IPv6
		}
		if err != nil {
			return f, fmt.Errorf("reading kernel setting %q: %w", name, err)
		}
		f.Settings[name] = strings.TrimSpace(string(value))
	}
	for _, tool := range tools {
		tables, err := readTables(ctx, tool)
		if err != nil {
			return f, err
		}
		for _, t := range tables {
			key := tool + "/" + t.name
			f.Policies[key] = t.policies
			f.Chains[key] = t.chains
		}
	}
	return f, nil
}

// table is one table of the firewall.
type table struct {
	name     string
	chains   []string          // those that someone made
	policies map[string]string // of the others
	rules    [][]string        // the arguments that add the rule
}

func readTables(ctx context.Context, tool string) ([]table, error) {
	out, err := output(exec.CommandContext(ctx, tool+"-save"))
	if err != nil {
		return nil, fmt.Errorf("reading the firewall: %w", err)
	}
	return parseTables(out), nil
}

// parseTables reads the output of iptables-save.
func parseTables(saved string) []table {
	var tables []table
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "*"); ok {
			tables = append(tables, table{name: name, policies: map[string]string{}})
			continue
		}
		if len(tables) == 0 {
			continue
		}
		t := &tables[len(tables)-1]
		if chain, ok := strings.CutPrefix(line, ":"); ok {
			if fields := strings.Fields(chain); len(fields) > 1 && fields[1] != "-" {
				t.policies[fields[0]] = fields[1]
			} else if len(fields) > 0 {
				t.chains = append(t.chains, fields[0])
			}
		} else if strings.HasPrefix(line, "-A ") {
			t.rules = append(t.rules, strings.Fields(line))
		}
	}
	return tables
}

// restore puts back what dockerd changed.
func (f firewall) restore(ctx context.Context, bridge string) error {
	var failed []error
	for _, tool := range tools {
		tables, err := readTables(ctx, tool)
		failed = append(failed, err)
		for _, args := range f.undo(tool, bridge, tables) {
			if _, err := output(exec.CommandContext(ctx, tool, append([]string{"--wait"}, args...)...)); err != nil {
				failed = append(failed, fmt.Errorf("restoring the firewall: %w", err))
			}
		}
	}
	for _, name := range settings {
		value, was := f.Settings[name]
		path := filepath.Join("/proc/sys", name)
		now, err := os.ReadFile(path)
		if !was || err != nil || strings.TrimSpace(string(now)) == value {
			continue
		}
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			failed = append(failed, fmt.Errorf("restoring kernel setting %q: %w", name, err))
		}
	}
	return errors.Join(failed...)
}

// undo returns the commands' arguments that take dockerd's chains, the rules that
// lead to them and those about its bridge out of the tables, and put back the
// policies.
func (f firewall) undo(tool, bridge string, tables []table) [][]string {
	var commands [][]string
	for _, t := range tables {
		before := f.Chains[tool+"/"+t.name]
		made := slices.DeleteFunc(slices.Clone(t.chains), func(chain string) bool {
			return !strings.HasPrefix(chain, dockerPrefix) || slices.Contains(before, chain)
		})
		for _, rule := range t.rules {
			at := slices.Index(rule, "-j")
			leads := at >= 0 && at+1 < len(rule) && slices.Contains(made, rule[at+1])
			if slices.Contains(made, rule[1]) || !leads && !slices.Contains(rule, bridge) {
				continue
			}
			commands = append(commands, append([]string{"-t", t.name, "-D"}, rule[1:]...))
		}
		for _, chain := range made {
			commands = append(commands, []string{"-t", t.name, "-F", chain})
		}
		for _, chain := range made {
			commands = append(commands, []string{"-t", t.name, "-X", chain})
		}
		// A table that was not there had the kernel's own policy.
		if now, was := t.policies["FORWARD"], f.Policies[tool+"/"+t.name]["FORWARD"]; t.name == "filter" && now == "DROP" && was != "DROP" {
			commands = append(commands, []string{"-t", t.name, "-P", "FORWARD", "ACCEPT"})
		}
	}
	return commands
}
