package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A witness is somebody outside whose answer proves that we aren't cut off.
type witness struct {
	address  string // host:port
	resolver bool   // it is asked a question of DNS
	named    bool   // the operator named it
	near     bool   // it is on this machine
	answered bool   // it ever did; guarded by network.mu
	sources  []netip.Addr
}

// mostWitnesses bounds how many are asked.
const mostWitnesses = 16

// witnesses are those that the operator named, else the hub and the resolvers.
func (o Options) witnesses() (list []*witness) {
	for _, addr := range o.Witnesses {
		list = append(list, &witness{address: addr, named: true})
	}
	if len(list) == 0 {
		list = o.usual()
	}
	for _, w := range list {
		w.sources = o.Sources
	}
	return list[:min(len(list), mostWitnesses)]
}

// usual are the witnesses where nobody named any. A hub on this machine proves
// nothing; a resolver here asks others, so its good answer does.
func (o Options) usual() (list []*witness) {
	if addr := hubAddress(o.Hub); addr != "" && !isNear(addr) {
		list = append(list, &witness{address: addr})
	}
	resolvers := []string{o.Resolver}
	if o.Resolver == "" {
		resolvers = systemResolvers("/etc/resolv.conf")
	}
	for _, addr := range resolvers {
		list = append(list, &witness{address: addr, resolver: true, near: isNear(addr)})
	}
	return list
}

// hubAddress returns host:port of a base URL, "" where it is none.
func hubAddress(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func isNear(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || a.IsUnspecified()) || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// systemResolvers are the name servers of a resolv.conf(5).
func systemResolvers(path string) (list []string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			list = append(list, net.JoinHostPort(a.String(), "53"))
		}
	}
	return list[:min(len(list), 3)] // as many as the system asks
}

// counts reports whether the witness's silence tells that we are cut off. One
// that nobody named must have answered before, unless nothing ever has.
func (w *witness) counts(anythingReached bool) bool {
	return w.named || !w.near && (w.answered || !anythingReached)
}

// ask returns nil where the witness answers.
func (w *witness) ask(ctx context.Context) error {
	if w.resolver {
		return w.askRoot(ctx)
	}
	conn, err := w.dialer("tcp").DialContext(ctx, "tcp", w.address)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil // that it doesn't want us is an answer too
	case err != nil:
		return plain(err)
	}
	return conn.Close()
}

// dialer returns one that binds to our source of the witness's family, as
// probes do.
func (w *witness) dialer(network string) *net.Dialer {
	host, _, _ := net.SplitHostPort(w.address)
	a, err := netip.ParseAddr(host)
	if err != nil {
		return &net.Dialer{} // a name may have addresses of both families
	}
	return &net.Dialer{LocalAddr: source(w.sources, network, a)}
}

// source is the local address to bind to for reaching a, nil for any.
func source(sources []netip.Addr, network string, a netip.Addr) net.Addr {
	i := slices.IndexFunc(sources, func(s netip.Addr) bool { return s.Unmap().Is4() == a.Unmap().Is4() })
	switch {
	case i < 0:
		return nil
	case network == "udp":
		return net.UDPAddrFromAddrPort(netip.AddrPortFrom(sources[i], 0))
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(sources[i], 0))
}

// plain is err without what every dialer's error repeats.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || os.IsTimeout(err) {
		return errors.New("no answer in time")
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return err
}

// resend is how long an answer of DNS is waited for before it is asked for
// again: datagrams get lost.
const resend = 600 * time.Millisecond

// askRoot asks a resolver for the name servers of the root, which each has at
// hand. What a resolver elsewhere answers doesn't matter.
func (w *witness) askRoot(ctx context.Context) error {
	conn, err := w.dialer("udp").DialContext(ctx, "udp", w.address)
	if err != nil {
		return plain(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var id [2]byte
	rand.Read(id[:])
	for {
		code, err := askOnce(conn, id)
		switch {
		case ctx.Err() != nil:
			return plain(ctx.Err())
		case os.IsTimeout(err):
			continue
		case err != nil:
			return plain(err)
		case w.near && code != 0:
			return fmt.Errorf("answers with code %d", code)
		}
		return nil
	}
}

// rootNS is what follows the ID in the question for the root's name servers:
// recursion desired, one question, the empty name, type NS, class IN (RFC 1035 §4).
const rootNS = "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"

// askOnce returns the response code of an answer to id.
func askOnce(conn net.Conn, id [2]byte) (code int, err error) {
	if _, err := conn.Write([]byte(string(id[:]) + rootNS)); err != nil {
		return 0, err
	}
	conn.SetReadDeadline(time.Now().Add(resend))
	buf := make([]byte, 512)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return 0, err
		}
		if n >= 12 && [2]byte(buf) == id && buf[2]&0x80 != 0 {
			return int(buf[3] & 0x0f), nil
		}
	}
}
