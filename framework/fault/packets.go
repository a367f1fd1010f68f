package fault

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
)

// packetRule is what a fault does to packets on a node: a chain at a hook of
// netfilter with one rule per line.
type packetRule struct {
	hook string
	// rules are nftables rules.
	rules []string
}

// filter puts a fault's rules on a node, in a table of its own, in place of
// those that it has there.
func filter(ctx context.Context, s *Site, fault, node string, chains ...packetRule) error {
	var b strings.Builder
	table := "inet " + keptPrefix + fault
	fmt.Fprintf(&b, "nft -f - <<'END'\ntable %[1]s\ndelete table %[1]s\ntable %[1]s {\n", table)
	for _, c := range chains {
		// After the translation of addresses, before anybody accepts.
		fmt.Fprintf(&b, "chain %[1]s {\ntype filter hook %[1]s priority -10; policy accept;\n%[2]s\n}\n", c.hook, strings.Join(c.rules, "\n"))
	}
	b.WriteString("}\nEND\n")
	_, err := s.OnNode(ctx, node, b.String())
	return err
}

// unfilter returns the script that takes a fault's rules off a node, if there
// are any.
func unfilter(fault string) string {
	return fmt.Sprintf("nft -f - <<'END'\ntable %[1]s\ndelete table %[1]s\nEND\n", "inet "+keptPrefix+fault)
}

// filtered returns the script that ends well if the fault has rules on the node.
func filtered(fault string) string {
	return fmt.Sprintf("nft list table inet %s%s >/dev/null 2>&1", keptPrefix, fault)
}

// dropTo returns the rules that drop packets to the ranges.
func dropTo(ranges []netip.Prefix, more string) []string {
	var rules []string
	for _, r := range ranges {
		rules = append(rules, fmt.Sprintf("%s daddr %s %s drop", family(r.Addr()), r, more))
	}
	return rules
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip6"
}
