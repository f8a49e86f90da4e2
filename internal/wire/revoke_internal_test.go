package wire

import (
	"crypto/x509"
	"testing"

	"golang.org/x/crypto/ocsp"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// FuzzStaple feeds what a server may staple through reading it.
func FuzzStaple(f *testing.F) {
	ca := wiretest.NewCA(f)
	cert := ca.Issue(f, wiretest.Cert{})
	path := append([]*x509.Certificate{cert.Leaf}, served(f, ca.Root())...)
	good := ca.Staple(f, cert, ocsp.Response{Status: ocsp.Good})
	f.Add(good)
	f.Add(ca.Staple(f, cert, ocsp.Response{Status: ocsp.Revoked, RevokedAt: day0}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := readStaple(raw, path)
		if len(s.raw) > maxStaple || s.status == "" {
			t.Errorf("got %q from %d bytes", s.status, len(s.raw))
		}
	})
}
