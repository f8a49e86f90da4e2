package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"

	"github.com/sonde-media/sonde/probes"
)

const (
	maxAddresses = 64 // of one name; more are not looked at
	maxCNAMEs    = 16
	dnsAttempts  = 2 // datagrams get lost; a second one is noted on the step
	dnsWait      = 5 * time.Second
	dnsUDPSize   = 1232 // RFC 9715
)

// ResolverAddress completes the address of a DNS server to host:port; the port
// is 53 where it is left out.
func ResolverAddress(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.Trim(addr, "[]"), "53"
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", err
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
		return "", fmt.Errorf("want HOST:PORT, got %q", addr)
	}
	return net.JoinHostPort(host, port), nil
}

var resolving = stage{probes.DNSTimeout, probes.DNSOther, probes.DNSOther}

// resolve returns the addresses of host, IPv6 first, in a dns step of parent.
// An address stands for itself, without a step.
func (n *Net) resolve(ctx context.Context, parent *probes.Step, host string) (_ []netip.Addr, err error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	s := parent.Begin("dns")
	defer s.Done(&err)
	s.Set(probes.AttrDNSQuestion, host)
	s.Set(probes.AttrServerAddress, host)

	addrs := n.local(ctx, host)
	if addrs == nil {
		if addrs, err = n.ask(ctx, s, host); err != nil {
			return nil, err
		}
	}
	s.Set(probes.AttrDNSAnswers, texts(addrs))
	return addrs, nil
}

// local answers for names that no server is asked for: localhost (RFC 6761)
// and, where the system's resolver is used, what its hosts file has.
func (n *Net) local(ctx context.Context, host string) []netip.Addr {
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	if n.o.Resolver != "" {
		return nil
	}
	// Go's resolver reads the hosts file first; without a network it reads
	// nothing else.
	offline := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("offline")
	}}
	addrs, err := offline.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return order(addrs)
}

// ask queries the servers for every name that the search list makes of host.
func (n *Net) ask(ctx context.Context, s *probes.Step, host string) (addrs []netip.Addr, err error) {
	if _, ok := dns.IsDomainName(host); !ok || len(host) > 253 {
		return nil, probes.Fail(probes.DNSNotFound, fmt.Errorf("%q is no domain name", host))
	}
	servers, names, err := n.servers(host)
	if err != nil {
		return nil, probes.Fail(probes.DNSOther, err)
	}
	for _, name := range names {
		addrs, err = lookup(ctx, s, servers, name)
		if err == nil || probes.AsFailure(err).Code != probes.DNSNotFound {
			break
		}
	}
	return addrs, err
}

func (n *Net) servers(host string) (servers, names []string, err error) {
	if n.o.Resolver != "" {
		return []string{n.o.Resolver}, []string{dns.Fqdn(host)}, nil
	}
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(conf.Servers) == 0 {
		return nil, nil, fmt.Errorf("no name server in /etc/resolv.conf; name one with --resolver (%v)", err)
	}
	for _, ip := range conf.Servers {
		servers = append(servers, net.JoinHostPort(ip, conf.Port))
	}
	return servers, conf.NameList(host), nil
}

// ask6For is how long AAAA is waited for when A has been answered: some servers
// drop the question, and clients go on without (RFC 8305 §3).
const ask6For = 500 * time.Millisecond

// both asks for A and AAAA at once.
func both(ctx context.Context, servers []string, name string) (a, aaaa answer) {
	ctx6, cancel := context.WithCancel(ctx)
	defer cancel()
	six := make(chan answer, 1)
	go func() { six <- query(ctx6, servers, name, dns.TypeAAAA) }()
	a = query(ctx, servers, name, dns.TypeA)
	if len(a.addrs) > 0 {
		defer time.AfterFunc(ask6For, cancel).Stop()
	}
	return a, <-six
}

// lookup makes one answer of A and AAAA.
func lookup(ctx context.Context, s *probes.Step, servers []string, name string) ([]netip.Addr, error) {
	a, aaaa := both(ctx, servers, name)

	s.Set(probes.AttrDNSServer, cmp.Or(a.server, aaaa.server))
	s.Set(probes.AttrDNSAttempts, max(a.attempts, aaaa.attempts))
	chain := a.chain
	if len(chain) == 0 {
		chain = aaaa.chain
	}
	s.Set(probes.AttrDNSChain, chain)
	if addrs := order(append(aaaa.addrs, a.addrs...)); len(addrs) > 0 {
		return addrs, nil
	}
	s.Set(probes.AttrFault, fault(chain, cmp.Or(a.zone, aaaa.zone), name))
	return nil, worse(ctx, name, a, aaaa)
}

