package wire

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A line is a connection to one address of an origin.
type line struct {
	wire *watched
	tls  *tls.Conn // nil with plain http
}

// reach makes a line to the origin of u in dns, connect and tls steps of hop.
func (n *Net) reach(ctx context.Context, hop *probes.Step, u *url.URL) (line, error) {
	addrs, err := n.resolve(ctx, hop, u.Hostname())
	if err != nil {
		return line{}, err
	}
	if n.choice.Addresses != "all" || len(addrs) < 2 {
		return n.reachOne(ctx, hop, u, addrs)
	}
	if good, ok := n.visit.chosen(hostPort(u)); ok { // each address is probed once a run
		return n.reachOne(ctx, hop, u, first(good, addrs))
	}
	return n.reachAll(ctx, hop, u, addrs)
}

func hostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), strconv.Itoa(port(u))) }

// first returns addrs with good in front, where it is one of them.
func first(good netip.Addr, addrs []netip.Addr) []netip.Addr {
	if !slices.Contains(addrs, good) {
		return addrs
	}
	return append([]netip.Addr{good}, slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return a == good })...)
}

func (n *Net) reachOne(ctx context.Context, hop *probes.Step, u *url.URL, addrs []netip.Addr) (l line, err error) {
	raw, err := n.dial(ctx, hop, u.Hostname(), addrs, port(u))
	if err != nil {
		return line{}, err
	}
	l.wire = &watched{Conn: raw, gone: make(chan struct{})}
	if u.Scheme == "https" {
		l.tls, err = n.handshake(ctx, hop, l.wire, u.Hostname())
	}
	return l, err
}

// one returns n going to one address of a name, whatever the target chose.
func (n *Net) one() *Net {
	c := n.choice
	c.Addresses = ""
	return n.For(c)
}

const (
	atOnce = 16 // addresses tried at the same time
	// A server may hang up on a connection that asks nothing; so long one waits
	// for the lines to the other addresses.
	maxIdle = 3 * time.Second
)

// A trial is what became of one address.
type trial struct {
	addr netip.Addr
	at   *probes.Step // stands for the hop: its steps and facts
	line line
	err  error
	done time.Time
}

// reachAll makes a line to each of addrs, and goes on with the first good one.
// That some address is bad fails nothing, but it is told; where all are, the
// failure is the first one's.
func (n *Net) reachAll(ctx context.Context, hop *probes.Step, u *url.URL, addrs []netip.Addr) (line, error) {
	addrs, err := n.candidates(hop, addrs, port(u))
	if err != nil {
		return line{}, err
	}
	trials := n.try(ctx, u, addrs)
	best := slices.IndexFunc(trials, func(t *trial) bool { return t.err == nil })
	settle(hop, u.Hostname(), trials, best)
	if best < 0 {
		return line{}, trials[0].err
	}
	chosen := trials[best]
	n.visit.choose(hostPort(u), chosen.addr)
	if time.Since(chosen.done) < maxIdle {
		return chosen.line, nil
	}
	chosen.line.wire.Close()
	return n.reachOne(ctx, hop, u, []netip.Addr{chosen.addr})
}

// try makes the lines, some at once. A third of the time there is may go by
// with addresses that don't answer.
func (n *Net) try(ctx context.Context, u *url.URL, addrs []netip.Addr) []*trial {
	rounds := (len(addrs) + atOnce - 1) / atOnce
	each := time.Hour
	if end, ok := ctx.Deadline(); ok {
		each = time.Until(end) / time.Duration(3*rounds)
	}
	trials := make([]*trial, len(addrs))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, a := range addrs {
		t := &trial{addr: a, at: probes.NewStep("hop")}
		trials[i] = t
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, each)
			defer cancel()
			t.err = probes.Safely(func() (err error) {
				t.line, err = n.reachOne(ctx, t.at, u, []netip.Addr{a})
				return err
			})
			t.done = time.Now()
		})
	}
	wg.Wait()
	return trials
}

// settle moves what was tried to hop, in the order of the addresses, and ends
// the lines that aren't gone on with.
func settle(hop *probes.Step, host string, trials []*trial, best int) {
	var known []probes.Finding
	for i, t := range trials {
		switch {
		case i == best || best < 0 && i == 0:
			for key, v := range t.at.Attrs {
				hop.Set(key, v)
			}
		case t.err == nil:
			t.line.wire.Close()
		}
		for _, s := range t.at.Steps {
			if best >= 0 {
				pardon(s, host, t.addr.String())
			}
			s.Findings = slices.DeleteFunc(s.Findings, func(f probes.Finding) bool { return slices.Contains(known, f) })
			known = append(known, s.Findings...)
		}
		hop.Adopt(t.at)
	}
}
