package wire

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A verifier says whether a served chain leads to a trusted root, for the name
// of a host, at a moment. What it found of chains that do it keeps and asks
// again when a date may have changed it; see [known]. The name is looked at
// each time.
type verifier struct {
	roots  *x509.CertPool // nil: the system's
	stores []Store
	known  known
}

func newVerifier(o Options) *verifier { return &verifier{roots: o.Roots, stores: o.Stores} }

// A chain is what is known of a served chain that leads to a trusted root. But
// for staple nothing of it changes.
type chain struct {
	served, path []*x509.Certificate // as they came; from the leaf to the root
	facts        facts
	dated        []dated // certificates whose end is worth a finding
	stores       []probes.Finding
	weak         []string
	from, until  time.Time // the verdict holds between
	staple       atomic.Pointer[staple]
}

type dated struct {
	cert   *x509.Certificate
	served bool
}

// verify returns the chain that served is of, for host. It fails with what
// crypto/x509 says; the leaf's dates come before the name, and the name before
// the way to a root.
func (v *verifier) verify(served []*x509.Certificate, host string, now time.Time) (*chain, error) {
	leaf := served[0]
	wrongName := checkName(leaf, host)
	if wrongName != nil && outOfTime(leaf, now) == "" {
		return nil, wrongName
	}
	now = now.Round(0) // dates are compared by the wall clock, which a machine asleep goes on with
	key := digest(served)
	c := v.known.get(key, now)
	if c == nil {
		var err error
		if c, err = v.follow(served, now); err != nil {
			return nil, err
		}
		v.known.put(key, c)
	}
	return c, wrongName
}

// checkName says whether leaf is for host. An address is a name too, though TLS
// doesn't send it along.
func checkName(leaf *x509.Certificate, host string) error {
	if host == "" { // to which crypto/x509 says yes
		return x509.HostnameError{Certificate: leaf, Host: host}
	}
	return leaf.VerifyHostname(host)
}

// follow verifies a served chain.
func (v *verifier) follow(served []*x509.Certificate, now time.Time) (*chain, error) {
	paths, err := pathsOf(served, v.roots, now)
	if err != nil {
		return nil, err
	}
	seen := slices.Concat(append(paths, served)...)
	path := slices.MaxFunc(paths, func(a, b []*x509.Certificate) int { return endOf(a).Compare(endOf(b)) })
	c := &chain{served: served, path: path, facts: describe(served, path)}
	judged := distinct(served)
	for _, one := range judged {
		c.dated = append(c.dated, dated{one, true})
	}
	for _, one := range path {
		if !slices.ContainsFunc(served, one.Equal) {
			c.dated = append(c.dated, dated{one, false})
		}
	}
	c.weak = weaknesses(judged)
	verdicts, more := v.storeVerdicts(served, now)
	c.facts.rest = append(c.facts.rest, owned(probes.AttrTLSStores, verdictTexts(verdicts)))
	c.stores = storeFindings(verdicts)
	c.from, c.until = window(append(seen, more...), now)
	return c, nil
}

// pathsOf returns the ways from the leaf of served to one of roots, at least
// one. It asks as crypto/tls does, but for the name.
func pathsOf(served []*x509.Certificate, roots *x509.CertPool, now time.Time) ([][]*x509.Certificate, error) {
	pool := x509.NewCertPool()
	for _, c := range served[1:] {
		pool.AddCert(c)
	}
	return served[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, CurrentTime: now})
}

