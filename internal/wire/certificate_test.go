package wire_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) })

// shake fetches from a server with cert and returns the tls step.
func shake(t *testing.T, o wire.Options, cert tls.Certificate, adapt ...func(*tls.Config)) (s *probes.Step, err error) {
	t.Helper()
	o.AllowPrivate = true
	return shakeOver(t, newNet(t, o), wiretest.Server(t, cert, hello, adapt...).URL)
}

func shakeOver(t *testing.T, n *wire.Net, url string) (*probes.Step, error) {
	t.Helper()
	root := probes.NewStep("root")
	_, err := n.Fetch(t.Context(), root, wire.Request{URL: url, Keep: 1})
	for s := range root.All() {
		if s.Name == "tls" {
			return s, err
		}
	}
	t.Fatal("no tls step")
	return nil, nil
}

func findings(s *probes.Step) (list []string) {
	for _, f := range s.Findings {
		list = append(list, fmt.Sprintf("%s %s at %s: %s", f.Severity, f.Code, f.Host, f.Detail))
	}
	return list
}

func texts(s *probes.Step, key string) string {
	list, _ := s.Attrs[key].([]string)
	return strings.Join(list, "|")
}

// All that a chain tells is on the tls step, as served and as verified.
func TestChainIsRecorded(t *testing.T) {
	ca := wiretest.NewCA(t)
	cert := ca.Issue(t, wiretest.Cert{RSA: 2048, Intermediate: &wiretest.Cert{}})
	for range 2 {
		s, err := shake(t, wire.Options{Roots: ca.Pool}, cert)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{
			probes.AttrTLSSubject: "CN=localhost|CN=Test Intermediate",
			probes.AttrTLSIssuer:  "CN=Test Intermediate|CN=Test Root",
			probes.AttrTLSSHA256:  hashOf(cert.Certificate[0]) + "|" + hashOf(cert.Certificate[1]),
			probes.AttrTLSKeys:    "RSA 2048|ECDSA P-256",
			probes.AttrTLSSigned:  "ECDSA-SHA256|ECDSA-SHA256",
			probes.AttrTLSPath:    "CN=localhost|CN=Test Intermediate|CN=Test Root",
			probes.AttrTLSPathSHA: hashOf(cert.Certificate[0]) + "|" + hashOf(cert.Certificate[1]) + "|" + hashOf(ca.Root()),
		} {
			if got := texts(s, key); got != want {
				t.Errorf("%s: got %s, want %s", key, got, want)
			}
		}
		if got := s.Text(probes.AttrTLSGroup); got != "X25519MLKEM768" {
			t.Errorf("the key exchange is %q", got)
		}
	}
}

func TestX25519Alone(t *testing.T) {
	ca := wiretest.NewCA(t)
	var offered []tls.CurveID
	server := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), hello, func(c *tls.Config) {
		c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			offered = h.SupportedCurves
			return nil, nil
		}
	})
	n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true}).For(wire.Choices{X25519: true})
	s, err := shakeOver(t, n, server.URL)
	if err != nil || s.Text(probes.AttrTLSGroup) != "x25519" || !slices.Equal(offered, []tls.CurveID{tls.X25519}) {
		t.Errorf("offered %v, agreed on %s: %v", offered, s.Text(probes.AttrTLSGroup), err)
	}
}

// Each handshake is a whole one: with a session resumed nothing would be
// verified.
func TestNoResumption(t *testing.T) {
	ca := wiretest.NewCA(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var shaken, resumed atomic.Int32
		server := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), hello, func(c *tls.Config) {
			c.MaxVersion = version
			c.VerifyConnection = func(state tls.ConnectionState) error {
				shaken.Add(1)
				if state.DidResume {
					resumed.Add(1)
				}
				return nil
			}
		})
		n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})
		for range 3 {
			if _, err := shakeOver(t, n, server.URL); err != nil {
				t.Fatal(err)
			}
		}
		if shaken.Load() != 3 || resumed.Load() != 0 {
			t.Errorf("%s: %d of %d were resumed", tls.VersionName(version), resumed.Load(), shaken.Load())
		}
	}
}

// A certificate that a server exchanges counts at once, on the address too.
func TestExchangedCertificate(t *testing.T) {
	ca := wiretest.NewCA(t)
	now := ca.Issue(t, wiretest.Cert{})
	server := wiretest.Server(t, now, hello, func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{now}}, nil
		}
	})
	n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})
	for _, c := range []struct {
		cert tls.Certificate
		want probes.Code
	}{
		{now, ""},
		{ca.Issue(t, wiretest.Cert{Names: []string{"localhost"}}), probes.TLSHostname},
		{now, ""},
		{ca.Issue(t, wiretest.Cert{NotAfter: time.Now().Add(-time.Minute)}), probes.TLSExpired},
		{wiretest.NewCA(t).Issue(t, wiretest.Cert{}), probes.TLSUntrusted},
		{now, ""},
	} {
		now = c.cert
		_, err := shakeOver(t, n, server.URL) // https://127.0.0.1:…
		if code := codeOf(err); code != c.want {
			t.Errorf("got %q, want %q: %v", code, c.want, err)
		}
	}
}

