package wire

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// maxChain is how many certificates are recorded and judged of a chain.
const maxChain = 16

// expiryDays are the thresholds, nearest first, that a certificate's end is
// told by; from warnDays on it is a warning.
var expiryDays = []int{1, 3, 7, 14, 30}

const (
	warnDays = 3
	day      = 24 * time.Hour
)

// leafKeys are the facts of the leaf that a hop repeats, so that a row of
// certificates can be made from the hop alone.
var leafKeys = []string{
	probes.AttrCertSubject, probes.AttrCertIssuer, probes.AttrCertNotBefore,
	probes.AttrCertNotAfter, probes.AttrCertSHA256,
}

// A fact is an attribute of a step.
type fact struct {
	key   string
	value any
}

// owned makes the fact once for all steps that it is noted on.
func owned(key string, v any) fact { return fact{key, probes.Own(v)} }

// facts are what is recorded of a chain: of its leaf on tls and hop, of the
// rest on tls alone.
type facts struct{ leaf, rest []fact }

// describe makes the facts of a served chain and of the path from its leaf to
// the root it was verified with, nil where there is none.
func describe(served, path []*x509.Certificate) facts {
	if len(served) == 0 {
		return facts{}
	}
	served = served[:min(len(served), maxChain)]
	leaf := served[0]
	return facts{
		leaf: []fact{
			owned(probes.AttrCertSubject, distinguished(leaf)),
			owned(probes.AttrCertIssuer, leaf.Issuer.String()),
			owned(probes.AttrCertNotBefore, stamp(leaf.NotBefore)),
			owned(probes.AttrCertNotAfter, stamp(leaf.NotAfter)),
			owned(probes.AttrCertSHA256, fingerprint(leaf)),
		},
		rest: []fact{
			owned(probes.AttrTLSSubject, each(served, distinguished)),
			owned(probes.AttrTLSIssuer, each(served, func(c *x509.Certificate) string { return c.Issuer.String() })),
			owned(probes.AttrTLSSHA256, each(served, fingerprint)),
			owned(probes.AttrTLSBegin, each(served, func(c *x509.Certificate) string { return stamp(c.NotBefore) })),
			owned(probes.AttrTLSEnd, each(served, func(c *x509.Certificate) string { return stamp(c.NotAfter) })),
			owned(probes.AttrTLSKeys, each(served, keyText)),
			owned(probes.AttrTLSSigned, each(served, func(c *x509.Certificate) string { return c.SignatureAlgorithm.String() })),
			owned(probes.AttrTLSPath, each(path, distinguished)),
			owned(probes.AttrTLSPathSHA, each(path, fingerprint)),
		},
	}
}

// note records the facts on s, those of the leaf on hop too.
func (f facts) note(s, hop *probes.Step) {
	for _, one := range f.leaf {
		s.Share(one.key, one.value)
		hop.Share(one.key, one.value)
	}
	for _, one := range f.rest {
		s.Share(one.key, one.value)
	}
}

// expiring returns the finding for a certificate that ends soon or has ended,
// "" as its code where there is nothing to say. Whether it is served or only
// the chosen path leads over it makes a difference: nobody can take it out of
// a chain that it isn't in.
func expiring(c *x509.Certificate, served bool, host string, now time.Time) probes.Finding {
	left := c.NotAfter.Sub(now)
	if left < 0 && served {
		detail := certText(c, now) + "; modern clients pass it by, strict ones (old OpenSSL, GnuTLS) refuse the chain"
		return probes.Note(probes.CertChainExpired, host, detail)
	}
	at := slices.IndexFunc(expiryDays, func(days int) bool { return left <= time.Duration(days)*day })
	if left < 0 || at < 0 {
		return probes.Finding{}
	}
	detail := fmt.Sprintf("%s (threshold: %s)", certText(c, now), dayText(expiryDays[at]))
	if !served {
		detail += "; it isn't served, but the chain leads over it"
	}
	f := probes.Note(probes.CertExpiring, host, detail)
	if expiryDays[at] <= warnDays {
		f.Severity = probes.Warning
	}
	return f
}

