package loadbalancer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
)

// poolSize is how many load balancers there may be at once.
const poolSize = 16

// Pool is a range of IPv4 addresses that load balancers get.
type Pool struct{ First, Last netip.Addr }

// String returns the range as MetalLB takes it: "172.18.255.223-172.18.255.238".
func (p Pool) String() string { return p.First.String() + "-" + p.Last.String() }

// All returns the addresses of the pool in their order.
func (p Pool) All() []netip.Addr {
	var all []netip.Addr
	for a := p.First; a.Compare(p.Last) <= 0; a = a.Next() {
		all = append(all, a)
	}
	return all
}

// ShowAddress is the command by which a node of kind's tells its address in the
// network of its engine, for ReadAddress.
var ShowAddress = []string{"ip", "-json", "-4", "address", "show", "dev", "eth0"}

// ReadAddress reads a node's IPv4 address, and the bits of the network that it is
// in, from what ShowAddress has shown.
func ReadAddress(shown string) (netip.Prefix, error) {
	var links []struct {
		Addresses []struct {
			Local netip.Addr `json:"local"`
			Bits  int        `json:"prefixlen"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(shown), &links); err != nil {
		return netip.Prefix{}, fmt.Errorf("reading the address of a node: %w", err)
	}
	for _, l := range links {
		for _, a := range l.Addresses {
			return netip.PrefixFrom(a.Local, a.Bits), nil
		}
	}
	return netip.Prefix{}, errors.New("reading the address of a node: it has none of IPv4")
}

// PoolBeside returns the pool of the cluster that has a node at the address, with
// the bits of the network that it is in. Engines give addresses from a network's
// low end; pools are at its high end, in the order of the nodes' addresses, so that
// no two clusters on the network share one. A network that is too small for that is
// an error.
func PoolBeside(node netip.Prefix) (Pool, error) {
	if !node.Addr().Is4() {
		return Pool{}, fmt.Errorf("choosing addresses for load balancers: node %s has no IPv4 address", node.Addr())
	}
	network := number(node.Masked().Addr())
	size := uint64(1) << (32 - node.Bits())
	place := (number(node.Addr()) - network) * poolSize
	if place == 0 || place > size/2 {
		return Pool{}, fmt.Errorf("choosing addresses for load balancers: network %s has no %d for the cluster of node %s at its high end", node.Masked(), poolSize, node.Addr())
	}
	// The last address of a network is for broadcasts.
	first := network + size - 1 - place
	return Pool{address(first), address(first + poolSize - 1)}, nil
}

func number(a netip.Addr) uint64 {
	b := a.As4()
	return uint64(binary.BigEndian.Uint32(b[:]))
}

func address(n uint64) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b)
}
