package wiretest

import (
	"io"
	"log"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var quiet = log.New(io.Discard, "", 0)

// DNS serves zone on loopback, over UDP and TCP, until the test ends and returns
// its host:port. A name has a list of addresses; an empty list is NOERROR
// without an address, a name that isn't there NXDOMAIN. In place of an address
// may stand "CNAME name", "SERVFAIL", "CUT" for an answer that is whole only
// over TCP, "SILENT" for no answer at all, or "SILENT AAAA" for none to that
// question. Records live for a minute; "5 192.0.2.1" and "5 CNAME name" for
// five seconds.
func DNS(t testing.TB, zone map[string][]string) string {
	t.Helper()
	conn, l := listenBoth(t)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := reply(zone, q, w.RemoteAddr().Network() == "udp"); m != nil {
			w.WriteMsg(m)
		}
	})
	for _, s := range []*dns.Server{{PacketConn: conn}, {Listener: l}} {
		ready, done := make(chan struct{}), make(chan struct{})
		s.Handler, s.NotifyStartedFunc = handler, func() { close(ready) }
		go func() { defer close(done); s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() { s.Shutdown(); <-done })
	}
	return conn.LocalAddr().String()
}

// listenBoth finds a port that is free for UDP and TCP.
func listenBoth(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	var last error
	for range 10 {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", conn.LocalAddr().String())
		if err == nil {
			return conn, l
		}
		conn.Close()
		last = err
	}
	t.Fatal(last)
	return nil, nil
}

func reply(zone map[string][]string, q *dns.Msg, udp bool) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	name := strings.TrimSuffix(strings.ToLower(q.Question[0].Name), ".")
	for {
		records, ok := zone[name]
		if !ok {
			m.Rcode = dns.RcodeNameError
			return m
		}
		next := ""
		for _, r := range records {
			ttl, rest, timed := strings.Cut(r, " ")
			if _, err := strconv.Atoi(ttl); err == nil && timed {
				r = rest
			} else {
				ttl = "60"
			}
			target, alias := strings.CutPrefix(r, "CNAME ")
			switch {
			case r == "SILENT", r == "SILENT AAAA" && q.Question[0].Qtype == dns.TypeAAAA:
				return nil
			case r == "SERVFAIL":
				m.Rcode = dns.RcodeServerFailure
			case r == "CUT" && udp:
				m.Truncated = true
				return m
			case r == "CUT", r == "SILENT AAAA":
			case alias:
				next = target
				m.Answer = append(m.Answer, record(name+". "+ttl+" IN CNAME "+target+"."))
			case strings.Contains(r, ":") && q.Question[0].Qtype == dns.TypeAAAA:
				m.Answer = append(m.Answer, record(name+". "+ttl+" IN AAAA "+r))
			case !strings.Contains(r, ":") && q.Question[0].Qtype == dns.TypeA:
				m.Answer = append(m.Answer, record(name+". "+ttl+" IN A "+r))
			}
		}
		if next == "" {
			return m
		}
		name = next
	}
}

func record(text string) dns.RR {
	rr, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	return rr
}
