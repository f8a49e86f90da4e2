// Package wiretest makes what tests of probes need on loopback: a certificate
// authority, TLS servers, a DNS server, and a run as text.
package wiretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A CA issues certificates for a test.
type CA struct {
	Pool *x509.CertPool // holds the root
	root *pair
}

type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a root.
func NewCA(t testing.TB) *CA {
	t.Helper()
	root := issue(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test Root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-365 * 24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
	})
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	return &CA{Pool: pool, root: root}
}

// Root is the root's certificate in DER.
func (ca *CA) Root() []byte { return ca.root.cert.Raw }

// A Cert says what a certificate is to be; zero times are a month ago and a
// hundred days ahead.
type Cert struct {
	Names               []string // DNS names and addresses; none: localhost and 127.0.0.1
	NotBefore, NotAfter time.Time
	// Intermediate, where not nil, is issued between root and leaf, with these times.
	Intermediate *Cert
}

// Issue returns a leaf with its key, and the intermediate in its chain where
// one is asked for.
func (ca *CA) Issue(t testing.TB, c Cert) tls.Certificate {
	t.Helper()
	issuer, chain := ca.root, [][]byte{}
	if c.Intermediate != nil {
		issuer = issue(t, ca.root, &x509.Certificate{
			Subject: pkix.Name{CommonName: "Test Intermediate"}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign, NotBefore: begin(*c.Intermediate), NotAfter: end(*c.Intermediate),
		})
		chain = append(chain, issuer.cert.Raw)
	}
	template := &x509.Certificate{
		NotBefore: begin(c), NotAfter: end(c),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	names := c.Names
	if len(names) == 0 {
		names = []string{"localhost", "127.0.0.1"}
	}
	template.Subject.CommonName = names[0]
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	leaf := issue(t, issuer, template)
	return tls.Certificate{Certificate: append([][]byte{leaf.cert.Raw}, chain...), PrivateKey: leaf.key, Leaf: leaf.cert}
}

func begin(c Cert) time.Time {
	if c.NotBefore.IsZero() {
		return time.Now().Add(-30 * 24 * time.Hour)
	}
	return c.NotBefore
}

func end(c Cert) time.Time {
	if c.NotAfter.IsZero() {
		return time.Now().Add(100 * 24 * time.Hour)
	}
	return c.NotAfter
}

func issue(t testing.TB, issuer *pair, template *x509.Certificate) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{cert, key}
}

// Server serves h over TLS with cert on a free port of 127.0.0.1, HTTP/2
// included, until the test ends; adapt may change its settings. What it logs of
// broken handshakes is dropped.
func Server(t testing.TB, cert tls.Certificate, h http.Handler, adapt ...func(*tls.Config)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, f := range adapt {
		f(s.TLS)
	}
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// At returns server's URL with host in place of its address, and path added.
func At(s *httptest.Server, host, path string) string {
	scheme, rest, _ := strings.Cut(s.URL, "://")
	_, port, err := net.SplitHostPort(rest)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s://%s:%s%s", scheme, host, port, path)
}

// Outline is a tree without times: a line a step, indented by its depth, with
// "!code" where it failed and "?code" for each finding.
func Outline(root *probes.Step) string {
	var b strings.Builder
	outline(&b, root, 0)
	return b.String()
}

func outline(b *strings.Builder, s *probes.Step, depth int) {
	b.WriteString(strings.Repeat("  ", depth) + s.Name)
	if s.Fail != nil {
		b.WriteString(" !" + string(s.Fail.Code))
	}
	for _, f := range s.Findings {
		b.WriteString(" ?" + string(f.Code))
	}
	b.WriteString("\n")
	for _, c := range s.Steps {
		outline(b, c, depth+1)
	}
}
