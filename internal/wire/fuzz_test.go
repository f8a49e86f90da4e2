package wire

import (
	"testing"

	"github.com/miekg/dns"
)

// FuzzAnswer feeds what a name server may send through reading it.
func FuzzAnswer(f *testing.F) {
	m := new(dns.Msg).SetQuestion("h.example.", dns.TypeA)
	m.Response = true
	for _, text := range []string{"h.example. 1 IN CNAME c.example.", "c.example. 1 IN A 192.0.2.1", "c.example. 1 IN AAAA 2001:db8::1"} {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	packed, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, packet []byte) {
		in := new(dns.Msg)
		if in.Unpack(packet) != nil {
			return
		}
		var r answer
		r.read(in, "server")
		if len(r.addrs) > maxAddresses || len(r.chain) > maxCNAMEs {
			t.Errorf("got %d addresses, %d names", len(r.addrs), len(r.chain))
		}
		for _, a := range order(r.addrs) {
			if !a.IsValid() || a.Is4In6() {
				t.Errorf("got %v", a)
			}
			_ = guard(a)
		}
	})
}