// endOf is when the first certificate of a path ends.
func endOf(path []*x509.Certificate) time.Time {
	return slices.MinFunc(path, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

// distinct returns the first certificates of chain, each once.
func distinct(chain []*x509.Certificate) (list []*x509.Certificate) {
	for _, c := range chain {
		if len(list) < maxChain && !slices.ContainsFunc(list, c.Equal) {
			list = append(list, c)
		}
	}
	return list
}

// findings says what is or will be wrong with the chain that host serves.
func (c *chain) findings(host string, now time.Time) (list []probes.Finding) {
	for _, d := range c.dated {
		if f := expiring(d.cert, d.served, host, now); f.Code != "" {
			list = append(list, f)
		}
	}
	for _, text := range c.weak {
		list = append(list, probes.Note(probes.CertWeak, host, text))
	}
	for _, f := range c.stores {
		f.Host = host
		list = append(list, f)
	}
	return list
}

// diagnose says why served was refused where roots are trusted, and which
// certificate is at fault, not always the leaf. An issuer is at fault where the
// chain would be good within that issuer's time; Go reports some such chains as
// an unknown authority, and some chains of unknown authorities as expired.
func diagnose(served []*x509.Certificate, roots *x509.CertPool, refused error, now time.Time) (probes.Code, *x509.Certificate) {
	leaf := served[0]
	if _, ok := errors.AsType[x509.HostnameError](refused); ok {
		return probes.TLSHostname, leaf
	}
	if _, ok := errors.AsType[*revokedError](refused); ok {
		return probes.TLSRevoked, leaf
	}
	if code := outOfTime(leaf, now); code != "" {
		return code, leaf
	}
	suspects := slices.Clone(served[1:min(len(served), maxChain)])
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](refused); ok {
		suspects = append(suspects, invalid.Cert) // perhaps a root that isn't served
	}
	for _, c := range suspects {
		if code := outOfTime(c, now); code != "" && verifiesWithin(served, c, roots) {
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
func verifiesWithin(served []*x509.Certificate, c *x509.Certificate, roots *x509.CertPool) bool {
	begin := c.NotBefore
	for _, other := range served[1:] {
		if other.NotBefore.After(begin) && other.NotBefore.Before(c.NotAfter) {
			begin = other.NotBefore
		}
	}
	pool := x509.NewCertPool()
	for _, other := range served[1:] {
		pool.AddCert(other)
	}
	_, err := c.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: pool, CurrentTime: begin,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil && signedBelow(served, c)
}

// signedBelow reports whether signatures lead from the leaf of served to c.
func signedBelow(served []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(climb(served), func(at *x509.Certificate) bool { return at.CheckSignatureFrom(c) == nil })
}

// climb returns the leaf of served, who signed it, who signed that, as far as
// they are served.
func climb(served []*x509.Certificate) (way []*x509.Certificate) {
	rest := slices.Clone(served[1:min(len(served), maxChain)])
	for at, i := served[0], 0; ; {
		way = append(way, at)
		if i = slices.IndexFunc(rest, func(other *x509.Certificate) bool { return at.CheckSignatureFrom(other) == nil }); i < 0 {
			return way
		}
		at = rest[i] // before Delete clears what is behind the rest
		rest = slices.Delete(rest, i, i+1)
	}
}

// gap says where the way from the leaf of served to a trusted root ends.
func gap(served []*x509.Certificate) string {
	way := climb(served)
	last := way[len(way)-1]
	for _, c := range way {
		if isWeakSignature(c.SignatureAlgorithm) && !selfSigned(c) {
			return fmt.Sprintf("%s is signed with %s, which clients no longer accept", named(c), c.SignatureAlgorithm)
		}
	}
	switch {
	case !selfSigned(last):
		return missing(last, len(way) == 1)
	case len(way) == 1:
		return named(last) + " is self-signed"
	}
	return fmt.Sprintf("the served chain ends at the root %s, which isn't trusted", subject(last))
}

// missing tells of a certificate whose issuer is neither served nor trusted.
func missing(c *x509.Certificate, leaf bool) string {
	text := "the server sends no intermediate for "
	if !leaf {
		text = "the server sends no further intermediate for "
	}
	text += fmt.Sprintf("the %s: its issuer is neither served nor trusted", named(c))
	if len(c.IssuingCertificateURL) > 0 {
		text += "; some browsers fetch it by themselves, other clients don't"
	}
	return text
}
