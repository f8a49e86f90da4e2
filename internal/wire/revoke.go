package wire

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sonde-media/sonde/probes"
)

const (
	maxStaple   = 64 << 10
	stapleSkew  = 5 * time.Minute // what clocks may differ by
	stapleGrace = 7 * day         // how long an answer without an end is believed
)

// What a stapled OCSP response says.
const (
	stapleGood    = "good"
	stapleRevoked = "revoked"
	stapleUnknown = "unknown" // that, or it can't be believed
)

// A staple is an OCSP response that a server sent along and that its authority
// signed (RFC 6066 §8, RFC 6960).
type staple struct {
	raw         []byte
	status      string
	reason      string // "" where revoked without one
	at          time.Time
	from, until time.Time // when it is to be believed
}

// A revokedError says that the authority has revoked a certificate.
type revokedError struct {
	cert   *x509.Certificate
	staple *staple
}

func (e *revokedError) Error() string {
	text := fmt.Sprintf("%s was revoked on %s", named(e.cert), stamp(e.staple.at))
	if e.staple.reason != "" {
		text += ", the reason being " + e.staple.reason
	}
	return text + ", says the stapled answer of its authority"
}

// revocation says what the response raw, stapled to c, makes of its leaf; ""
// where none is. What was found of the last response is kept with the chain,
// as servers staple one for days.
func (c *chain) revocation(raw []byte, now time.Time) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	s := c.staple.Load()
	if s == nil || !bytes.Equal(s.raw, raw) {
		s = readStaple(raw, c.path)
		c.staple.Store(s)
	}
	switch {
	case now.Before(s.from) || now.After(s.until):
		return stapleUnknown, nil
	case s.status == stapleRevoked:
		return stapleRevoked, &revokedError{c.path[0], s}
	}
	return s.status, nil
}

// readStaple reads a response for the first of path. What isn't signed as it
// must be says nothing.
func readStaple(raw []byte, path []*x509.Certificate) *staple {
	unknown := &staple{raw: bytes.Clone(raw[:min(len(raw), maxStaple)]), status: stapleUnknown}
	if len(raw) > maxStaple || len(path) < 2 {
		return unknown
	}
	var answer *ocsp.Response
	err := probes.Safely(func() (err error) {
		answer, err = ocsp.ParseResponseForCert(raw, path[0], path[1])
		return err
	})
	if err != nil || maySign(answer, path[1]) != nil {
		return unknown
	}
	s := &staple{
		raw: unknown.raw, status: stapleUnknown, at: answer.RevokedAt,
		from: answer.ThisUpdate.Add(-stapleSkew), until: answer.NextUpdate.Add(stapleSkew),
	}
	if answer.NextUpdate.IsZero() {
		s.until = answer.ThisUpdate.Add(stapleGrace)
	}
	switch answer.Status {
	case ocsp.Good:
		s.status = stapleGood
	case ocsp.Revoked:
		s.status, s.reason = stapleRevoked, revocationReasons[answer.RevocationReason]
	}
	return s
}

// maySign says whether who signed an answer may do so: the issuer itself, or
// one that the issuer gave this right (RFC 6960 §4.2.2.2). The library checks
// signatures alone, and every certificate of the issuer can make these.
func maySign(answer *ocsp.Response, issuer *x509.Certificate) error {
	by := answer.Certificate
	switch {
	case by == nil || by.Equal(issuer):
		return nil
	case !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("who signed it may not")
	case answer.ProducedAt.Before(by.NotBefore) || answer.ProducedAt.After(by.NotAfter):
		return errors.New("who signed it might not then")
	}
	return nil
}

// revocationReasons are those of RFC 5280 §5.3.1 that say something.
var revocationReasons = map[int]string{
	ocsp.KeyCompromise:        "a key that others know",
	ocsp.CACompromise:         "an authority's key that others know",
	ocsp.AffiliationChanged:   "a changed affiliation",
	ocsp.Superseded:           "a newer certificate",
	ocsp.CessationOfOperation: "an end of operation",
	ocsp.CertificateHold:      "a hold",
	ocsp.PrivilegeWithdrawn:   "a privilege withdrawn",
	ocsp.AACompromise:         "an attribute authority's key that others know",
}
