package agent

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// route returns why nothing leads from here to addr, nil where something does.
// Where addr is none, as of a name that was not resolved, it is about the
// resolver, if that is on this machine. Connecting a UDP socket asks the kernel
// and sends nothing. An address of a family that this machine has no route for is
// told so too: whether others reach it can't be seen from here.
func (n *network) route(addr string) error {
	a, err := netip.ParseAddr(addr)
	switch {
	case err != nil && !slices.ContainsFunc(n.witnesses, func(w *witness) bool { return w.near }):
		return nil
	case !n.outside(addr) && loopbackDown():
		return errors.New("the loopback interface is down") // its routes are there nonetheless
	case err != nil:
		return nil
	}
	d := net.Dialer{LocalAddr: source(n.sources, "udp", a)}
	conn, err := d.Dial("udp", netip.AddrPortFrom(a, 9).String())
	if err == nil {
		conn.Close()
		return nil
	}
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return nil // says nothing about routes
		}
	}
	return plain(err)
}

// loopbackDown reports whether this machine can't talk to itself, by whichever
// of its addresses.
func loopbackDown() bool {
	all, err := net.Interfaces()
	i := slices.IndexFunc(all, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 })
	return err == nil && i >= 0 && all[i].Flags&net.FlagUp == 0
}

// own are this machine's addresses: to reach one proves nothing of the network.
type own struct {
	at    time.Time
	addrs map[netip.Addr]bool
}

// ownHold is how long the addresses are remembered.
const ownHold = 10 * time.Second

func (o *own) has(a netip.Addr) bool {
	if now := time.Now(); o.addrs == nil || now.Sub(o.at) > ownHold {
		o.at, o.addrs = now, map[netip.Addr]bool{}
		all, _ := net.InterfaceAddrs() // without them every address is another's
		for _, one := range all {
			if p, err := netip.ParsePrefix(one.String()); err == nil {
				o.addrs[p.Addr().Unmap()] = true
			}
		}
	}
	return o.addrs[a.Unmap().WithZone("")]
}
