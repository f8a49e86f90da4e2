package wire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// What servers may do to who asks them: each ends with a code and in bounds.
func TestHostileServers(t *testing.T) {
	var member bytes.Buffer
	if err := gzip.NewWriter(&member).Close(); err != nil {
		t.Fatal(err)
	}
	members := bytes.Repeat(member.Bytes(), 1000)
	mux := http.NewServeMux()
	mux.HandleFunc("/members", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		for r.Context().Err() == nil {
			w.Write(members)
		}
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 300<<10))
		w.Write([]byte("x"))
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<10))
		for r.Context().Err() == nil {
			w.WriteHeader(http.StatusEarlyHints)
		}
	})
	mux.HandleFunc("/far", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/"+strings.Repeat("x", 100<<10)+"?token=hush")
		w.WriteHeader(http.StatusFound)
	})
	ca := wiretest.NewCA(t)
	for _, version := range []string{"http/1.1", "h2"} {
		s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), mux, func(c *tls.Config) { c.NextProtos = []string{version} })
		n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})
		for path, code := range map[string][]probes.Code{
			"/members": {probes.BodyOther},
			"/header":  {probes.HTTPOther, probes.HTTPReset},
			"/hints":   {probes.HTTPOther, probes.HTTPReset},
			"/far":     {probes.RedirectLocation},
		} {
			root := probes.NewStep("root")
			_, err := n.Fetch(t.Context(), root, wire.Request{URL: s.URL + path, Keep: 1000})
			if f := probes.AsFailure(cmpErr(err)); !slices.Contains(code, f.Code) || len(f.Detail) > 1000 || strings.Contains(f.Detail, "hush") {
				t.Errorf("%s over %s: got %s, %.300s", path, version, f.Code, f.Detail)
			}
		}
	}
}

func TestLongChain(t *testing.T) {
	ca := wiretest.NewCA(t)
	cert := ca.Issue(t, wiretest.Cert{Intermediate: &wiretest.Cert{NotAfter: time.Now().Add(24 * time.Hour)}})
	for len(cert.Certificate) < 200 {
		cert.Certificate = append(cert.Certificate, cert.Certificate[1])
	}
	s := wiretest.Server(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) }))
	root := probes.NewStep("root")
	if _, err := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true}).Fetch(t.Context(), root, wire.Request{URL: s.URL, Keep: 1}); err != nil {
		t.Fatal(err)
	}
	findings := 0
	for s := range root.All() {
		findings += len(s.Findings)
	}
	if findings == 0 || findings > 16 {
		t.Errorf("got %d findings", findings)
	}
}

// Errors of net/url quote the URL, which may hold a password.
func TestBadURLsTellNoSecret(t *testing.T) {
	n := newNet(t, wire.Options{})
	for _, raw := range []string{"http://me:hush@h.example:x/", "http://me:hu/hush@h.example/", "http://h.example/%zz?hush", "http://me:%zzhush@h.example/", "hush://h.example", " http://h.example:hush@/"} {
		_, err := n.Fetch(t.Context(), probes.NewStep("root"), wire.Request{URL: raw, Keep: 1})
		if err == nil || strings.Contains(err.Error(), "hush") && !strings.HasPrefix(raw, "hush:") {
			t.Errorf("%s: got %v", raw, err)
		}
	}
}

// Who stops waits for no name server.
func TestCancelWhileResolving(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		conn.ReadFrom(make([]byte, 512))
		cancel()
	}()
	begin := time.Now()
	_, err = newNet(t, wire.Options{Resolver: conn.LocalAddr().String()}).Fetch(ctx, probes.NewStep("root"), wire.Request{URL: "http://h.example/", Keep: 1})
	if f := probes.AsFailure(cmpErr(err)); f.Code != probes.Canceled {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 3*time.Second { // the library would wait for five
		t.Errorf("it took %v", took)
	}
	<-asked
}

// Addresses of a name are looked at one by one: a public one among private
// ones doesn't open the way to these, whatever form they have.
func TestGuardOfEveryAddress(t *testing.T) {
	served := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }))
	defer s.Close()
	zone := map[string][]string{
		"a.example": {"127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254"},
		"b.example": {"CNAME localhost"}, "localhost": {"127.0.0.1"},
	}
	n := newNet(t, wire.Options{Resolver: wiretest.DNS(t, zone)})
	for _, host := range []string{"a.example", "A.EXAMPLE", "a.example.", "b.example", "localhost", "LocalHost.", "x.localhost", "127.0.0.1", "[::1]", "[::ffff:7f00:1]", "[::ffff:127.0.0.1%25lo]", "[::1%25lo]", "１２７.0.0.1"} {
		_, err := n.Fetch(t.Context(), probes.NewStep("root"), wire.Request{URL: wiretest.At(s, host, "/"), Keep: 1})
		if f := probes.AsFailure(cmpErr(err)); f.Code != probes.GuardAddress {
			t.Errorf("%s: got %v", host, err)
		}
	}
	if served {
		t.Error("it was gone to")
	}
}
