package wire_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// A server that drops questions for AAAA delays a run a little and no more; a
// name of which nothing is known is waited for.
func TestSilentAboutAAAA(t *testing.T) {
	resolver := wiretest.DNS(t, map[string][]string{"half.test": {"127.0.0.1", "SILENT AAAA"}, "none.test": {"SILENT AAAA"}})
	n := newNet(t, wire.Options{Resolver: resolver})
	for host, want := range map[string]probes.Code{"half.test": probes.GuardAddress, "none.test": probes.DNSTimeout} {
		r := probes.Do(t.Context(), func(ctx context.Context, s *probes.Step, t probes.Target) error {
			_, err := n.Fetch(ctx, s, wire.Request{URL: t.URL, Keep: 1})
			return err
		}, probes.Target{URL: "http://" + host + "/", Timeout: 2 * time.Second})
		if r.Code != want {
			t.Errorf("%s: got %s: %s", host, r.Code, r.Detail)
		}
	}
}

// Who has an alias that leads nowhere exists: what doesn't is where it leads.
func TestAliasesThatLeadNowhere(t *testing.T) {
	resolver := wiretest.DNS(t, map[string][]string{
		"nx.test": {"CNAME gone.edge.test"}, "none.test": {"CNAME empty.test"}, "empty.test": {},
		"broken.test": {"CNAME fail.test"}, "fail.test": {"SERVFAIL"},
	})
	n := newNet(t, wire.Options{Resolver: resolver})
	for host, want := range map[string]string{
		"nx.test":     "gone.edge.test (by CNAME from nx.test) does not exist (NXDOMAIN from " + resolver + ")",
		"none.test":   "empty.test (by CNAME from none.test) has neither A nor AAAA (NOERROR from " + resolver + ")",
		"broken.test": "fail.test (by CNAME from broken.test): SERVFAIL from " + resolver,
	} {
		_, err := n.Fetch(t.Context(), probes.NewStep("run"), wire.Request{URL: "http://" + host + "/"})
		if got := probes.AsFailure(err); got == nil || got.Detail != want {
			t.Errorf("%s: got %v, want %s", host, err, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	zone := map[string][]string{
		"a.test": {"300 CNAME b.test"}, "b.test": {"20 CNAME c.test"}, "c.test": {"30 127.0.0.1", "30 ::1"},
		"cut.test": {"CUT", "127.0.0.1"}, "four.test": {"127.0.0.1"}, "six.test": {"::1"}, "none.test": {}, "broken.test": {"SERVFAIL"},
	}
	resolver := wiretest.DNS(t, zone)
	n := newNet(t, wire.Options{Resolver: resolver})
	for _, c := range []struct {
		host    string
		ip      int
		answers []string
		ttl     int
		code    probes.Code // guard_address where there were addresses
	}{
		{"a.test", 0, []string{"::1", "127.0.0.1"}, 20, probes.GuardAddress},
		{"a.test", 4, []string{"127.0.0.1"}, 20, probes.GuardAddress},
		{"A.Test", 6, []string{"::1"}, 20, probes.GuardAddress},
		{"cut.test", 0, []string{"127.0.0.1"}, 60, probes.GuardAddress},
		{"four.test", 6, nil, 0, probes.DNSNoAddress},
		{"six.test", 4, nil, 0, probes.DNSNoAddress},
		{"none.test", 0, nil, 0, probes.DNSNoAddress},
		{"gone.test", 4, nil, 0, probes.DNSNotFound},
		{"broken.test", 6, nil, 0, probes.DNSServer},
		{"192.0.2.1", 6, nil, 0, probes.DNSNoAddress},
		{"[2001:db8::1]", 4, nil, 0, probes.DNSNoAddress},
	} {
		r := fetchOnce(n.For(wire.Choices{IP: c.ip}), "http://"+c.host+"/")
		s := r.Root.Steps[0].Steps[0]
		answers, _ := s.Attrs[probes.AttrDNSAnswers].([]string)
		if r.Code != c.code || !slices.Equal(answers, c.answers) || s.Int(probes.AttrDNSTTL) != c.ttl {
			t.Errorf("%s, IPv%d: got %s, %v for %d s: %s", c.host, c.ip, r.Code, answers, s.Int(probes.AttrDNSTTL), r.Detail)
		}
		if server := s.Text(probes.AttrDNSServer); c.ttl > 0 && server != resolver {
			t.Errorf("%s: answered by %q", c.host, server)
		}
	}
}

// A name server of ours that isn't there says nothing of any target.
func TestNoNameServer(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	r := fetchOnce(newNet(t, wire.Options{Resolver: conn.LocalAddr().String()}), "http://h.test/")
	if r.Outcome != probes.Unknown || r.Code != probes.LocalNetwork || !strings.Contains(r.Detail, conn.LocalAddr().String()) {
		t.Errorf("got %s %s: %s", r.Outcome, r.Code, r.Detail)
	}
}

func TestSourceOfAnotherFamily(t *testing.T) {
	n := newNet(t, wire.Options{
		Sources: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, AllowPrivate: true,
		Resolver: wiretest.DNS(t, map[string][]string{"six.test": {"::1"}}),
	})
	for _, choice := range []string{"one", "all"} {
		r := fetchOnce(n.For(wire.Choices{Addresses: choice}), "http://six.test/")
		if r.Code != probes.LocalNetwork || !strings.Contains(r.Detail, "the source 127.0.0.1 is not") {
			t.Errorf("got %s: %s", r.Code, r.Detail)
		}
	}
}