// fault names what doesn't answer: the last alias, else the zone, else the
// name. Where a registry denies the name, its zone is no cause that two names
// could share, so it is the domain registered there, or no longer.
func fault(chain []string, zone, name string) string {
	name, zone = strings.TrimSuffix(name, "."), strings.TrimSuffix(zone, ".")
	suffix, _ := publicsuffix.PublicSuffix(name)
	switch {
	case len(chain) > 0:
		return chain[len(chain)-1]
	case zone != "" && dns.IsSubDomain(zone, name) && !dns.IsSubDomain(zone, suffix):
		return zone
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil && zone != "" {
		return domain
	}
	return name
}

// worse is the failure of two answers without an address.
func worse(ctx context.Context, name string, answers ...answer) error {
	name = strings.TrimSuffix(name, ".")
	for _, r := range answers {
		if r.err == nil && r.rcode == dns.RcodeNameError {
			return probes.Fail(probes.DNSNotFound, fmt.Errorf("%s does not exist (NXDOMAIN from %s)", name, r.server))
		}
	}
	for _, r := range answers {
		if r.err == nil && r.rcode != dns.RcodeSuccess {
			return probes.Fail(probes.DNSServer, fmt.Errorf("%s: %s from %s", name, dns.RcodeToString[r.rcode], r.server))
		}
	}
	for _, r := range answers {
		if r.err != nil {
			return resolving.failure(ctx, fmt.Errorf("ask for %s: %w", name, r.err))
		}
	}
	return probes.Fail(probes.DNSNoAddress, fmt.Errorf("%s has neither A nor AAAA (NOERROR from %s)", name, answers[0].server))
}

// An answer is what the servers said to one question.
type answer struct {
	addrs    []netip.Addr
	chain    []string // CNAME targets in order
	zone     string   // owner of the SOA in the authority section
	rcode    int
	server   string
	attempts int
	err      error // no server answered
}

// query asks the servers in turn, as a stub resolver does (RFC 1035 §4.2.1):
// over UDP, over TCP where the answer was cut.
func query(ctx context.Context, servers []string, name string, qtype uint16) (r answer) {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(dnsUDPSize, false)
	for range dnsAttempts {
		for _, server := range servers {
			r.attempts++
			in, err := exchangeDNS(ctx, m, server, wait(ctx, dnsAttempts*len(servers)))
			if err != nil {
				r.err = err
				continue
			}
			r.read(in)
			r.server, r.err = server, nil
			return r
		}
		if ctx.Err() != nil || !isTimeout(r.err) {
			break
		}
	}
	return r
}

// wait shares the time left among n attempts.
func wait(ctx context.Context, n int) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return dnsWait
	}
	return min(dnsWait, time.Until(end)/time.Duration(n))
}

// exchangeDNS asks one server. Where reading a stranger's answer panics that is
// an error, as it may be on a goroutine that nobody guards.
func exchangeDNS(ctx context.Context, m *dns.Msg, server string, wait time.Duration) (in *dns.Msg, err error) {
	err = probes.Safely(func() (err error) {
		in, err = exchangeOver(ctx, "udp", m, server, wait)
		if err == nil && in.Truncated {
			in, err = exchangeOver(ctx, "tcp", m, server, wait)
		}
		return err
	})
	return in, err
}

func exchangeOver(ctx context.Context, network string, m *dns.Msg, server string, wait time.Duration) (*dns.Msg, error) {
	c := dns.Client{Net: network, Timeout: wait, UDPSize: dnsUDPSize}
	conn, err := c.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // the library heeds no more than the deadline
	defer stop()
	in, _, err := c.ExchangeWithConnContext(ctx, m, conn)
	return in, err
}

// read takes what counts from a message.
func (r *answer) read(in *dns.Msg) {
	r.rcode = in.Rcode
	for _, rr := range in.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			r.add(netip.AddrFromSlice(rr.A))
		case *dns.AAAA:
			r.add(netip.AddrFromSlice(rr.AAAA))
		case *dns.CNAME:
			if len(r.chain) < maxCNAMEs {
				r.chain = append(r.chain, strings.TrimSuffix(rr.Target, "."))
			}
		}
	}
	for _, rr := range in.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			r.zone = soa.Hdr.Name
		}
	}
}

func (r *answer) add(a netip.Addr, ok bool) {
	if ok && len(r.addrs) < maxAddresses {
		r.addrs = append(r.addrs, a)
	}
}

// order puts IPv6 first, as clients do (RFC 6724), and unmaps.
func order(addrs []netip.Addr) []netip.Addr {
	var six, four []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	return append(six, four...)
}

func texts(addrs []netip.Addr) []string {
	list := make([]string, len(addrs))
	for i, a := range addrs {
		list[i] = a.String()
	}
	return list
}
