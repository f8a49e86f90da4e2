package drill

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// ttl of all records, in seconds: short, so that a mended fault is seen.
const ttl = 5

// A nameserver answers for the world's names as one region sees them.
type nameserver struct {
	world  *World
	region string
	udp    net.PacketConn
	tcp    net.Listener
}

// newNameserver binds UDP and TCP at one free port.
func newNameserver(w *World, region string) (*nameserver, error) {
	for tries := 20; ; tries-- {
		udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		tcp, err := net.Listen("tcp4", udp.LocalAddr().String())
		if err == nil {
			return &nameserver{w, region, udp, tcp}, nil
		}
		udp.Close()
		if tries == 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
}

func (n *nameserver) addr() string { return n.udp.LocalAddr().String() }

func (n *nameserver) close() {
	n.udp.Close()
	n.tcp.Close()
}

// run serves until ctx is done.
func (n *nameserver) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range []*dns.Server{{PacketConn: n.udp}, {Listener: n.tcp}} {
		started := make(chan struct{})
		s.Handler = n
		s.NotifyStartedFunc = func() { close(started) }
		g.Go(s.ActivateAndServe)
		g.Go(func() error {
			<-ctx.Done()
			<-started // a server that has not started can't be shut down
			return s.Shutdown()
		})
	}
	return g.Wait()
}

// ServeDNS implements [dns.Handler].
func (n *nameserver) ServeDNS(rw dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	if len(q.Question) != 1 {
		m.SetRcode(q, dns.RcodeFormatError)
	} else if !n.answer(m.SetReply(q), q.Question[0]) {
		return
	}
	rw.WriteMsg(m)
}

// answer fills m in; false is to say nothing.
func (n *nameserver) answer(m *dns.Msg, q dns.Question) bool {
	name := strings.TrimSuffix(strings.ToLower(q.Name), ".")
	m.Authoritative = true
	if !dns.IsSubDomain("example.", q.Name) {
		m.Authoritative, m.Rcode = false, dns.RcodeRefused
		return true
	}
	host, known := n.hostOf(name)
	if !known {
		m.Rcode = dns.RcodeNameError
		m.Ns = []dns.RR{soa(registrable(name))}
		return true
	}
	place := edge{host: host, region: n.region}
	if _, silent := n.world.fault(DNSSilent, place); silent {
		return false
	}
	f, broken := n.world.fault(DNSAnswer, place)
	switch {
	case broken && f.Alias != "": // the alias is told, what it leads to isn't
		m.Rcode, m.Answer = f.Value, n.alias(host, q)
	case broken:
		m.Rcode = f.Value
	default:
		m.Answer = append(n.alias(host, q), n.addresses(host, q)...)
	}
	n.deny(m, host, q)
	return true
}

// deny adds to an answer without addresses which zone it is from.
func (n *nameserver) deny(m *dns.Msg, h Host, q dns.Question) {
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{soa(cmp.Or(h.Zone, registrable(h.Name)))}
	} else if c, ok := m.Answer[len(m.Answer)-1].(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
		m.Ns = []dns.RR{soa(registrable(strings.TrimSuffix(c.Target, ".")))}
	}
}

// hostOf returns the host that a name or the alias of a host stands for.
func (n *nameserver) hostOf(name string) (Host, bool) {
	hosts := n.world.scenario.Hosts
	i := slices.IndexFunc(hosts, func(h Host) bool { return name == h.Name || name == h.Alias })
	if i < 0 {
		return Host{}, false
	}
	return hosts[i], true
}

// alias is the CNAME of host, where that was asked for.
func (n *nameserver) alias(h Host, q dns.Question) []dns.RR {
	if h.Alias == "" || !strings.EqualFold(q.Name, h.Name+".") {
		return nil
	}
	return []dns.RR{&dns.CNAME{Hdr: header(q.Name, dns.TypeCNAME), Target: h.Alias + "."}}
}

// addresses are those of host here.
func (n *nameserver) addresses(h Host, q dns.Question) (rrs []dns.RR) {
	name := q.Name
	if h.Alias != "" {
		name = h.Alias + "."
	}
	if q.Qtype == dns.TypeAAAA && h.IPv6 {
		return []dns.RR{&dns.AAAA{Hdr: header(name, dns.TypeAAAA), AAAA: net.IPv6loopback}}
	}
	if q.Qtype != dns.TypeA {
		return nil
	}
	for _, e := range n.world.edgesOf(h, n.region) {
		rrs = append(rrs, &dns.A{Hdr: header(name, dns.TypeA), A: e.addr.AsSlice()})
	}
	return rrs
}

// edgesOf returns the edges of a host in a region, in their order.
func (w *World) edgesOf(h Host, region string) (list []edge) {
	for _, e := range w.edges {
		if e.host.Name == h.Name && e.region == region {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b edge) int { return a.number - b.number })
	return list
}

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// soa says which zone denies.
func soa(zone string) dns.RR {
	zone = dns.Fqdn(zone)
	return &dns.SOA{
		Hdr: header(zone, dns.TypeSOA), Ns: "ns." + zone, Mbox: "hostmaster." + zone,
		Serial: uint32(time.Now().Unix()), Refresh: 3600, Retry: 600, Expire: 86400, Minttl: ttl,
	}
}