func codeOf(err error) probes.Code {
	if err == nil {
		return ""
	}
	return probes.AsFailure(err).Code
}

// Every certificate that ends soon is told, on the way to the root too.
func TestEndsSoon(t *testing.T) {
	ca := wiretest.NewCA(t, wiretest.Cert{Names: []string{"Old Root"}, NotAfter: at(6).Add(time.Hour)})
	cert := ca.Issue(t, wiretest.Cert{NotAfter: at(20).Add(time.Hour), Intermediate: &wiretest.Cert{NotAfter: at(2).Add(time.Hour)}})
	s, err := shake(t, wire.Options{Roots: ca.Pool}, cert)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"notice cert_expiring at 127.0.0.1: certificate of localhost by Test Intermediate expires in 20 days, on " + stampOf(cert.Certificate[0]) + " (threshold: 30 days)",
		"warning cert_expiring at 127.0.0.1: certificate of Test Intermediate by Old Root expires in 2 days, on " + stampOf(cert.Certificate[1]) + " (threshold: 3 days)",
		"notice cert_expiring at 127.0.0.1: certificate of Old Root by Old Root expires in 6 days, on " + stampOf(ca.Root()) + " (threshold: 7 days); it isn't served, but the chain leads over it",
	}
	if got := findings(s); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func stampOf(der []byte) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c.NotAfter.UTC().Format(time.RFC3339)
}

// As with AddTrust in 2020 and DST Root X3 in 2021: a cross-signed root that
// has expired is passed by, and those who know the old root alone are lost.
func TestExpiredCrossSignature(t *testing.T) {
	ca := wiretest.NewCA(t, wiretest.Cert{Names: []string{"New Root"}})
	old := wiretest.NewCA(t, wiretest.Cert{Names: []string{"Old Root"}, NotAfter: at(-2)})
	cert := ca.Issue(t, wiretest.Cert{Intermediate: &wiretest.Cert{}})
	cert.Certificate = append(cert.Certificate, ca.Cross(t, old, wiretest.Cert{NotBefore: at(-200), NotAfter: at(-2)}))
	o := wire.Options{Roots: ca.Pool, Stores: []wire.Store{{Name: "new", Roots: ca.Pool}, {Name: "old", Roots: old.Pool}, {Name: "other", Roots: wiretest.NewCA(t).Pool}}}
	s, err := shake(t, o, cert)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := texts(s, probes.AttrTLSStores), "new=ok|old=tls_expired|other=tls_untrusted"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := texts(s, probes.AttrTLSPath), "CN=localhost|CN=Test Intermediate|CN=New Root"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	end := stampOf(cert.Certificate[2])
	want := []string{
		"warning cert_chain_expired at 127.0.0.1: certificate of New Root by Old Root expired 2 days ago, on " + end + "; modern clients pass it by, strict ones (old OpenSSL, GnuTLS) refuse the chain",
		"warning cert_store at 127.0.0.1: clients with the roots old refuse it: tls_expired: certificate of New Root by Old Root expired 2 days ago, on " + end,
		"warning cert_store at 127.0.0.1: clients with the roots other refuse it: tls_untrusted: no way from it to a trusted root: the server sends no further intermediate for the certificate of New Root by Old Root: its issuer is neither served nor trusted",
	}
	if got := findings(s); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// Other stores have their verdict where the main one refuses, too.
func TestStoresOfRefused(t *testing.T) {
	ca, other := wiretest.NewCA(t), wiretest.NewCA(t)
	stores := []wire.Store{{Name: "a", Roots: ca.Pool}, {Name: "b", Roots: other.Pool}}
	for _, c := range []struct {
		name string
		cert tls.Certificate
		want string
	}{
		{"untrusted", other.Issue(t, wiretest.Cert{}), "a=tls_untrusted|b=ok"},
		{"expired", ca.Issue(t, wiretest.Cert{NotAfter: at(-1)}), "a=tls_expired|b=tls_expired"},
		{"another name", ca.Issue(t, wiretest.Cert{Names: []string{"other.example"}}), "a=tls_hostname|b=tls_hostname"},
	} {
		s, err := shake(t, wire.Options{Roots: ca.Pool, Stores: stores}, c.cert)
		if got := texts(s, probes.AttrTLSStores); err == nil || got != c.want {
			t.Errorf("%s: got %s, want %s, %v", c.name, got, c.want, err)
		}
	}
}

// A refusal says what to mend.
func TestRefusalTexts(t *testing.T) {
	ca, stranger := wiretest.NewCA(t), wiretest.NewCA(t)
	alone := ca.Issue(t, wiretest.Cert{Intermediate: &wiretest.Cert{}})
	alone.Certificate = alone.Certificate[:1]
	rooted := stranger.Issue(t, wiretest.Cert{Intermediate: &wiretest.Cert{}})
	rooted.Certificate = append(rooted.Certificate, stranger.Root())
	for _, c := range []struct {
		name  string
		cert  tls.Certificate
		adapt func(*tls.Config)
		code  probes.Code
		want  string
	}{
		{"self-signed", wiretest.SelfSigned(t, wiretest.Cert{}), nil, probes.TLSUntrusted, "certificate of localhost by localhost is self-signed"},
		{"no intermediate", alone, nil, probes.TLSUntrusted, "the server sends no intermediate for the certificate of localhost by Test Intermediate: its issuer is neither served nor trusted"},
		{"an unknown root", rooted, nil, probes.TLSUntrusted, "the served chain ends at the root Test Root, which isn't trusted"},
		{"not for servers", ca.Issue(t, wiretest.Cert{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), nil, probes.TLSUntrusted, "certificate specifies an incompatible key usage"},
		{"another name", ca.Issue(t, wiretest.Cert{Names: []string{"other.example"}}), nil, probes.TLSHostname, "cannot validate certificate for 127.0.0.1"},
		{"old versions alone", ca.Issue(t, wiretest.Cert{}), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, probes.TLSAlert, "the server speaks only versions before TLS 1.2"},
		{"no certificate of ours", ca.Issue(t, wiretest.Cert{}), func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }, probes.TLSAlert, "remote error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			adapt := func(*tls.Config) {}
			if c.adapt != nil {
				adapt = c.adapt
			}
			s, err := shake(t, wire.Options{Roots: ca.Pool}, c.cert, adapt)
			if codeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want %s: … %s", err, c.code, c.want)
			}
			if c.code == probes.TLSUntrusted && texts(s, probes.AttrTLSSHA256) == "" {
				t.Error("the chain isn't recorded")
			}
		})
	}
}

