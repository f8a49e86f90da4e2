package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
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
	j := judge{by: n.trust, host: host, now: n.Now()}
	c := tls.Client(conn, n.tlsConfig(&j))
	if err := c.HandshakeContext(ctx); err != nil {
		conn.Close()
		s.Set(probes.AttrTLSStaple, j.revocation)
		return nil, n.handshakeFailure(ctx, s, hop, err)
	}
	state := c.ConnectionState()
	s.Set(probes.AttrTLSVersion, versionText(state.Version))
	s.Set(probes.AttrTLSCipher, cipherText(state.CipherSuite))
	s.Set(probes.AttrTLSGroup, groupText(state.CurveID))
	s.Set(probes.AttrTLSNextProto, state.NegotiatedProtocol)
	s.Set(probes.AttrTLSStaple, j.revocation)
	j.chain.facts.note(s, hop)
	for _, f := range j.chain.findings(host, j.now) {
		s.Find(f)
	}
	return c, nil
}

var (
	protocols  = []string{"h2", "http/1.1"}
	x25519Only = []tls.CurveID{tls.X25519}
)

// tlsConfig is what a handshake needs. It verifies by j in place of crypto/tls,
// which would do so anew each time; there is no session cache, so that each
// handshake is a whole one and no resumption comes past j.
func (n *Net) tlsConfig(j *judge) *tls.Config {
	c := &tls.Config{
		ServerName: j.host, NextProtos: protocols, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, VerifyConnection: j.verify, // #nosec G402: j.verify is stricter
	}
	if n.choice.X25519 {
		c.CurvePreferences = x25519Only
	}
	return c
}

// A judge verifies one handshake.
type judge struct {
	by         *verifier
	host       string
	now        time.Time // when the handshake began
	chain      *chain
	revocation string // by the stapled response; "" where there was none
}

// verify fails with a [*tls.CertificateVerificationError], as crypto/tls does.
func (j *judge) verify(state tls.ConnectionState) (err error) {
	served := state.PeerCertificates
	if len(served) == 0 {
		return errors.New("the server sent no certificate")
	}
	j.chain, err = j.by.verify(served, j.host, j.now)
	if err == nil {
		j.revocation, err = j.chain.revocation(state.OCSPResponse, j.now)
	}
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: served, Err: err}
	}
	return nil
}

// cipherTexts name all cipher suites: crypto/tls makes the whole list anew to
// name one.
var cipherTexts = sync.OnceValue(func() map[uint16]string {
	texts := map[uint16]string{}
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		texts[c.ID] = c.Name
	}
	return texts
})

func cipherText(id uint16) string {
	if text, ok := cipherTexts()[id]; ok {
		return text
	}
	return tls.CipherSuiteName(id)
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

// groupText names a group as IANA's list has it; "" where keys were exchanged
// by RSA.
func groupText(id tls.CurveID) string {
	switch id {
	case 0:
		return ""
	case tls.CurveP256:
		return "secp256r1"
	case tls.CurveP384:
		return "secp384r1"
	case tls.CurveP521:
		return "secp521r1"
	case tls.X25519:
		return "x25519"
	}
	return id.String()
}

func (n *Net) handshakeFailure(ctx context.Context, s, hop *probes.Step, err error) error {
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return n.refusal(s, hop, v.UnverifiedCertificates, v.Err)
	}
	if isOldVersion(err) {
		err = fmt.Errorf("the server speaks only versions before TLS 1.2, which clients have given up: %w", err)
	}
	if isAlert(err) {
		return probes.Fail(probes.TLSAlert, err)
	}
	return handshaking.failure(ctx, err)
}

// refusal notes a chain that was refused and says why.
func (n *Net) refusal(s, hop *probes.Step, served []*x509.Certificate, refused error) error {
	now := n.Now()
	describe(served, nil).note(s, hop)
	s.Set(probes.AttrTLSStores, verdictTexts(n.trust.refusedVerdicts(served, refused, now)))
	code, at := diagnose(served, n.trust.roots, refused, now)
	s.Set(probes.AttrFault, fingerprint(at))
	return probes.Fail(code, errors.New(refusalText(served, code, at, refused, now)))
}

// refusalText says why served is refused, in words that lead to what to mend.
func refusalText(served []*x509.Certificate, code probes.Code, at *x509.Certificate, refused error, now time.Time) string {
	switch code {
	case probes.TLSHostname, probes.TLSRevoked:
		return refused.Error()
	case probes.TLSUntrusted:
		const no = "no way from it to a trusted root: "
		invalid, ok := errors.AsType[x509.CertificateInvalidError](refused)
		switch {
		case ok && invalid.Reason == x509.Expired: // of a certificate that leads nowhere
			return no + gap(served)
		case ok:
			return no + named(at) + ": " + refused.Error()
		}
		return no + gap(served) + ": " + refused.Error()
	}
	return certText(at, now)
}

// isAlert reports whether err is an alert the server sent; crypto/tls marks it
// by the operation alone.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// isOldVersion reports whether the server can't do any version of TLS that we
// offer: it says so by an alert, or answers in another, for which crypto/tls
// has no type.
func isOldVersion(err error) bool {
	const protocolVersion = tls.AlertError(70) // RFC 8446 §6
	if op, ok := errors.AsType[*net.OpError](err); ok && isAlert(err) {
		return op.Err.Error() == protocolVersion.Error()
	}
	return strings.Contains(err.Error(), "server selected unsupported protocol version")
}
