package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"

	"github.com/sonde-media/sonde/probes"
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
// An address stands for itself, without a step where nothing is wrong with it.
func (n *Net) resolve(ctx context.Context, parent *probes.Step, host string) (_ []netip.Addr, err error) {
	literal, notAddress := netip.ParseAddr(host)
	if notAddress == nil && n.wanted(literal) {
		return []netip.Addr{literal}, nil
	}
	s := parent.Begin("dns")
	defer s.Done(&err)
	s.Set(probes.AttrDNSQuestion, host)
	s.Set(probes.AttrServerAddress, host)
	if notAddress == nil {
		return nil, noAddress(host, "it is an address itself", n.types())
	}
	addrs, ok, err := n.local(host)
	switch {
	case err != nil:
		err = probes.Fail(probes.LocalResources, err)
	case !ok:
		addrs, err = n.ask(ctx, s, host)
	case len(addrs) == 0:
		err = noAddress(host, "by this machine's hosts", n.types())
	}
	if err != nil {
		return nil, err
	}
	s.Set(probes.AttrDNSAnswers, texts(addrs))
	return addrs, nil
}

// wanted reports whether the target's option ip leaves a.
func (n *Net) wanted(a netip.Addr) bool {
	return n.choice.IP == 0 || (n.choice.IP == 4) == a.Unmap().Is4()
}

// types are the records to ask for, A before AAAA.
func (n *Net) types() []uint16 {
	switch n.choice.IP {
	case 4:
		return []uint16{dns.TypeA}
	case 6:
		return []uint16{dns.TypeAAAA}
	}
	return []uint16{dns.TypeA, dns.TypeAAAA}
}

// local answers for names that no server is asked for: localhost (RFC 6761)
// and, where the system's resolver is used, what its hosts file has. A file that
// can't be read for want of files is no file without the name.
func (n *Net) local(host string) (addrs []netip.Addr, ok bool, err error) {
	name := plainName(host)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		if n.choice.IP == 6 {
			return []netip.Addr{netip.IPv6Loopback()}, true, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, true, nil
	}
	if n.o.Resolver != "" {
		return nil, false, nil
	}
	hosts, err := hostsFile.read()
	if isLocal(err) {
		return nil, false, err
	}
	all, ok := hosts[name]
	if err != nil || !ok {
		return nil, false, nil
	}
	all = slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return !n.wanted(a) })
	return order(all), true, nil
}

// ask queries the servers for every name that the search list makes of host.
func (n *Net) ask(ctx context.Context, s *probes.Step, host string) (addrs []netip.Addr, err error) {
	if _, ok := dns.IsDomainName(host); !ok || len(host) > 253 {
		return nil, probes.Fail(probes.DNSNotFound, fmt.Errorf("%q is no domain name", host))
	}
	servers, names, err := n.servers(host)
	if isLocal(err) {
		return nil, probes.Fail(probes.LocalResources, err)
	}
	if err != nil {
		return nil, probes.Fail(probes.LocalNetwork, err)
	}
	for _, name := range names {
		addrs, err = lookup(ctx, s, servers, name, n.types())
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
	conf, err := resolvConf.read()
	if err != nil {
		return nil, nil, fmt.Errorf("no name server in /etc/resolv.conf; name one with --resolver (%w)", err)
	}
	if len(conf.Servers) == 0 {
		return nil, nil, errors.New("no name server in /etc/resolv.conf; name one with --resolver")
	}
	for _, ip := range conf.Servers {
		servers = append(servers, net.JoinHostPort(ip, conf.Port))
	}
	return servers, conf.NameList(host), nil
}

// lookup makes one answer of those for all types.
func lookup(ctx context.Context, s *probes.Step, servers []string, name string, types []uint16) ([]netip.Addr, error) {
	var addrs []netip.Addr
	var chain []string
	var zone, server string
	attempts := 0
	answers := query(ctx, servers, name, types)
	for _, r := range answers {
		addrs = append(addrs, r.addrs...)
		server, zone, attempts = cmp.Or(server, r.server), cmp.Or(zone, r.zone), max(attempts, r.attempts)
		if len(chain) == 0 {
			chain = r.chain
		}
	}
	s.Set(probes.AttrDNSServer, server)
	s.Set(probes.AttrDNSAttempts, attempts)
	s.Set(probes.AttrDNSChain, chain)
	if len(addrs) > 0 {
		s.Set(probes.AttrDNSTTL, ttl(answers))
		return order(addrs), nil
	}
	s.Set(probes.AttrFault, fault(chain, zone, name))
	return nil, worse(ctx, name, servers, answers)
}

// ttl is for how many seconds the answers with addresses hold.
func ttl(answers []*answer) int {
	least := -1
	for _, r := range answers {
		if len(r.addrs) > 0 && (least < 0 || int(r.ttl) < least) {
			least = int(r.ttl)
		}
	}
	return least
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

// worse is the failure of answers without an address. That no name server is
// there at all is our own failure: nothing has been learnt of the target.
func worse(ctx context.Context, name string, servers []string, answers []*answer) error {
	name = strings.TrimSuffix(name, ".")
	for _, r := range answers {
		if r.server != "" && r.rcode == dns.RcodeNameError {
			return probes.Fail(probes.DNSNotFound, fmt.Errorf("%s does not exist (NXDOMAIN from %s)", r.led(name), r.server))
		}
	}
	for _, r := range answers {
		if r.server != "" && r.rcode != dns.RcodeSuccess {
			return probes.Fail(probes.DNSServer, fmt.Errorf("%s: %s from %s", r.led(name), dns.RcodeToString[r.rcode], r.server))
		}
	}
	for _, r := range answers {
		if r.server == "" && !r.tried && ctx.Err() == nil {
			return probes.Fail(probes.LocalNetwork, fmt.Errorf("no name server of this machine can be asked (%s): %w", strings.Join(servers, ", "), r.err))
		}
		if r.server == "" {
			return resolving.failure(ctx, fmt.Errorf("ask for %s: %w", name, r.err))
		}
	}
	types := make([]uint16, len(answers))
	for i, r := range answers {
		types[i] = r.qtype
	}
	return noAddress(answers[0].led(name), "NOERROR from "+answers[0].server, types)
}

// led is what r says of who asked for name: of the last of its aliases, where
// it has any (RFC 6604 §2.1).
func (r *answer) led(name string) string {
	end := len(r.chain) - 1
	switch {
	case end < 0:
		return name
	case slices.Contains(r.chain, name):
		return name + " (whose CNAMEs lead in a circle)"
	}
	return fmt.Sprintf("%s (by CNAME from %s)", r.chain[end], name)
}

// noAddress says that name has no record of types.
func noAddress(name, why string, types []uint16) error {
	text := fmt.Errorf("%s has neither A nor AAAA (%s)", name, why)
	if len(types) == 1 {
		text = fmt.Errorf("%s has no %s (%s); the target's option ip leaves no other", name, dns.TypeToString[types[0]], why)
	}
	return probes.Fail(probes.DNSNoAddress, text)
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
