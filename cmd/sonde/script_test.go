package main

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sonde": main})
}

// TestScript tells the stories in testdata/script, each in a world of its own:
// $RESOLVER knows www.sonde.test alone, $PORT and $TLSPORT are served there,
// with a certificate for example.com that $WORK/ca.pem makes trusted.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			plain := httptest.NewServer(http.HandlerFunc(serveSite))
			secure := httptest.NewTLSServer(http.HandlerFunc(serveSite))
			resolver := serveNames(t)
			env.Defer(plain.Close)
			env.Defer(secure.Close)
			env.Setenv("PORT", portOf(plain.Listener.Addr()))
			env.Setenv("TLSPORT", portOf(secure.Listener.Addr()))
			env.Setenv("RESOLVER", resolver)
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
			return os.WriteFile(filepath.Join(env.WorkDir, "ca.pem"), ca, 0o600)
		},
	})
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// serveSite has a page with a stylesheet that can be had, one with a
// stylesheet that can't, and a feed without items.
func serveSite(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><title>Shop</title><link rel="stylesheet" href="/ok.css"><p>Hello`)
	case "/unstyled":
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><title>Shop</title><link rel="stylesheet" href="/gone.css"><p>Hello`)
	case "/ok.css":
		w.Header().Set("Content-Type", "text/css")
		io.WriteString(w, "p { color: green }")
	case "/feed":
		w.Header().Set("Content-Type", "application/rss+xml")
		io.WriteString(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>Show</title></channel></rss>`)
	default:
		http.NotFound(w, r)
	}
}

// serveNames runs a DNS server on loopback until the test ends.
func serveNames(t *testing.T) (addr string) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(answerName)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-served
	})
	return conn.LocalAddr().String()
}

func answerName(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	name := strings.ToLower(q.Question[0].Name)
	switch {
	case name != "www.sonde.test." && name != "example.com.":
		m.Rcode = dns.RcodeNameError
	case q.Question[0].Qtype == dns.TypeA:
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
			A:   net.IPv4(127, 0, 0, 1),
		}}
	}
	w.WriteMsg(m)
}
