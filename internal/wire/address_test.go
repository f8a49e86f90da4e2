package wire_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// edges serves over TLS at several loopback addresses on one port, as the edges
// of a CDN do: a certificate each, none where nothing is to listen. It returns
// the port.
func edges(t *testing.T, ca *wiretest.CA, certs map[string]*wiretest.Cert) string {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) })
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(first.Addr().String())
	for addr, c := range certs {
		l := first
		if addr != "127.0.0.1" {
			if l, err = net.Listen("tcp", net.JoinHostPort(addr, port)); err != nil {
				t.Skip("only one loopback address here: ", err)
			}
		}
		s := httptest.NewUnstartedServer(handler)
		s.Listener.Close()
		s.Listener = l
		s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, *c)}}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
	}
	return port
}

func fetchOnce(n *wire.Net, rawURL string) *probes.Run {
	return probes.Do(context.Background(), func(ctx context.Context, s *probes.Step, t probes.Target) error {
		_, err := n.Fetch(ctx, s, wire.Request{URL: t.URL, Keep: 1})
		return err
	}, probes.Target{URL: rawURL, Timeout: 20 * time.Second})
}

// One bad edge of several shows, whatever is bad about it, and the run goes on
// over a good one.
func TestAllAddresses(t *testing.T) {
	ca := wiretest.NewCA(t)
	good, expired := &wiretest.Cert{Names: []string{"cdn.test"}}, &wiretest.Cert{Names: []string{"cdn.test"}, NotAfter: time.Now().Add(-time.Hour)}
	port := edges(t, ca, map[string]*wiretest.Cert{"127.0.0.1": good, "127.0.0.2": expired, "127.0.0.3": good})
	for _, c := range []struct {
		what  string
		addrs []string
		want  string
	}{
		{"the second and the fourth are bad", []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}, `
  hop
    dns
    connect
    tls
    connect
    tls !tls_expired ?address_failed
    connect
    tls
    connect !connect_refused ?address_failed
    request
    body
`},
		{"the first is bad", []string{"127.0.0.2", "127.0.0.3"}, `
  hop
    dns
    connect
    tls !tls_expired ?address_failed
    connect
    tls
    request
    body
`},
		{"all are bad", []string{"127.0.0.2", "127.0.0.4"}, `
  hop !tls_expired
    dns
    connect
    tls !tls_expired
    connect !connect_refused
`},
		{"there is but one", []string{"127.0.0.1"}, `
  hop
    dns
    connect
    tls
    request
    body
`},
	} {
		n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true, Resolver: wiretest.DNS(t, map[string][]string{"cdn.test": c.addrs})})
		r := fetchOnce(n.For(wire.Choices{Addresses: "all"}), "https://cdn.test:"+port+"/")
		_, got, _ := strings.Cut(wiretest.Outline(r.Root), "\n")
		if got != c.want[1:] {
			t.Errorf("%s: got\n%s(%s)", c.what, got, r.Detail)
		}
	}
}

// Each address is probed once a run; later hops go to the one that was good.
func TestAllAddressesOnceARun(t *testing.T) {
	ca := wiretest.NewCA(t)
	good, expired := &wiretest.Cert{Names: []string{"cdn.test"}}, &wiretest.Cert{Names: []string{"cdn.test"}, NotAfter: time.Now().Add(-time.Hour)}
	port := edges(t, ca, map[string]*wiretest.Cert{"127.0.0.1": good, "127.0.0.2": expired})
	zone := map[string][]string{"cdn.test": {"127.0.0.2", "127.0.0.1"}}
	n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true, Resolver: wiretest.DNS(t, zone)}).For(wire.Choices{Addresses: "all"})
	for range 2 {
		visit := n.Visit()
		for _, want := range []int{2, 1} {
			r := fetchOnce(visit, "https://cdn.test:"+port+"/")
			if got := strings.Count(wiretest.Outline(r.Root), "connect"); got != want || r.Code != "" {
				t.Errorf("got %d connections, %s, want %d", got, r.Code, want)
			}
		}
	}
}