func dayText(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// What certificates of public authorities must be (CA/Browser Forum, Baseline
// Requirements 6.1.5, 6.3.2 and 7.1.3): the bounds that clients enforce too.
const (
	minRSABits  = 2048
	minECBits   = 256
	maxLifetime = 398 * day
)

var lifetimeSince = time.Date(2020, 9, 1, 0, 0, 0, 0, time.UTC) // when clients began to

// weaknesses says what is weak in a served chain, one text a certificate. Roots
// are trusted for what they are, not for their signature.
func weaknesses(served []*x509.Certificate) (texts []string) {
	for i, c := range served {
		root := selfSigned(c)
		var weak []string
		if key := keyText(c); isShort(c) && (i == 0 || !root) {
			weak = append(weak, "has a short key, "+key)
		}
		if isWeakSignature(c.SignatureAlgorithm) && !root {
			weak = append(weak, "is signed with "+c.SignatureAlgorithm.String())
		}
		if life := c.NotAfter.Sub(c.NotBefore); i == 0 && life > maxLifetime && isPublic(c) {
			weak = append(weak, fmt.Sprintf("is valid for %d days, where clients accept 398 of a public authority", int(life/day)))
		}
		if len(weak) > 0 {
			texts = append(texts, named(c)+" "+strings.Join(weak, " and "))
		}
	}
	return texts
}

func isShort(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() < minRSABits
	case *ecdsa.PublicKey:
		return key.Params().BitSize < minECBits
	}
	return false
}

func isWeakSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// isPublic reports whether c claims to follow the Baseline Requirements, by a
// policy of 2.23.140.1, from the time on that limits its life.
func isPublic(c *x509.Certificate) bool {
	for _, p := range c.PolicyIdentifiers {
		if len(p) > 4 && p[0] == 2 && p[1] == 23 && p[2] == 140 && p[3] == 1 {
			return !c.NotBefore.Before(lifetimeSince)
		}
	}
	return false
}

// selfSigned reports whether c names itself as its issuer and was signed with
// its own key.
func selfSigned(c *x509.Certificate) bool {
	if string(c.RawSubject) != string(c.RawIssuer) {
		return false
	}
	if isWeakSignature(c.SignatureAlgorithm) { // crypto/x509 no longer checks these
		return len(c.AuthorityKeyId) == 0 || string(c.AuthorityKeyId) == string(c.SubjectKeyId)
	}
	return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

func keyText(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	}
	return c.PublicKeyAlgorithm.String()
}

// certText names a certificate and says how it stands with its time.
func certText(c *x509.Certificate, now time.Time) string {
	state := fmt.Sprintf("expires in %s, on %s", probes.Roughly(c.NotAfter.Sub(now)), stamp(c.NotAfter))
	switch {
	case now.After(c.NotAfter):
		state = fmt.Sprintf("expired %s ago, on %s", probes.Roughly(now.Sub(c.NotAfter)), stamp(c.NotAfter))
	case now.Before(c.NotBefore):
		state = fmt.Sprintf("is valid in %s, from %s", probes.Roughly(c.NotBefore.Sub(now)), stamp(c.NotBefore))
	}
	return named(c) + " " + state
}

// named is what a certificate is called in a sentence.
func named(c *x509.Certificate) string {
	return fmt.Sprintf("certificate of %s by %s", subject(c), issuer(c))
}

// distinguished is the name that the conventions ask for; many certificates of
// hosts have none.
func distinguished(c *x509.Certificate) string { return cmp.Or(c.Subject.String(), subject(c)) }

// subject is the name a person knows the certificate by.
func subject(c *x509.Certificate) string {
	if c.Subject.CommonName == "" && len(c.DNSNames) > 0 {
		return strings.Join(c.DNSNames[:min(3, len(c.DNSNames))], ", ")
	}
	return cmp.Or(c.Subject.CommonName, c.Subject.String())
}

func issuer(c *x509.Certificate) string { return cmp.Or(c.Issuer.CommonName, c.Issuer.String()) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// fingerprint is the SHA-256 of a certificate in upper-case hexadecimal.
func fingerprint(c *x509.Certificate) string { return fmt.Sprintf("%X", sha256.Sum256(c.Raw)) }

func each(chain []*x509.Certificate, f func(*x509.Certificate) string) []string {
	list := make([]string, len(chain))
	for i, c := range chain {
		list[i] = f(c)
	}
	return list
}
