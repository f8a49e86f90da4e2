package drill

import (
	"context"
	"errors"
	"net"
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
	} else {
		n.answer(m.SetReply(q), q.Question[0])
	}
	rw.WriteMsg(m)
}

func (n *nameserver) answer(m *dns.Msg, q dns.Question) {
	name := strings.ToLower(q.Name)
	m.Authoritative = true
	if !dns.IsSubDomain("example.", name) {
		m.Authoritative, m.Rcode = false, dns.RcodeRefused
		return
	}
	host, known := hostOf(strings.TrimSuffix(name, "."))
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	if f, ok := n.world.fault(DNSAnswer, host, n.region); ok {
		m.Rcode = f.Value
	} else if known {
		m.Answer = n.records(host, q)
	}
	if denied := m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError; !denied {
		return
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{soa(name)}
	} else if c, ok := m.Answer[len(m.Answer)-1].(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
		m.Ns = []dns.RR{soa(c.Target)}
	}
}

// hostOf returns the host that a name or the alias of a host stands for.
func hostOf(name string) (host string, known bool) {
	for _, h := range hosts {
		if name == h || name == aliases[h] {
			return h, true
		}
	}
	return "", false
}

// records is the chain from the asked name to the addresses of host here. The
// world has IPv4 only: loopback has one IPv6 address.
func (n *nameserver) records(host string, q dns.Question) (rrs []dns.RR) {
	name := q.Name
	if alias, ok := aliases[host]; ok && strings.EqualFold(q.Name, host+".") {
		rrs = append(rrs, &dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: alias + "."})
		name = alias + "."
	}
	if q.Qtype != dns.TypeA {
		return rrs
	}
	for _, e := range n.world.edges {
		if e.host == host && e.region == n.region {
			rrs = append(rrs, &dns.A{Hdr: header(name, dns.TypeA), A: e.addr.AsSlice()})
		}
	}
	return rrs
}

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// soa says which zone denies: the two last labels of name.
func soa(name string) dns.RR {
	labels := dns.SplitDomainName(name)
	zone := dns.Fqdn(strings.Join(labels[max(0, len(labels)-2):], "."))
	return &dns.SOA{
		Hdr: header(zone, dns.TypeSOA), Ns: "ns." + zone, Mbox: "hostmaster." + zone,
		Serial: uint32(time.Now().Unix()), Refresh: 3600, Retry: 600, Expire: 86400, Minttl: ttl,
	}
}
