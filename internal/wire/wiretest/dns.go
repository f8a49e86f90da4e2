package wiretest

import (
	"io"
	"log"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var quiet = log.New(io.Discard, "", 0)

// DNS serves zone on loopback until the test ends and returns its host:port.
// A name has a list of addresses; an empty list is NOERROR without an address,
// a name that isn't there NXDOMAIN. In place of an address may stand "CNAME
// name", "SERVFAIL", or "SILENT" for no answer at all,
// or "SILENT AAAA" for none to that question.
func DNS(t testing.TB, zone map[string][]string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	s := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(ready) }}
	s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := reply(zone, q); m != nil {
			w.WriteMsg(m)
		}
	})
	done := make(chan struct{})
	go func() { defer close(done); s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { s.Shutdown(); <-done })
	return conn.LocalAddr().String()
}

func reply(zone map[string][]string, q *dns.Msg) *dns.Msg {
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
			target, alias := strings.CutPrefix(r, "CNAME ")
			switch {
			case r == "SILENT", r == "SILENT AAAA" && q.Question[0].Qtype == dns.TypeAAAA:
				return nil
			case r == "SERVFAIL":
				m.Rcode = dns.RcodeServerFailure
			case alias:
				next = target
				m.Answer = append(m.Answer, record(name+". 60 IN CNAME "+target+"."))
			case strings.Contains(r, ":") && q.Question[0].Qtype == dns.TypeAAAA:
				m.Answer = append(m.Answer, record(name+". 60 IN AAAA "+r))
			case r == "SILENT AAAA":
			case !strings.Contains(r, ":") && q.Question[0].Qtype == dns.TypeA:
				m.Answer = append(m.Answer, record(name+". 60 IN A "+r))
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
