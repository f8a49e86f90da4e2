package wire_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// at is a moment so many days from now.
func at(days int) time.Time { return time.Now().AddDate(0, 0, days) }

func hashOf(der []byte) string { return fmt.Sprintf("%X", sha256.Sum256(der)) }

// The certificate at fault is the one whose dates are wrong, wherever it
// stands in the chain.
func TestCertificateAtFault(t *testing.T) {
	ca, stranger := wiretest.NewCA(t), wiretest.NewCA(t)
	for _, c := range []struct {
		name  string
		by    *wiretest.CA
		cert  wiretest.Cert
		code  probes.Code
		fault int // its place in the served chain
	}{
		{"leaf expired", ca, wiretest.Cert{NotAfter: at(-1)}, probes.TLSExpired, 0},
		{"leaf not yet valid", ca, wiretest.Cert{NotBefore: at(1)}, probes.TLSNotYetValid, 0},
		{"another name", ca, wiretest.Cert{Names: []string{"other.example"}}, probes.TLSHostname, 0},
		{"unknown authority", stranger, wiretest.Cert{}, probes.TLSUntrusted, 0},
		{"issuer expired", ca, wiretest.Cert{Intermediate: &wiretest.Cert{NotAfter: at(-1)}}, probes.TLSExpired, 1},
		{"issuer expired before the leaf began", ca, wiretest.Cert{
			NotBefore: at(-5), Intermediate: &wiretest.Cert{NotBefore: at(-90), NotAfter: at(-10)},
		}, probes.TLSExpired, 1},
		{"issuer not yet valid", ca, wiretest.Cert{Intermediate: &wiretest.Cert{NotBefore: at(1)}}, probes.TLSNotYetValid, 1},
		{"expired issuer of an unknown authority", stranger, wiretest.Cert{
			Intermediate: &wiretest.Cert{NotAfter: at(-1)},
		}, probes.TLSUntrusted, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert := c.by.Issue(t, c.cert)
			run := handshakeWith(t, ca.Pool, cert)
			v := probes.Judge(run)
			if want := hashOf(cert.Certificate[c.fault]); v.Code != c.code || v.Cause != want {
				t.Errorf("got %s for %s, want %s for %s\n%s", v.Code, v.Cause, c.code, want, v.Detail)
			}
		})
	}
}

// An expired certificate that has nothing to do with the leaf is not at fault.
func TestStrangerInChainIsNotAtFault(t *testing.T) {
	ca, stranger := wiretest.NewCA(t), wiretest.NewCA(t)
	cert := stranger.Issue(t, wiretest.Cert{})
	old := ca.Issue(t, wiretest.Cert{Intermediate: &wiretest.Cert{NotAfter: at(-1)}})
	cert.Certificate = append(cert.Certificate, old.Certificate[1])
	if v := probes.Judge(handshakeWith(t, ca.Pool, cert)); v.Code != probes.TLSUntrusted {
		t.Errorf("got %s: %s", v.Code, v.Detail)
	}
}

func handshakeWith(t *testing.T, roots *x509.CertPool, cert tls.Certificate) *probes.Step {
	t.Helper()
	s := wiretest.Server(t, cert, http.NotFoundHandler())
	n := newNet(t, wire.Options{Roots: roots, AllowPrivate: true})
	root := probes.NewStep("root")
	_, err := n.Fetch(t.Context(), root, wire.Request{URL: s.URL, Keep: 1})
	root.Done(&err)
	return root
}
