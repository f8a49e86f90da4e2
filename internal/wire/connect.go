package wire

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sonde-media/sonde/probes"
)

var connecting = stage{probes.ConnectTimeout, probes.ConnectReset, probes.ConnectOther}

// dial connects to the first of addrs that answers, in one connect step of
// parent an address tried. Addresses without a route from here are tried only
// where there are no others. What failed before one answered doesn't fail the
// run.
func (n *Net) dial(ctx context.Context, parent *probes.Step, host string, addrs []netip.Addr, port int) (net.Conn, error) {
	addrs, err := n.candidates(parent, addrs, port)
	if err != nil {
		return nil, err
	}
	var failed []*probes.Step
	var first error
	for i, a := range addrs {
		s := parent.Begin("connect")
		conn, err := n.dialOne(ctx, s, netip.AddrPortFrom(a, uint16(port)), len(addrs)-i)
		if err == nil {
			parent.Set(probes.AttrPeerAddress, a.String())
			for _, f := range failed {
				pardon(f, host, f.Text(probes.AttrPeerAddress))
			}
			return conn, nil
		}
		failed = append(failed, s)
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	parent.Set(probes.AttrPeerAddress, addrs[0].String())
	return nil, first
}

// candidates are the addresses to go to, in order.
func (n *Net) candidates(parent *probes.Step, addrs []netip.Addr, port int) ([]netip.Addr, error) {
	addrs, err := n.allowed(parent, addrs, port)
	if err != nil {
		return nil, err
	}
	if addrs, err = n.bindable(parent, addrs, port); err != nil {
		return nil, err
	}
	return n.routable(addrs), nil
}

// allowed returns the addresses that may be gone to. Where there is none, a
// connect step says so.
func (n *Net) allowed(parent *probes.Step, addrs []netip.Addr, port int) ([]netip.Addr, error) {
	if n.o.AllowPrivate {
		return addrs, nil
	}
	var public []netip.Addr
	var reasons []error
	for _, a := range addrs {
		if err := guard(a); err != nil {
			reasons = append(reasons, err)
			continue
		}
		public = append(public, a)
	}
	if len(public) > 0 {
		return public, nil
	}
	return nil, n.refuse(parent, addrs[0], port, probes.Fail(probes.GuardAddress, reasons[0]))
}

// refuse notes in a connect step why a is not gone to.
func (n *Net) refuse(parent *probes.Step, a netip.Addr, port int, err error) error {
	s := parent.Begin("connect")
	s.Set(probes.AttrPeerAddress, a.String())
	s.Set(probes.AttrPeerPort, port)
	s.Done(&err)
	return err
}

// pardon marks s, a step of an address, where it failed though another address
// is good. That is no finding where the fault is ours.
func pardon(s *probes.Step, host, addr string) {
	if s.Fail == nil {
		return
	}
	s.Optional()
	if !s.Fail.Code.Ours() {
		s.Find(probes.Note(probes.AddressFailed, host, fmt.Sprintf("%s: %s: %s", addr, s.Fail.Code, s.Fail.Detail)))
	}
}

// routable drops the addresses of a family that has no route from here, as
// clients without IPv6 do, unless no other is left. Connecting a UDP socket asks
// the kernel and sends nothing.
func (n *Net) routable(addrs []netip.Addr) []netip.Addr {
	six := slices.IndexFunc(addrs, netip.Addr.Is6)
	four := slices.IndexFunc(addrs, netip.Addr.Is4)
	if six < 0 || four < 0 {
		return addrs
	}
	dead := func(a netip.Addr) bool {
		conn, err := (&net.Dialer{LocalAddr: n.source("udp", a)}).Dial("udp", netip.AddrPortFrom(a, 9).String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	}
	no6, no4 := dead(addrs[six]), dead(addrs[four])
	if no6 == no4 {
		return addrs
	}
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return no6 == a.Is6() })
}

// bindable drops the addresses of a family that no source is of: who binds to
// an address wants nothing to leave by another. Where none is left, a connect
// step says so.
func (n *Net) bindable(parent *probes.Step, addrs []netip.Addr, port int) ([]netip.Addr, error) {
	if len(n.o.Sources) == 0 {
		return addrs, nil
	}
	fit := slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return n.source("udp", a) == nil })
	if len(fit) > 0 {
		return fit, nil
	}
	reason := fmt.Errorf("%s is IPv%d, and the source %s is not; name a source of that version too", addrs[0], version(addrs[0]), n.o.Sources[0])
	return nil, n.refuse(parent, addrs[0], port, probes.Fail(probes.LocalNetwork, reason))
}

func version(a netip.Addr) int {
	if a.Unmap().Is4() {
		return 4
	}
	return 6
}

// giveWay is how long an address is waited for where there are others. Clients
// begin with the next after a quarter of a second (RFC 8305 §5) and take the
// first that answers; an address is called dead here only past the time that
// two lost SYNs take (RFC 6298).
const giveWay = 3500 * time.Millisecond

func (n *Net) dialOne(ctx context.Context, s *probes.Step, to netip.AddrPort, left int) (_ net.Conn, err error) {
	defer s.Done(&err)
	s.Set(probes.AttrPeerAddress, to.Addr().String())
	s.Set(probes.AttrPeerPort, int(to.Port()))
	if end, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, min(giveWay, time.Until(end)/time.Duration(left)))
		defer cancel()
	}
	// Deadlines end what goes quiet; keep-alives would cost five system calls.
	d := net.Dialer{LocalAddr: n.source("tcp", to.Addr()), KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, connectFailure(ctx, err)
	}
	return conn, nil
}

func connectFailure(ctx context.Context, err error) error {
	switch {
	case isRefused(err):
		return probes.Fail(probes.ConnectRefused, err)
	case isUnreachable(err):
		return probes.Fail(probes.ConnectUnreachable, err)
	case isNetworkDown(err):
		return probes.Fail(probes.LocalNetwork, err)
	}
	return connecting.failure(ctx, err)
}

// source is the local address to bind to for reaching a, nil for any.
func (n *Net) source(network string, a netip.Addr) net.Addr {
	for _, src := range n.o.Sources {
		if src.Unmap().Is4() != a.Unmap().Is4() {
			continue
		}
		if network == "udp" {
			return net.UDPAddrFromAddrPort(netip.AddrPortFrom(src, 0))
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(src, 0))
	}
	return nil
}

// port returns the port that u leads to, 0 where it has none of use.
func port(u *url.URL) int {
	switch text := u.Port(); {
	case text != "":
		p, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return 0
		}
		return int(p)
	case u.Scheme == "https":
		return 443
	default:
		return 80
	}
}
