package drill

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// An edge is what serves a host at one address.
type edge struct {
	host   Host
	region string // "" where the address is the same in all
	number int    // of the host's addresses in the region, from 1; 0: any
	addr   netip.Addr
}

// family is the version of IP of the edge's address, 0 where it has none.
func (e edge) family() int {
	switch {
	case !e.addr.IsValid():
		return 0
	case e.addr.Is4():
		return 4
	}
	return 6
}

// operator is who runs the edges of h: hosts of one share address blocks, and
// those of different ones never do.
func (h Host) operator() string { return cmp.Or(h.CDN, registrable(h.Name)) }

// registrable is the domain that a name belongs to: its two last labels.
func registrable(name string) string {
	labels := strings.Split(name, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

const firstNet = 53 // of 127.53.0.0/16

// layOut gives every host addresses in every region: 127.53.2.1 is the first
// address of the third block, which is one operator's in one region. IPv6 has
// one loopback address, which the hosts that want one share.
func layOut(s *Scenario) (map[netip.Addr]edge, error) {
	if len(s.Regions) == 0 {
		return nil, errors.New("want one region or more")
	}
	edges := map[netip.Addr]edge{}
	block := 0
	for _, region := range s.Regions {
		blocks, used := map[string]int{}, map[string]int{}
		for _, h := range s.Hosts {
			op := h.operator()
			if _, ok := blocks[op]; !ok {
				blocks[op] = block
				block++
			}
			for n := range h.Edges {
				used[op]++
				addr := netip.AddrFrom4([4]byte{127, byte(firstNet + blocks[op]/256), byte(blocks[op]), byte(used[op])})
				if edges[addr] = (edge{h, region.Name, n + 1, addr}); used[op] > 254 {
					return nil, fmt.Errorf("%s has more than 254 addresses in %s", op, region.Name)
				}
			}
			if h.IPv6 {
				edges[netip.IPv6Loopback()] = edge{addr: netip.IPv6Loopback()}
			}
		}
	}
	return edges, nil
}

// listenAll listens at one port, free at all addresses.
func listenAll(edges map[netip.Addr]edge) ([]net.Listener, error) {
	var err error
	for range 20 {
		var ls []net.Listener
		if ls, err = listenSame(edges); err == nil {
			return ls, nil
		}
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			return nil, fmt.Errorf("%w: this machine has 127.0.0.1 alone of its loopback addresses; give it the others:\n%s", err, aliasCommand(edges))
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, err
}

func listenSame(edges map[netip.Addr]edge) (ls []net.Listener, err error) {
	port := 0 // the first listener's choice, which the others follow
	for addr := range edges {
		l, err := net.Listen("tcp", netip.AddrPortFrom(addr, uint16(port)).String())
		if err != nil {
			for _, l := range ls {
				l.Close()
			}
			return nil, err
		}
		port = l.Addr().(*net.TCPAddr).Port
		ls = append(ls, l)
	}
	return ls, nil
}

// aliasCommand is what to type where loopback has one address only.
func aliasCommand(edges map[netip.Addr]edge) string {
	var addrs []string
	for a := range edges {
		if a.Is4() {
			addrs = append(addrs, a.String())
		}
	}
	slices.Sort(addrs)
	return fmt.Sprintf("  for a in %s; do sudo ifconfig lo0 alias $a up; done", strings.Join(addrs, " "))
}