// A server that answers in an old version, whatever was offered, is told as
// one that alerts.
func TestOldServerHello(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 4<<10))
		conn.Write(append([]byte{22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, make([]byte, 36)...))
		conn.Read(make([]byte, 4<<10))
	}()
	_, err = shakeOver(t, newNet(t, wire.Options{AllowPrivate: true}), "https://"+l.Addr().String())
	l.Close()
	<-done
	if codeOf(err) != probes.TLSOther || !strings.Contains(err.Error(), "only versions before TLS 1.2") {
		t.Errorf("got %v", err)
	}
}

// What an authority says of a certificate counts where it can be believed.
func TestStaples(t *testing.T) {
	ca := wiretest.NewCA(t)
	cert := ca.Issue(t, wiretest.Cert{})
	other := ca.Issue(t, wiretest.Cert{})
	responder := ca.Issue(t, wiretest.Cert{Names: []string{"responder"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}})
	revoked := ocsp.Response{Status: ocsp.Revoked, RevokedAt: at(-3), RevocationReason: ocsp.KeyCompromise}
	past := revoked
	past.ThisUpdate, past.NextUpdate = at(-9), at(-2)
	endless := revoked
	endless.ThisUpdate = at(-8)
	for _, c := range []struct {
		name   string
		staple []byte
		want   string
	}{
		{"none", nil, ""},
		{"good", ca.Staple(t, cert, ocsp.Response{Status: ocsp.Good}), "good"},
		{"good by a responder", ca.Staple(t, cert, ocsp.Response{Status: ocsp.Good}, responder), "good"},
		{"unknown", ca.Staple(t, cert, ocsp.Response{Status: ocsp.Unknown}), "unknown"},
		{"revoked", ca.Staple(t, cert, revoked), "revoked"},
		{"revoked by a responder", ca.Staple(t, cert, revoked, responder), "revoked"},
		{"out of date", ca.Staple(t, cert, past), "unknown"},
		{"out of date without an end", ca.Staple(t, cert, endless), "unknown"},
		{"of another certificate", ca.Staple(t, other, revoked), "unknown"},
		{"by a stranger", wiretest.NewCA(t).Staple(t, cert, revoked), "unknown"},
		{"by itself", ca.Staple(t, cert, ocsp.Response{Status: ocsp.Good}, cert), "unknown"},
		{"garbage", []byte("no response"), "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stapled := cert
			stapled.OCSPStaple = c.staple
			server := wiretest.Server(t, stapled, hello)
			n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})
			for range 2 { // the second time where it is known
				s, err := shakeOver(t, n, server.URL)
				if got := s.Text(probes.AttrTLSStaple); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				want := probes.Code("")
				if c.want == "revoked" {
					want = probes.TLSRevoked
				}
				if codeOf(err) != want {
					t.Errorf("got %v, want %q", err, want)
				}
				if want != "" && (!strings.Contains(err.Error(), "a key that others know") || s.Text(probes.AttrFault) != hashOf(cert.Certificate[0])) {
					t.Errorf("got %v for %s", err, s.Text(probes.AttrFault))
				}
			}
		})
	}
}
