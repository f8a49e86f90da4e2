package wire

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A certificate that ends within noticeExpiry is worth a finding, within
// warnExpiry a warning.
const (
	noticeExpiry = 30 * 24 * time.Hour
	warnExpiry   = 3 * 24 * time.Hour
	maxChain     = 16 // certificates recorded of a chain
)

// leafKeys are the facts of the leaf that a hop repeats, so that a row of
// certificates can be made from the hop alone.
var leafKeys = []string{
	probes.AttrCertSubject, probes.AttrCertIssuer, probes.AttrCertNotBefore,
	probes.AttrCertNotAfter, probes.AttrCertSHA256,
}

// noteChain records the served chain on s, and its leaf on hop too.
func noteChain(s, hop *probes.Step, chain []*x509.Certificate) {
	if len(chain) == 0 {
		return
	}
	chain = chain[:min(len(chain), maxChain)]
	leaf := chain[0]
	for _, step := range []*probes.Step{s, hop} {
		step.Set(probes.AttrCertSubject, distinguished(leaf))
		step.Set(probes.AttrCertIssuer, leaf.Issuer.String())
		step.Set(probes.AttrCertNotBefore, stamp(leaf.NotBefore))
		step.Set(probes.AttrCertNotAfter, stamp(leaf.NotAfter))
		step.Set(probes.AttrCertSHA256, fingerprint(leaf))
	}
	s.Set(probes.AttrTLSSubject, each(chain, distinguished))
	s.Set(probes.AttrTLSIssuer, each(chain, func(c *x509.Certificate) string { return c.Issuer.String() }))
	s.Set(probes.AttrTLSSHA256, each(chain, fingerprint))
	s.Set(probes.AttrTLSBegin, each(chain, func(c *x509.Certificate) string { return stamp(c.NotBefore) }))
	s.Set(probes.AttrTLSEnd, each(chain, func(c *x509.Certificate) string { return stamp(c.NotAfter) }))
}

// chainFindings says what is or will be wrong with a chain that verified.
func chainFindings(chain []*x509.Certificate, host string, now time.Time) (findings []probes.Finding) {
	for _, c := range chain[:min(len(chain), maxChain)] {
		left := c.NotAfter.Sub(now)
		switch {
		case left < 0:
			findings = append(findings, probes.Note(probes.CertChainExpired, host, certText(c, now)))
		case left <= noticeExpiry:
			f := probes.Note(probes.CertExpiring, host, certText(c, now))
			if left <= warnExpiry {
				f.Severity = probes.Warning
			}
			findings = append(findings, f)
		}
	}
	return findings
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
	return fmt.Sprintf("certificate of %s by %s %s", subject(c), cmp.Or(c.Issuer.CommonName, c.Issuer.String()), state)
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
