// Package wiretest makes what tests of probes need on loopback: a certificate
// authority, TLS servers, a DNS server, and a run as text.
package wiretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
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

	"golang.org/x/crypto/ocsp"

	"github.com/sonde-media/sonde/probes"
)

// A CA issues certificates for a test.
type CA struct {
	Pool *x509.CertPool // holds the root
	root *pair
}

type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// NewCA makes a root, of a year in the past and one ahead where like says
// nothing else. The first of like's names is what it is called.
func NewCA(t testing.TB, like ...Cert) *CA {
	t.Helper()
	c := append(like, Cert{})[0]
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-365 * 24 * time.Hour)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(365 * 24 * time.Hour)
	}
	root := issue(t, nil, authority("Test Root", c), newKey(t, c))
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	return &CA{Pool: pool, root: root}
}

// Root is the root's certificate in DER.
func (ca *CA) Root() []byte { return ca.root.cert.Raw }

// Cross is the certificate in DER that by issues for ca's root: the same name
// and key, with the times of c.
func (ca *CA) Cross(t testing.TB, by *CA, c Cert) []byte {
	t.Helper()
	return issue(t, by.root, authority(ca.root.cert.Subject.CommonName, c), ca.root.key).cert.Raw
}

// Staple is an OCSP response in DER about leaf, which ca issued itself. What
// answer leaves out of the serial number and the times is filled in. It is
// signed by ca, or by responder where one is given.
func (ca *CA) Staple(t testing.TB, leaf tls.Certificate, answer ocsp.Response, responder ...tls.Certificate) []byte {
	t.Helper()
	if answer.SerialNumber == nil {
		answer.SerialNumber = leaf.Leaf.SerialNumber
	}
	if answer.ThisUpdate.IsZero() {
		answer.ThisUpdate, answer.NextUpdate = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	}
	by, key := ca.root.cert, ca.root.key
	if len(responder) > 0 {
		by, key = responder[0].Leaf, responder[0].PrivateKey.(crypto.Signer)
		answer.Certificate = by
	}
	der, err := ocsp.CreateResponse(ca.root.cert, by, answer, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A Cert says what a certificate is to be; zero times are a month ago and a
// hundred days ahead.
type Cert struct {
	Names               []string // DNS names and addresses; none: localhost and 127.0.0.1
	NotBefore, NotAfter time.Time
	Curve               elliptic.Curve     // of its key; nil: P-256
	RSA                 int                // bits of an RSA key, in place of a curve's
	Usages              []x509.ExtKeyUsage // none: of a server
	Policy              []int              // OID of a policy it follows
	// Intermediate, where not nil, is issued between root and leaf, with these times.
	Intermediate *Cert
}

// Issue returns a leaf with its key, and the intermediate in its chain where
// one is asked for.
func (ca *CA) Issue(t testing.TB, c Cert) tls.Certificate {
	t.Helper()
	issuer, chain := ca.root, [][]byte{}
	if c.Intermediate != nil {
		issuer = issue(t, ca.root, authority("Test Intermediate", *c.Intermediate), newKey(t, *c.Intermediate))
		chain = append(chain, issuer.cert.Raw)
	}
	leaf := issue(t, issuer, c.leaf(), newKey(t, c))
	return tls.Certificate{Certificate: append([][]byte{leaf.cert.Raw}, chain...), PrivateKey: leaf.key, Leaf: leaf.cert}
}

// SelfSigned returns a leaf that nobody but itself signed.
func SelfSigned(t testing.TB, c Cert) tls.Certificate {
	t.Helper()
	leaf := issue(t, nil, c.leaf(), newKey(t, c))
	return tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key, Leaf: leaf.cert}
}

func authority(name string, c Cert) *x509.Certificate {
	if len(c.Names) > 0 {
		name = c.Names[0]
	}
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: begin(c), NotAfter: end(c),
	}
}

func (c Cert) leaf() *x509.Certificate {
	template := &x509.Certificate{
		NotBefore: begin(c), NotAfter: end(c),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: c.Usages,
	}
	if len(c.Usages) == 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if len(c.Policy) > 0 {
		oid := make([]uint64, len(c.Policy))
		for i, n := range c.Policy {
			oid[i] = uint64(n)
		}
		if p, err := x509.OIDFromInts(oid); err == nil {
			template.Policies = []x509.OID{p}
		}
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
	return template
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

func newKey(t testing.TB, c Cert) (key crypto.Signer) {
	t.Helper()
	var err error
	switch {
	case c.RSA > 0:
		key, err = rsa.GenerateKey(rand.Reader, c.RSA)
	case c.Curve != nil:
		key, err = ecdsa.GenerateKey(c.Curve, rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, issuer *pair, template *x509.Certificate, key crypto.Signer) *pair {
	t.Helper()
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
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
