package wire

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/sonde-media/sonde/probes"
)

const (
	maxAddresses = 64 // of one name; more are not looked at
	maxCNAMEs    = 16
	dnsAttempts  = 2 // datagrams get lost; a second one is noted on the step
	dnsWait      = 5 * time.Second
	dnsUDPSize   = 1232 // RFC 9715
)

// ask6For is how long AAAA is waited for when A has been answered: some servers
// drop the question, and clients go on without (RFC 8305 §3).
const ask6For = 500 * time.Millisecond

// An answer is what the servers said to one question.
type answer struct {
	qtype    uint16
	id       uint16 // of the last message that asked
	addrs    []netip.Addr
	chain    []string // CNAME targets in order
	zone     string   // owner of the SOA in the authority section
	ttl      uint32   // the smallest of the answer's records
	rcode    int
	server   string // that answered; "": none has
	attempts int
	err      error // why the last attempt failed
	tried    bool  // a server was reached, or may have been
}

// query asks the servers in turn for name, as a stub resolver does (RFC 1035
// §4.2.1), all types over one socket: over UDP, and over TCP where the answer
// was cut.
func query(ctx context.Context, servers []string, name string, types []uint16) []*answer {
	answers := make([]*answer, len(types))
	for i, t := range types {
		answers[i] = &answer{qtype: t}
	}
	for range dnsAttempts {
		late := false
		for _, server := range servers {
			err := probes.Safely(func() error {
				return attempt(ctx, server, name, answers, wait(ctx, dnsAttempts*len(servers)))
			})
			if err == nil || suffice(answers) {
				return answers
			}
			for _, r := range pending(answers) {
				r.err, r.tried = err, r.tried || !isOwnFault(err)
			}
			late = late || isTimeout(err)
		}
		if ctx.Err() != nil || !late {
			break
		}
	}
	return answers
}

// isOwnFault reports whether err says that a name server, which is ours as the
// route to it is, isn't there at all.
func isOwnFault(err error) bool { return isRefused(err) || isUnreachable(err) || isNetworkDown(err) }

// wait shares the time left among n attempts.
func wait(ctx context.Context, n int) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return dnsWait
	}
	return min(dnsWait, time.Until(end)/time.Duration(n))
}

// pending are the questions without an answer.
func pending(answers []*answer) (list []*answer) {
	for _, r := range answers {
		if r.server == "" {
			list = append(list, r)
		}
	}
	return list
}

// suffice reports whether clients go on with answers: all of them, or the IPv4
// addresses alone.
func suffice(answers []*answer) bool {
	return len(pending(answers)) == 0 || answers[0].qtype == dns.TypeA && len(answers[0].addrs) > 0
}

// attempt puts all questions that are pending to one server.
func attempt(ctx context.Context, server, name string, answers []*answer, wait time.Duration) error {
	end := time.Now().Add(wait)
	d := net.Dialer{Deadline: end}
	conn, err := d.DialContext(ctx, "udp", server)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(end)
	t := talk{server: server, name: name, end: end, buf: make([]byte, dnsUDPSize)}
	t.m.SetQuestion(name, dns.TypeA)
	t.m.SetEdns0(dnsUDPSize, false)
	for _, r := range pending(answers) {
		if err := t.send(conn, r); err != nil {
			return err
		}
	}
	for !suffice(answers) {
		if err := t.receive(ctx, conn, answers); err != nil {
			return err
		}
	}
	if len(pending(answers)) > 0 {
		conn.SetReadDeadline(time.Now().Add(min(ask6For, time.Until(end))))
	}
	for len(pending(answers)) > 0 {
		if err := t.receive(ctx, conn, answers); err != nil {
			return err
		}
	}
	return nil
}

// A talk is with one server about one name.
type talk struct {
	server, name string
	end          time.Time
	m            dns.Msg // the question put last
	buf          []byte
}

func (t *talk) send(conn net.Conn, r *answer) error {
	r.attempts++
	r.id = dns.Id()
	t.m.Id, t.m.Question[0].Qtype = r.id, r.qtype
	packed, err := t.m.PackBuffer(t.buf)
	if err != nil {
		return err
	}
	_, err = conn.Write(packed)
	return err
}

// receive takes one message. What answers no question of ours is passed over,
// as who guesses must not be told apart from what is late.
func (t *talk) receive(ctx context.Context, conn net.Conn, answers []*answer) error {
	n, err := conn.Read(t.buf)
	if err != nil {
		return err
	}
	in := new(dns.Msg)
	err = in.Unpack(t.buf[:n])
	for _, r := range pending(answers) {
		switch {
		case !r.asked(in, t.name):
		case in.Truncated:
			return t.overTCP(ctx, r)
		case err != nil:
			return fmt.Errorf("an answer that can't be read: %w", err)
		default:
			r.read(in, t.server)
		}
	}
	return nil
}

// asked reports whether in answers r's question.
func (r *answer) asked(in *dns.Msg, name string) bool {
	if !in.Response || in.Id != r.id {
		return false
	}
	if len(in.Question) == 0 {
		return true // some errors don't repeat it
	}
	q := in.Question[0]
	return q.Qtype == r.qtype && strings.EqualFold(q.Name, name)
}

// overTCP puts r's question again where an answer is too large for UDP.
func (t *talk) overTCP(ctx context.Context, r *answer) error {
	c := dns.Client{Net: "tcp", Timeout: time.Until(t.end)}
	conn, err := c.DialContext(ctx, t.server)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // the library heeds no more than the deadline
	t.m.Id, t.m.Question[0].Qtype = r.id, r.qtype
	in, _, err := c.ExchangeWithConnContext(ctx, &t.m, conn)
	if err != nil {
		return err
	}
	r.read(in, t.server)
	return nil
}

// read takes what counts from a message.
func (r *answer) read(in *dns.Msg, server string) {
	r.rcode, r.server, r.err = in.Rcode, server, nil
	for i, rr := range in.Answer {
		if ttl := rr.Header().Ttl; i == 0 || ttl < r.ttl {
			r.ttl = ttl
		}
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
