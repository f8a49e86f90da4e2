package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/sonde-media/sonde/probes"
)

var handshaking = stage{probes.TLSTimeout, probes.TLSOther, probes.TLSOther}

// handshake makes a TLS connection of conn in a tls step of hop, and notes the
// served chain on it also when verification fails. It owns conn.
func (n *Net) handshake(ctx context.Context, hop *probes.Step, conn net.Conn, host string) (_ *tls.Conn, err error) {
	s := hop.Begin("tls")
	defer s.Done(&err)
	s.Set(probes.AttrServerAddress, host)
	c := tls.Client(conn, &tls.Config{
		ServerName: host,
		RootCAs:    n.o.Roots,
		NextProtos: []string{"h2", "http/1.1"},
	})
	if err := c.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, n.handshakeFailure(ctx, s, hop, host, err)
	}
	state := c.ConnectionState()
	s.Set(probes.AttrTLSVersion, versionText(state.Version))
	s.Set(probes.AttrTLSCipher, tls.CipherSuiteName(state.CipherSuite))
	s.Set(probes.AttrTLSNextProto, state.NegotiatedProtocol)
	noteChain(s, hop, state.PeerCertificates)
	for _, f := range chainFindings(state.PeerCertificates, host, time.Now()) {
		s.Find(f)
	}
	return c, nil
}

func versionText(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "1.3"
	case tls.VersionTLS12:
		return "1.2"
	}
	return tls.VersionName(v)
}

func (n *Net) handshakeFailure(ctx context.Context, s, hop *probes.Step, host string, err error) error {
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		noteChain(s, hop, v.UnverifiedCertificates)
		code, at := n.verdict(v, time.Now())
		s.Set(probes.AttrFault, fingerprint(at))
		if code == probes.TLSUntrusted {
			return probes.Fail(code, fmt.Errorf("no way from it to a trusted root: %s: %w", certText(at, time.Now()), v.Err))
		}
		if code == probes.TLSHostname {
			return probes.Fail(code, v.Err)
		}
		return probes.Fail(code, errors.New(certText(at, time.Now())))
	}
	if isAlert(err) {
		return probes.Fail(probes.TLSAlert, err)
	}
	return handshaking.failure(ctx, err)
}

// isAlert reports whether err is an alert the server sent; crypto/tls marks it
// by the operation alone.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// verdict says why the served chain was refused and which certificate is at
// fault, not always the leaf. An issuer is at fault where the chain would be
// good within that issuer's time; Go reports some such chains as an unknown
// authority, and some chains of unknown authorities as expired.
func (n *Net) verdict(v *tls.CertificateVerificationError, now time.Time) (probes.Code, *x509.Certificate) {
	chain := v.UnverifiedCertificates
	leaf := chain[0]
	if _, ok := errors.AsType[x509.HostnameError](v.Err); ok {
		return probes.TLSHostname, leaf
	}
	if code := outOfTime(leaf, now); code != "" {
		return code, leaf
	}
	suspects := slices.Clone(chain[1:min(len(chain), maxChain)])
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](v.Err); ok {
		suspects = append(suspects, invalid.Cert) // perhaps a root that isn't served
	}
	for _, c := range suspects {
		if code := outOfTime(c, now); code != "" && n.verifiesWithin(chain, c) {
			return code, c
		}
	}
	return probes.TLSUntrusted, leaf
}

func outOfTime(c *x509.Certificate, now time.Time) probes.Code {
	switch {
	case now.After(c.NotAfter):
		return probes.TLSExpired
	case now.Before(c.NotBefore):
		return probes.TLSNotYetValid
	}
	return ""
}

// verifiesWithin reports whether the chain leads through c to a trusted root,
// c's being valid apart: so that c's dates alone are what is wrong. c is
// judged at a moment of its own time, since a leaf may be younger than the
// issuer that a server still sends along.
func (n *Net) verifiesWithin(chain []*x509.Certificate, c *x509.Certificate) bool {
	begin := c.NotBefore
	for _, other := range chain[1:] {
		if other.NotBefore.After(begin) && other.NotBefore.Before(c.NotAfter) {
			begin = other.NotBefore
		}
	}
	pool := x509.NewCertPool()
	for _, other := range chain[1:] {
		pool.AddCert(other)
	}
	_, err := c.Verify(x509.VerifyOptions{
		Roots: n.o.Roots, Intermediates: pool, CurrentTime: begin,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil && signedBelow(chain, c)
}

// signedBelow reports whether signatures lead from the leaf of chain to c.
func signedBelow(chain []*x509.Certificate, c *x509.Certificate) bool {
	rest := append(slices.Clone(chain[1:min(len(chain), maxChain)]), c)
	for at := chain[0]; ; {
		if at.CheckSignatureFrom(c) == nil {
			return true
		}
		i := slices.IndexFunc(rest, func(other *x509.Certificate) bool { return at.CheckSignatureFrom(other) == nil })
		if i < 0 {
			return false
		}
		at, rest = rest[i], slices.Delete(rest, i, i+1)
	}
}
